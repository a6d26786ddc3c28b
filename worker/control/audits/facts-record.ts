import type { Issue } from "../../../sdk/contract/errors.ts";
import type { Grants } from "../../../sdk/contract/grants.ts";
import type { UsageSum } from "../grants/report-rules.ts";
import type { GrantRecord } from "../grants/rules.ts";

/** What an audit knows of an install, gathered before any rule looks at it. Times are milliseconds since the epoch. */

/** An object in the store, held against the digest that the database says. */
export interface ObjectFact {
  readonly what: "package" | "original" | "rewritten" | "files";
  /** SHA-256, hexadecimal. */
  readonly digest: string;
  /** SHA-256 of what the store holds; null where it holds nothing. */
  readonly found: string | null;
}

/** The install's entry of the execution snapshot, held against what the database says. */
export interface SnapshotFact {
  /** `behind`: an older revision than the database's; `differs`: the revision is right and the content is not. */
  readonly status: "current" | "behind" | "differs" | "missing" | "unreadable";
  readonly revision: number;
  readonly storedRevision: number | null;
  /** Names of the members that differ. */
  readonly differing: readonly string[];
}

export interface GrantFact {
  /** What the installed version asks for. */
  readonly asks: Grants;
  /** Grants in force. */
  readonly records: readonly GrantRecord[];
  /** What was used over the period. */
  readonly sums: readonly UsageSum[];
  readonly periodDays: number;
}

/** A sample of the calls of one function in one period. */
export interface CallSample {
  readonly calls: number;
  /** Of them, those that failed by the plugin's or an upstream service's fault. */
  readonly failed: number;
  /** Of those that succeeded: milliseconds, units of fuel, bytes; in no order. */
  readonly durations: readonly number[];
  readonly fuel: readonly number[];
  readonly memory: readonly number[];
  readonly versions: readonly string[];
  /** Executions that show most: the latest that failed, and the slowest. */
  readonly failedId: string | null;
  readonly slowestId: string | null;
}

export interface FunctionCalls {
  readonly functionName: string;
  /** Undefined: no calls in the period. */
  readonly recent: CallSample | undefined;
  readonly baseline: CallSample | undefined;
}

export interface AdvisoryFact {
  readonly advisoryId: string;
  readonly range: string;
  readonly severity: "critical" | "high" | "medium" | "low";
}

export interface VersionFact {
  readonly version: string;
  readonly yanked: { readonly at: number; readonly reason: string } | null;
  readonly advisories: readonly AdvisoryFact[];
  /** Digests of it that are known to be harmful by now, with what they are. */
  readonly knownBad: readonly { readonly digest: string; readonly what: string }[];
  /** The newest release of its owner that may be installed and is newer. */
  readonly newer: string | null;
  readonly dependencies: readonly DependencyFact[];
}

export interface DependencyFact {
  readonly pluginId: string;
  readonly range: string;
  /** What the tenant has installed of it; null: nothing. */
  readonly installed: string | null;
  readonly advisories: readonly AdvisoryFact[];
  readonly yanked: boolean;
}

export interface ConfigFact {
  /** Revision that holds; 0: there is none. */
  readonly revision: number;
  /** What is wrong with it; messages are about the schema. */
  readonly issues: readonly Issue[];
  /** Whether a secret in it could not be opened. */
  readonly sealed: boolean;
}

export interface ExpiryFact {
  readonly id: string;
  readonly name: string;
  readonly expiresAt: number;
}

/** What rules can need; a part is absent where it could not be gathered, and its rules then judge nothing. */
export interface FactParts {
  readonly objects: readonly ObjectFact[];
  readonly snapshot: SnapshotFact;
  readonly grants: GrantFact;
  readonly calls: readonly FunctionCalls[];
  readonly version: VersionFact;
  readonly config: ConfigFact;
  /** Secrets of webhooks that were replaced and sign for a while longer. */
  readonly replacedSecrets: readonly ExpiryFact[];
  /** How often the circuit breaker opened in the last day. */
  readonly breaker: { readonly opened: number };
  readonly state: { readonly state: string; readonly since: number };
  /** API keys of the tenant that expire. */
  readonly keys: readonly ExpiryFact[];
}
export type FactPart = keyof FactParts;

export interface Facts {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly parts: Partial<FactParts>;
}
