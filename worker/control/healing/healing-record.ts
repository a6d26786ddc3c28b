/** What is kept of one attempt to heal an install. */

/** What can be done for an install. The last one is only for operators, and to undo. */
export const REMEDIES = ["restart", "repair", "rollback", "safe-mode", "quarantine", "leave-safe-mode"] as const;
export type Remedy = (typeof REMEDIES)[number];

/** Who saw that something is wrong: the circuit breaker, an audit, the records of executions, a person. */
export const CAUSES = ["breaker", "finding", "executions", "operator"] as const;
export type Cause = (typeof CAUSES)[number];

/**
 * `running`: not ended yet. `unproven`: it was done, and nothing shows whether it helped. `undone`: it did not help and was
 * taken back. `failed`: it could not be done, or did not help and cannot be taken back. `dry-run`: nothing was done.
 */
export const HEALING_OUTCOMES = ["running", "helped", "unproven", "undone", "failed", "dry-run"] as const;
export type HealingOutcome = (typeof HEALING_OUTCOMES)[number];

/** An install as the healer found it, or left it. */
export interface InstallFacts {
  readonly version: string;
  readonly state: string;
  readonly safeMode: boolean;
  readonly generation: number;
  /** State of the circuit breaker; null where it could not be asked. */
  readonly breaker: string | null;
  /** Calls counted: before the remedy those of the last minutes, after it those since it began. */
  readonly calls: number;
  readonly failed: number;
  /** Failed calls by error code. */
  readonly faults: Readonly<Record<string, number>>;
  readonly openFindings: number;
}

/** What was tried to see whether a remedy helped. */
export interface HealingVerification {
  readonly verdict: "helped" | "not-helped" | "unproven";
  /** Recorded calls that had failed and were run again. */
  readonly failing: { readonly replayed: number; readonly succeeded: number };
  /** Recorded calls that had succeeded and were run again. */
  readonly good: { readonly replayed: number; readonly succeeded: number };
  /** What the plugin's own `health_check` says; null where it was not asked. */
  readonly healthCheck: string | null;
  /** One or two sentences for people. */
  readonly explanation: string;
}

export interface HealingEvent {
  /** ULID. */
  readonly id: string;
  readonly tenantId: string;
  readonly installId: string;
  readonly pluginId: string;
  readonly cause: Cause;
  /** Error code or kind of finding. */
  readonly code: string | null;
  readonly remedy: Remedy;
  readonly reason: string;
  readonly before: InstallFacts;
  readonly after: InstallFacts | null;
  readonly verification: HealingVerification | null;
  readonly outcome: HealingOutcome;
  readonly subject: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly endedAt: number | null;
}

/** Longest text that a reason or an explanation keeps, in UTF-16 units. */
export const REASON_LENGTH = 500;
