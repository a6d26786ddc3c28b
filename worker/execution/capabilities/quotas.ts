import { CAPABILITIES, type Capability, type QuotaSpec } from "../../../sdk/contract/capabilities.ts";
import { PlatformError } from "../../../sdk/contract/errors.ts";
import { quotaOf, type Grant, type Grants } from "../../../sdk/contract/grants.ts";

/** Is told how much of a quota is used or held. */
export type PeakNote = (capability: Capability, quota: string, amount: number) => void;

/** What one call has used of its quotas that are counted per call. */
export class CallQuotas {
  readonly #grants: Grants;
  readonly #note: PeakNote;
  readonly #used = new Map<string, number>();

  constructor(grants: Grants, note: PeakNote) {
    this.#grants = grants;
    this.#note = note;
  }

  /**
   * Takes from a quota; nothing is taken where that would be too much.
   *
   * @param amount  in the unit of the quota
   * @throws {PlatformError} CAPABILITY_QUOTA_EXCEEDED, with what would have been used and what is allowed
   */
  take<Name extends Capability>(
    capability: Name,
    quota: keyof (typeof CAPABILITIES)[Name]["quotas"] & string,
    amount = 1,
  ): void {
    const key = `${capability}.${quota}`;
    const used = (this.#used.get(key) ?? 0) + amount;
    this.within(capability, quota, used);
    this.#used.set(key, used);
  }

  /**
   * Holds an amount against a quota that is not counted: the size of one thing, or what the install would hold.
   *
   * @throws {PlatformError} CAPABILITY_QUOTA_EXCEEDED
   */
  within<Name extends Capability>(
    capability: Name,
    quota: keyof (typeof CAPABILITIES)[Name]["quotas"] & string,
    used: number,
  ): void {
    requireWithin(capability, quota, used, this.#grants[capability] ?? {});
    this.#note(capability, quota, used);
  }

  /** Says how much of a quota the install holds. */
  held<Name extends Capability>(
    capability: Name,
    quota: keyof (typeof CAPABILITIES)[Name]["quotas"] & string,
    amount: number,
  ): void {
    this.#note(capability, quota, amount);
  }

  /** What may still be taken of a quota, in its unit. */
  left<Name extends Capability>(capability: Name, quota: keyof (typeof CAPABILITIES)[Name]["quotas"] & string): number {
    const allowed = quotaOf(capability, quota, this.#grants[capability] ?? {});
    return Math.max(0, allowed - (this.#used.get(`${capability}.${quota}`) ?? 0));
  }
}

/**
 * @param used  what there would be, in the unit of the quota
 * @throws {PlatformError} CAPABILITY_QUOTA_EXCEEDED
 */
export function requireWithin<Name extends Capability>(
  capability: Name,
  quota: keyof (typeof CAPABILITIES)[Name]["quotas"] & string,
  used: number,
  grant: Grant,
): void {
  const allowed = quotaOf(capability, quota, grant);
  if (used <= allowed) return;
  const specs: Readonly<Record<string, QuotaSpec>> = CAPABILITIES[capability].quotas;
  const spec = specs[quota];
  throw new PlatformError(
    "CAPABILITY_QUOTA_EXCEEDED",
    `The quota ${capability}.${quota} (${spec?.title}) is ${allowed} ${spec?.unit}; this call would make it ${used}.`,
    { limit: { name: `${capability}.${quota}`, used, allowed } },
  );
}
