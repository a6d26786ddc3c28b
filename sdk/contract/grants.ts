import { CAPABILITIES, type Capability, type QuotaSpec } from "./capabilities.ts";

/**
 * What an install may do: compiled into the snapshot from what its manifest asks for and what an admin granted. A
 * capability that is absent is refused.
 */
export type Grants = { readonly [Name in Capability]?: Grant };

/** Everything in it narrows; an empty grant is the capability with its default quotas. */
export interface Grant {
  /** `http`, `webhooks`: host names, `*.` for any subdomain, `:port` where it is not the scheme's. Absent: any public host. */
  readonly hosts?: readonly string[];
  /** `events`: topics it may publish to, the last segment may be `*`. Absent: those of the manifest. */
  readonly topics?: readonly string[];
  /** `services`: names of services it may call. Absent: those the manifest requires. */
  readonly services?: readonly string[];
  /** By name of the capability's quota table. Absent: the default. */
  readonly quotas?: Readonly<Record<string, number>>;
}

/**
 * The quota in force: the granted one, else the default, never over the maximum.
 *
 * @param quota  name in the capability's table
 * @returns in the unit of the table
 */
export function quotaOf<Name extends Capability>(
  capability: Name,
  quota: keyof (typeof CAPABILITIES)[Name]["quotas"] & string,
  grant: Grant,
): number {
  const quotas: Readonly<Record<string, QuotaSpec>> = CAPABILITIES[capability].quotas;
  const spec = quotas[quota];
  if (!spec) throw new TypeError(`The capability ${capability} has no quota ${quota}.`);
  return Math.min(grant.quotas?.[quota] ?? spec.default, spec.maximum);
}
