import type { Role } from "../../sdk/contract/roles.ts";
import type { Mode } from "../../sdk/contract/modes.ts";

/**
 * The platform's mode as a pure machine: normal → fallback (enough failures) → recovering (a good probe) → normal (several);
 * emergency by an operator or a deployment that does not fit its data. Times are milliseconds since the epoch.
 */

/** Failures count for so long. */
export const WINDOW_MS = 60_000;
/** Good probes in a row that end the recovery. */
export const GOOD_PROBES = 3;
/** Least time between two probes of the platform, whoever makes them. */
export const PROBE_PAUSE_MS = 1_000;
/** Moves that nobody has recorded yet; beyond that the oldest go. */
export const UNTOLD = 200;

/** Why the mode is as it is. */
export type ModeCause = "start" | "failures" | "probes" | "operator" | "environment";

export interface ModeState {
  readonly mode: Mode;
  /** When it was entered. */
  readonly since: number;
  readonly reason: string;
  readonly cause: ModeCause;
  /** Counts the moves. */
  readonly revision: number;
  /** Parts that did not answer last. */
  readonly lost: readonly string[];
  readonly failures: readonly number[];
  readonly goodProbes: number;
  readonly probedAt: number;
  /** Failures within the window that make the platform fall back; the value of the settings known last. */
  readonly threshold: number;
  /** Whether good probes end fallback. */
  readonly autoRecovery: boolean;
  /** Dangers of the deployment that an operator took upon himself. */
  readonly accepted: string | null;
  /** Digest of the deployment seen last; null: none yet. */
  readonly environment: string | null;
}

export const FIRST_STATE: ModeState = {
  mode: "normal",
  since: 0,
  reason: "",
  cause: "start",
  revision: 0,
  lost: [],
  failures: [],
  goodProbes: 0,
  probedAt: 0,
  threshold: 5,
  autoRecovery: true,
  accepted: null,
  environment: null,
};

type Move = Pick<ModeState, "mode" | "reason" | "cause"> & Partial<ModeState>;

function move(state: ModeState, now: number, to: Move): ModeState {
  return { ...state, failures: [], goodProbes: 0, ...to, since: now, revision: state.revision + 1 };
}

function fallBack(state: ModeState, lost: readonly string[], now: number): ModeState {
  const reason = `${lost.join(" and ")} did not answer`;
  return move(state, now, { mode: "fallback", reason, cause: "failures", lost });
}

/** A part failed so many times. */
export function failed(state: ModeState, part: string, count: number, now: number): ModeState {
  const lost = state.lost.includes(part) ? state.lost : [...state.lost, part];
  const recent = state.failures.filter((at) => now - at < WINDOW_MS);
  const failures = [...recent, ...Array.from({ length: count }, () => now)].slice(-state.threshold);
  if (state.mode === "recovering") return fallBack(state, [part], now);
  if (state.mode !== "normal") return { ...state, lost };
  const known = recent.length === 0 ? [part] : lost;
  return failures.length >= state.threshold ? fallBack(state, known, now) : { ...state, failures, lost: known };
}

/** Probes were made. @param lost  parts that did not answer; empty: all did */
export function probed(state: ModeState, lost: readonly string[], now: number): ModeState {
  const seen = { ...state, probedAt: now };
  if (lost.length > 0) return lost.reduce((next, part) => failed(next, part, 1, now), { ...seen, goodProbes: 0 });
  const goodProbes = state.goodProbes + 1;
  if (state.mode === "recovering") {
    const reason = `${goodProbes} probes in a row were good`;
    return goodProbes >= GOOD_PROBES
      ? move(seen, now, { mode: "normal", reason, cause: "probes", lost: [] })
      : { ...seen, goodProbes };
  }
  const leaves = state.mode === "fallback" && state.cause !== "operator" && state.autoRecovery;
  if (leaves)
    return move(seen, now, { mode: "recovering", reason: "all answer", cause: "probes", lost: [], goodProbes: 1 });
  return { ...seen, lost: [] };
}

/** An operator decides. A mode that was chosen so is left only by another decision. */
export function chosen(
  state: ModeState,
  choice: { readonly mode: Mode; readonly reason: string },
  now: number,
): ModeState {
  const accepted = choice.mode === "normal" && state.cause === "environment" ? state.reason : state.accepted;
  return move(state, now, { ...choice, cause: "operator", lost: [], accepted });
}

/** The deployment was held against its data. Dangers say what could do damage, in words; none: it fits. */
export function judged(
  known: ModeState,
  { digest, dangers }: { readonly digest: string; readonly dangers: readonly string[] },
  now: number,
): ModeState {
  const state = known.environment === digest ? known : { ...known, environment: digest };
  const reason = dangers.join("; ");
  if (dangers.length === 0) {
    const mended = state.mode === "emergency" && state.cause === "environment";
    return mended
      ? move(state, now, {
          mode: "recovering",
          reason: "the deployment fits its data again",
          cause: "environment",
          lost: [],
        })
      : state;
  }
  if (state.mode === "emergency" || state.accepted === reason) return state;
  return move(state, now, { mode: "emergency", reason, cause: "environment" });
}

/** Who decided, for the audit log. */
export interface ModeActor {
  readonly tenantId: string;
  readonly subject: string;
  readonly roles: readonly Role[];
  readonly traceId?: string;
}

/** A move that is to be recorded. */
export interface ModeMove {
  readonly id: string;
  readonly from: Mode;
  readonly to: Mode;
  readonly at: number;
  readonly reason: string;
  readonly cause: ModeCause;
  /** Null where nobody decided. */
  readonly by: ModeActor | null;
}
