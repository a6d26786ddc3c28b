import type { Environment } from "../../../sdk/contract/config/environments.ts";
import type { JsonObject } from "../../../sdk/contract/config/json-values.ts";
import type { SealedDocument } from "../config/configuration-record.ts";

/** One step of a canary. */
export interface CanaryStep {
  /** Basis points of the calls that the candidate runs: 1 to 10,000. */
  readonly share: number;
  /** Minutes that the step lasts at least. */
  readonly minutes: number;
}

/** Something in which the candidate answered a recorded call otherwise. Names places, codes, digests and counts, never content. */
export interface CaseDifference {
  readonly what: "output" | "failure" | "fuel" | "function" | "hostCalls";
  readonly recorded: string | number | null;
  readonly replayed: string | number | null;
}

/**
 * `fixed`: the recorded call failed by the plugin's fault, and the candidate answers it. `not-comparable`: the candidate asked the
 * platform for something that was not recorded, or the platform failed.
 */
export type CaseVerdict = "same" | "fixed" | "different" | "not-comparable";

export interface CaseReport {
  readonly executionId: string;
  readonly functionName: string;
  readonly verdict: CaseVerdict;
  readonly differences: readonly CaseDifference[];
}

/** `unproven`: there is too little to compare to say anything. */
export type GateOutcome = "passed" | "refused" | "unproven";

export interface GateReport {
  readonly outcome: GateOutcome;
  /** Share by which a call may use more fuel than recorded; 0.25 is a quarter more. */
  readonly fuelBand: number;
  /** Functions of the installed version that the candidate does not have. */
  readonly missingFunctions: readonly string[];
  /** Recorded calls that there was no time to replay. */
  readonly notRun: number;
  readonly cases: readonly CaseReport[];
}

export type UpgradeState = "refused" | "canary" | "promoted" | "returned" | "aborted" | "rolled-back";

export interface CanaryCounts {
  readonly candidateCalls: number;
  readonly candidateFaults: number;
  readonly incumbentCalls: number;
  readonly incumbentFaults: number;
}

/** A move of an install to another version, from the gate to its end. */
export interface Upgrade extends CanaryCounts {
  readonly id: string;
  readonly tenantId: string;
  readonly installId: string;
  readonly pluginId: string;
  readonly fromVersion: string;
  readonly version: string;
  readonly versionId: string;
  readonly state: UpgradeState;
  readonly reason: string | null;
  readonly forced: boolean;
  readonly gate: GateReport;
  readonly steps: readonly CanaryStep[];
  readonly step: number;
  /** Milliseconds since the epoch. */
  readonly stepStartedAt: number;
  readonly assignBy: "call" | "subject";
  readonly salt: string;
  readonly effective: Partial<Record<Environment, JsonObject>> | null;
  readonly secrets: SealedDocument["secrets"] | null;
  readonly startedBy: string;
  readonly startedAt: number;
  readonly endedAt: number | null;
  /** Objects that hold what the install had stored before; null: nothing is kept. */
  readonly storageSegments: number | null;
}

/** Which new versions an install takes by itself. */
export interface UpdatePolicy {
  readonly policy: "none" | "patch" | "minor";
  readonly channel: string;
  readonly pinned: boolean;
}

/** What holds where nothing was set. */
export const DEFAULT_POLICY: UpdatePolicy = { policy: "none", channel: "stable", pinned: false };
