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
  /** `events`: topics it may publish to, as filters. Absent: those of the manifest. */
  readonly topics?: readonly string[];
  /** `services`: names of services it may call. Absent: those the manifest requires. */
  readonly services?: readonly string[];
  /** By name of the capability's quota table. Absent: the default. */
  readonly quotas?: Readonly<Record<string, number>>;
}

/** What a version asks for of one capability beyond the installed version. */
export interface Addition {
  readonly capability: Capability;
  /** True where the installed version does not ask for the capability at all. */
  readonly isNew: boolean;
  /** Names beyond those of the installed version. */
  readonly hosts?: readonly string[];
  readonly topics?: readonly string[];
  readonly services?: readonly string[];
  /** The installed version names hosts, and this one asks for any. */
  readonly anyHost?: true;
  /** Quotas that are higher than the installed version's. */
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

/**
 * @param pattern  host name, `*.` for any subdomain at any depth, `:port` where it is not the scheme's
 * @param other    another pattern, or one host
 * @returns true where the pattern matches whatever the other one does
 */
export function coversHost(pattern: string, other: string): boolean {
  const [host = "", port = ""] = pattern.split(":");
  const [otherHost = "", otherPort = ""] = other.split(":");
  if (port !== otherPort) return false;
  return host === otherHost || (host.startsWith("*.") && otherHost.endsWith(host.slice(1)));
}

/** What is wrong with quotas for a capability: the name of each and a message. */
export function quotaProblems(capability: Capability, asked: Readonly<Record<string, number>>): [string, string][] {
  const known: Readonly<Record<string, QuotaSpec>> = CAPABILITIES[capability].quotas;
  return Object.entries(asked).flatMap(([name, value]): [string, string][] => {
    const spec = Object.hasOwn(known, name) ? known[name] : undefined;
    if (!spec) return [[name, `is not a quota of ${capability}; there are ${Object.keys(known).join(", ")}`]];
    if (value <= spec.maximum) return [];
    return [[name, `must be at most ${spec.maximum} ${spec.unit}, found ${value}`]];
  });
}
