import type { BreakerState, Fault, Move } from "./breaker-rules.ts";
import type { Tally, WindowName } from "./tally-rules.ts";
import type { Forced, Verdict } from "./verdict-rules.ts";

/** What travels between workers and the health object. Structured-clonable data only. */

/** What one worker isolate saw of one version since its last report. */
export interface Report {
  readonly version: string;
  readonly tally: Tally;
  /** Calls that were admitted while the breaker was closed and ended without fault. */
  readonly good: number;
  /** Those that ended in one; ages instead of times, since clocks of machines differ. */
  readonly faults: readonly ReportedFault[];
  /** How the probe ended whose lease the worker held; absent: it held none. */
  readonly probe?: ReportedProbe;
}

export interface ReportedFault extends Omit<Fault, "at"> {
  readonly ageMs: number;
}

export interface ReportedProbe {
  readonly token: string;
  /** Null: it succeeded; absent: it ended by somebody else's doing. */
  readonly fault?: ReportedFault | null;
}

export interface Answer {
  readonly verdict: Verdict;
  /** Moves that this very report or question made, so that each is told once. */
  readonly moves: readonly Move[];
}

export interface ProbeAnswer extends Answer {
  readonly admitted: boolean;
}

/** Everything known of an install. */
export interface HealthDescription {
  /** First report; null where there was none. */
  readonly seenSince: number | null;
  readonly forced: Forced | null;
  readonly versions: readonly VersionHealth[];
  /** Share of the time in which calls were not refused, 0 to 1. */
  readonly uptime: { readonly day: number; readonly week: number };
  /** Latest moves, newest first. */
  readonly moves: readonly (Move & { readonly version: string })[];
}

export interface VersionHealth {
  readonly version: string;
  readonly verdict: Verdict;
  /** Probes that succeeded one after the other, and how long the breaker stays open next time. */
  readonly goodProbes: number;
  readonly coolDownMs: number | null;
  readonly state: BreakerState;
  readonly windows: Readonly<Record<WindowName, Tally>>;
}
