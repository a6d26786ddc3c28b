import { CAPABILITIES, type Capability, type CapabilitySpec } from "../../../sdk/contract/capabilities.ts";
import { quotaOf, type Grant, type Grants } from "../../../sdk/contract/grants.ts";
import { covered, entriesOf, scopeOf, type Scope } from "./rules.ts";

/** What is granted, held against what was used. */

export const DAY_MS = 86_400_000;

/** Days since the epoch of a time in milliseconds. */
export function dayOf(time: number): number {
  return Math.floor(time / DAY_MS);
}

/** Sums over a period. */
export interface UsageSum {
  readonly capability: Capability;
  /** Empty: all of the capability; else one host, topic or service. */
  readonly scope: string;
  readonly executions: number;
  readonly calls: number;
  readonly refused: number;
  readonly bytes: number;
  /** Largest of one execution. */
  readonly peakCalls: number;
  readonly peakBytes: number;
  readonly lastUsedAt: number;
}

/** Of one quota or error, over a period. */
export interface UsageDetail {
  readonly capability: Capability;
  readonly kind: "peak" | "refusal";
  /** The quota, or the error. */
  readonly name: string;
  readonly sum: number;
  readonly most: number;
}

/** One capability's sums of each day, oldest first. */
export interface DailyUsage extends Omit<UsageSum, "scope" | "lastUsedAt"> {
  /** Days since the epoch. */
  readonly day: number;
}

export interface ScopeUse {
  readonly name: string;
  readonly executions: number;
  readonly lastUsedAt: number | null;
}

export interface CapabilityReport {
  readonly capability: Capability;
  /** What an admin may want to do about it. */
  readonly verdict: "used" | "partly-used" | "unused" | "missed" | "not-granted";
  readonly granted: Grant | undefined;
  readonly executions: number;
  readonly calls: number;
  readonly refused: number;
  readonly bytes: number;
  readonly lastUsedAt: number | null;
  /** Hosts, topics or services that the grant names, each with its use. */
  readonly scopes: readonly ScopeUse[];
  /** Those that were asked for and no grant covers. */
  readonly missed: readonly ScopeUse[];
}

export interface GrantReport {
  readonly capabilities: readonly CapabilityReport[];
  /** The least grants under which the same calls would have been served; undefined where nothing was used to judge by. */
  readonly suggestion: Grants | undefined;
}

/**
 * @param asks     what the version asks for
 * @param granted  grants in force
 * @param sums     what was used over the period
 */
export function reportOn(asks: Grants, granted: Grants, sums: readonly UsageSum[]): GrantReport {
  const used = new Set(sums.map(({ capability }) => capability));
  const names = new Set([...entriesOf(asks), ...entriesOf(granted)].map(([name]) => name).concat([...used]));
  const capabilities = [...names].map((capability) => reportOne(capability, granted[capability], sums));
  return { capabilities, suggestion: used.size === 0 ? undefined : suggest(granted, sums) };
}

function reportOne(capability: Capability, granted: Grant | undefined, sums: readonly UsageSum[]): CapabilityReport {
  const own = sums.filter((sum) => sum.capability === capability);
  const total = own.find((sum) => sum.scope === "");
  const touched = own.filter((sum) => sum.scope !== "");
  const scope = scopeOf(capability);
  const names = scope ? granted?.[scope] : undefined;
  const scopes = scope && names ? names.map((name) => useOf(scope, name, touched)) : touched.map(showSum);
  const missed = scope && names ? touched.filter((sum) => !covered(scope, names, sum.scope)).map(showSum) : [];
  const { executions = 0, calls = 0, refused = 0, bytes = 0, lastUsedAt = null } = total ?? {};
  return {
    capability,
    verdict: verdictOn(granted, calls, refused, scopes),
    granted,
    executions,
    calls,
    refused,
    bytes,
    lastUsedAt,
    scopes: granted ? scopes : [],
    missed: granted ? missed : touched.map(showSum),
  };
}

function verdictOn(
  granted: Grant | undefined,
  calls: number,
  refused: number,
  scopes: readonly ScopeUse[],
): CapabilityReport["verdict"] {
  if (!granted) return refused > 0 ? "missed" : "not-granted";
  if (calls === 0) return "unused";
  return scopes.some(({ executions }) => executions === 0) ? "partly-used" : "used";
}

/** Uses of all names that a granted one covers. */
function useOf(scope: Scope, name: string, touched: readonly UsageSum[]): ScopeUse {
  const own = touched.filter((sum) => covered(scope, [name], sum.scope));
  return {
    name,
    executions: own.reduce((count, sum) => count + sum.executions, 0),
    lastUsedAt: own.length > 0 ? Math.max(...own.map((sum) => sum.lastUsedAt)) : null,
  };
}

function showSum({ scope, executions, lastUsedAt }: UsageSum): ScopeUse {
  return { name: scope, executions, lastUsedAt };
}

/** What was used of what is granted: capabilities that were called, and of their names those that were touched. */
function suggest(granted: Grants, sums: readonly UsageSum[]): Grants {
  return Object.fromEntries(
    entriesOf(granted).flatMap(([capability, grant]): [Capability, Grant][] => {
      const own = sums.filter((sum) => sum.capability === capability);
      const total = own.find((sum) => sum.scope === "");
      if (!total || total.calls <= total.refused) return [];
      const scope = scopeOf(capability);
      const names = scope && grant[scope];
      if (!scope || !names) return [[capability, grant]];
      const used = own.map((sum) => sum.scope).filter((name) => name !== "" && covered(scope, names, name));
      return [[capability, { ...grant, [scope]: used.sort() }]];
    }),
  );
}

export interface QuotaUse {
  readonly quota: string;
  readonly title: string;
  readonly unit: string;
  readonly per: "call" | "install";
  readonly limit: number;
  /** Most that one execution used, or found held, over the period; undefined where none told it. */
  readonly peak: number | undefined;
}

/**
 * Quotas in force with what executions used of them.
 *
 * @param sum    the capability's total over the period
 * @param peaks  of its quotas, by name
 */
export function quotaUses(
  capability: Capability,
  grant: Grant,
  sum: UsageSum | undefined,
  peaks: ReadonlyMap<string, number> = new Map(),
): QuotaUse[] {
  const spec: CapabilitySpec = CAPABILITIES[capability];
  return Object.entries(spec.quotas).map(([quota, { title, unit, per, measure }]) => ({
    quota,
    title,
    unit,
    per,
    limit: quotaOf(capability, quota as never, grant), // its own table's name
    peak: peaks.get(quota) ?? (measure === "calls" ? (sum?.peakCalls ?? 0) : undefined),
  }));
}
