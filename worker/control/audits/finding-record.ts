/** What an audit finds, and what is kept of it. */

/** Most severe first. */
export const FINDING_SEVERITIES = ["critical", "high", "medium", "low", "info"] as const;
export type FindingSeverity = (typeof FINDING_SEVERITIES)[number];

export const FINDING_STATES = ["open", "acknowledged", "fixed"] as const;
export type FindingState = (typeof FINDING_STATES)[number];

/** What a machine, or a person, can do about a finding; `none`: only a person can, as the text says. */
export const REMEDY_ACTIONS = [
  "restart",
  "repair",
  "rollback",
  "safe-mode",
  "quarantine",
  "revoke-grant",
  "set-config",
  "update",
  "none",
] as const;
export type RemedyAction = (typeof REMEDY_ACTIONS)[number];

/** One problem of one install, as a rule decides it from facts. */
export interface Finding {
  /** Row of the table of rules. */
  readonly rule: string;
  /** Tells findings of one rule and install apart, the same at every audit. */
  readonly key: string;
  readonly severity: FindingSeverity;
  /** Names, ids, digests and numbers: never configuration, input or output. */
  readonly evidence: Readonly<Record<string, unknown>>;
  readonly remedy: { readonly action: RemedyAction; readonly text: string };
  /** Execution whose recording shows it. */
  readonly recordingId?: string | undefined;
}

/** A change of state, oldest first in a finding's history. */
export interface FindingHistory {
  readonly state: FindingState;
  readonly at: number;
  readonly by: string;
  readonly reason?: string;
}

/** A finding as the database holds it. */
export interface FindingRow {
  readonly id: string;
  readonly tenantId: string;
  /** Both empty where it concerns the tenant and no install. */
  readonly installId: string;
  readonly pluginId: string;
  readonly rule: string;
  readonly dedupKey: string;
  readonly severity: FindingSeverity;
  readonly evidence: Readonly<Record<string, unknown>>;
  readonly remedy: RemedyAction;
  readonly remedyText: string;
  readonly state: FindingState;
  readonly stateBy: string | null;
  readonly stateReason: string | null;
  readonly firstSeenAt: number;
  readonly lastSeenAt: number;
  readonly stateSince: number;
  readonly count: number;
  readonly auditId: string;
  readonly recordingId: string | null;
  readonly history: readonly FindingHistory[];
}
