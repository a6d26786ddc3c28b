import { nextProbeAt, type Breaker, type BreakerState, type Why } from "./breaker-rules.ts";

/** What callers are told of an install's breaker. Times are milliseconds since the epoch. */

/** An operator's order, which overrules the breaker of every version until it is taken back. */
export interface Forced {
  readonly state: "open" | "closed";
  readonly reason: string;
  readonly by: string;
  readonly since: number;
}

export interface Verdict {
  /** Only while closed a call may be made without asking. */
  readonly state: BreakerState;
  readonly since: number;
  /** From when a probe may be asked for; null where none is needed, or none is made because an operator ordered so. */
  readonly nextProbeAt: number | null;
  /** Null where it is closed or forced. */
  readonly why: Why | null;
  /** Present where an operator ordered the state. */
  readonly forced?: Forced;
}

export function verdictOf(breaker: Breaker, forced: Forced | null): Verdict {
  if (forced) return { state: forced.state, since: forced.since, nextProbeAt: null, why: null, forced };
  const { phase, since, why } = breaker;
  return { state: phase.state, since, nextProbeAt: nextProbeAt(breaker), why };
}

/** A time in which calls were refused; `to` is null while it lasts. */
export interface Outage {
  readonly from: number;
  readonly to: number | null;
}

/** Outages are kept this long, and at most so many. */
export const OUTAGES_KEPT_MS = 7 * 24 * 3_600_000;
export const OUTAGES_KEPT = 200;

/** The outages with what a verdict says now. */
export function noteOutage(outages: readonly Outage[], state: BreakerState, now: number): readonly Outage[] {
  const last = outages.at(-1);
  const isDown = last?.to === null;
  if (isDown === (state !== "closed")) return outages;
  if (last && isDown) return [...outages.slice(0, -1), { from: last.from, to: now }];
  const kept = outages.filter(({ to }) => to === null || now - to < OUTAGES_KEPT_MS);
  return [...kept.slice(1 - OUTAGES_KEPT), { from: now, to: null }];
}

/**
 * Share of a period in which calls were not refused, 0 to 1.
 *
 * @param seenSince  since when the install is known; the period begins there at the earliest
 */
export function uptime(outages: readonly Outage[], periodMs: number, seenSince: number, now: number): number {
  const from = Math.max(now - periodMs, seenSince);
  if (from >= now) return outages.at(-1)?.to === null ? 0 : 1;
  const down = outages.reduce(
    (sum, outage) => sum + Math.max(0, Math.min(outage.to ?? now, now) - Math.max(outage.from, from)),
    0,
  );
  return 1 - down / (now - from);
}
