/**
 * The circuit breaker of one version of an install, as a machine without clock or store: closed → open → half-open → closed.
 * Every time is in milliseconds since the epoch. Time never runs backwards in it: a step dated earlier than the last one counts
 * as made then.
 */

export const BREAKER = {
  /** It opens at this many faults within the window, however many calls there were … */
  faults: 5,
  faultWindowMs: 30_000,
  /** … and where this share of at least so many calls ended in one, within a longer window. */
  faultShare: 0.5,
  leastCalls: 20,
  callWindowMs: 600_000,
  /** How long it stays open before a probe; doubled each time a probe fails. */
  firstCoolDownMs: 30_000,
  longestCoolDownMs: 600_000,
  /** Probes that must succeed, one after the other. */
  goodProbes: 3,
} as const;

/** Calls are counted in slices of this length, so that what is kept stays small. */
const SLICE_MS = 30_000;
const FORMAT = 1;

/** A call that failed by the plugin's own doing. */
export interface Fault {
  readonly at: number;
  readonly code: string;
  readonly executionId: string;
  readonly configRevision: number;
}

/** What a breaker opened for. */
export interface Why {
  readonly cause: "faults" | "fault-share" | "probe-failed";
  /** Faults by error code, within the window that decided. */
  readonly codes: Readonly<Record<string, number>>;
  readonly faults: number;
  /** Calls within that window whose outcome says something of the plugin; as many as faults where only faults decided. */
  readonly calls: number;
  readonly windowMs: number;
  readonly configRevision: number;
  /** The latest faults, newest first: each may have a recording. */
  readonly executionIds: readonly string[];
}

interface Slice {
  readonly start: number;
  readonly calls: number;
  readonly faults: number;
}

/** Leave to make one call. Who never says how it ended loses it. */
interface Lease {
  readonly token: string;
  readonly expiresAt: number;
}

export type Phase =
  | { readonly state: "closed" }
  | { readonly state: "open"; readonly probeAt: number; readonly coolDownMs: number }
  | { readonly state: "half-open"; readonly coolDownMs: number; readonly good: number; readonly lease: Lease | null };

export type BreakerState = Phase["state"];

export interface Breaker {
  readonly format: typeof FORMAT;
  /** When the state was entered. */
  readonly since: number;
  /** The latest time known. */
  readonly latest: number;
  readonly phase: Phase;
  /** Latest faults while closed, oldest first. */
  readonly faults: readonly Fault[];
  readonly slices: readonly Slice[];
  /** Null while closed. */
  readonly why: Why | null;
}

/** A move from one state to another. */
export interface Move {
  readonly from: BreakerState;
  readonly to: BreakerState;
  readonly at: number;
  readonly cause: Why["cause"] | "cool-down-over" | "probes-succeeded" | "reset";
  readonly why: Why | null;
}

export interface Step {
  readonly breaker: Breaker;
  /** Absent where the state is the same. */
  readonly move?: Move;
}

export function closedBreaker(now: number): Breaker {
  return { format: FORMAT, since: now, latest: now, phase: { state: "closed" }, faults: [], slices: [], why: null };
}

/**
 * Counts calls that were admitted while it was closed. What ends after it has opened changes nothing any more.
 *
 * @param good    calls that ended without fault
 * @param faults  in any order; each may be older than now
 */
export function count(known: Breaker, good: number, faults: readonly Fault[], now: number): Step {
  const breaker = at(known, now);
  const { latest, phase } = breaker;
  if (phase.state !== "closed") return { breaker };
  const recent = [...breaker.faults, ...faults]
    .filter((fault) => latest - fault.at < BREAKER.callWindowMs)
    .toSorted((one, other) => one.at - other.at)
    .slice(-BREAKER.leastCalls);
  const slices = addTo(breaker.slices, { calls: good + faults.length, faults: faults.length }, latest);
  const counted = { ...breaker, faults: recent, slices };
  const why = reasonToOpen(counted);
  return why ? open(counted, BREAKER.firstCoolDownMs, why) : { breaker: counted };
}

/**
 * Asks for leave to make one call although it is not closed. At most one holds such leave at a time.
 *
 * @param token    names the asker's lease
 * @param leaseMs  longest that the call can take
 * @returns with `admitted` false where the cool-down is not over or another probe is in flight
 */
export function askProbe(
  known: Breaker,
  token: string,
  leaseMs: number,
  now: number,
): Step & { readonly admitted: boolean } {
  const breaker = at(known, now);
  const { latest, phase } = breaker;
  const due = nextProbeAt(breaker);
  if (phase.state === "closed" || due === null || due > latest) return { breaker, admitted: false };
  const lease = { token, expiresAt: latest + leaseMs };
  if (phase.state === "half-open") return { breaker: { ...breaker, phase: { ...phase, lease } }, admitted: true };
  const next: Phase = { state: "half-open", coolDownMs: phase.coolDownMs, good: 0, lease };
  return { ...moved(breaker, next, "cool-down-over"), admitted: true };
}

/**
 * Ends the probe that holds the lease; another one's end, or a late one's, changes nothing.
 *
 * @param fault  null: it succeeded; undefined: it ended by somebody else's doing, which says nothing of the plugin
 */
export function endProbe(known: Breaker, token: string, fault: Fault | null | undefined, now: number): Step {
  const breaker = at(known, now);
  const { phase } = breaker;
  if (phase.state !== "half-open" || phase.lease?.token !== token) return { breaker };
  if (fault) {
    const coolDownMs = Math.min(2 * phase.coolDownMs, BREAKER.longestCoolDownMs);
    return open({ ...breaker, faults: [fault] }, coolDownMs, { ...describe([fault], 1, 0), cause: "probe-failed" });
  }
  const good = phase.good + (fault === null ? 1 : 0);
  if (good < BREAKER.goodProbes) return { breaker: { ...breaker, phase: { ...phase, good, lease: null } } };
  return close(breaker, "probes-succeeded");
}

/** Closes it and forgets what it counted, whatever it was. */
export function reset(known: Breaker, now: number): Step {
  const breaker = at(known, now);
  if (breaker.phase.state === "closed") return { breaker: { ...breaker, faults: [], slices: [] } };
  return close(breaker, "reset");
}

/** Lets the next one who asks probe it without waiting for the cool-down. */
export function probeSoon(known: Breaker, now: number): Breaker {
  const breaker = at(known, now);
  const { phase, latest } = breaker;
  return phase.state === "open"
    ? { ...breaker, phase: { ...phase, probeAt: Math.min(phase.probeAt, latest) } }
    : breaker;
}

/** From when a probe may be asked for; null while closed. */
export function nextProbeAt({ phase, since }: Breaker): number | null {
  if (phase.state === "closed") return null;
  return phase.state === "open" ? phase.probeAt : (phase.lease?.expiresAt ?? since);
}

export function breakerText(breaker: Breaker): string {
  return JSON.stringify(breaker);
}

/** @returns undefined where the text is not of this format: whoever wrote it knew another machine */
export function parseBreaker(text: string): Breaker | undefined {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || !("format" in value) || value.format !== FORMAT) return undefined;
  return value as Breaker; // the format says who wrote it
}

function at(breaker: Breaker, now: number): Breaker {
  return now > breaker.latest ? { ...breaker, latest: now } : breaker;
}

function reasonToOpen({ faults, slices, latest }: Breaker): Why | undefined {
  const within = faults.filter((fault) => latest - fault.at < BREAKER.faultWindowMs);
  if (within.length >= BREAKER.faults) {
    return { ...describe(within, within.length, BREAKER.faultWindowMs), cause: "faults" };
  }
  const calls = slices.reduce((sum, slice) => sum + slice.calls, 0);
  const failed = slices.reduce((sum, slice) => sum + slice.faults, 0);
  if (calls < BREAKER.leastCalls || failed < calls * BREAKER.faultShare) return undefined;
  return { ...describe(faults, calls, BREAKER.callWindowMs), cause: "fault-share", faults: failed };
}

function describe(faults: readonly Fault[], calls: number, windowMs: number): Omit<Why, "cause"> {
  const codes: Record<string, number> = {};
  for (const { code } of faults) codes[code] = (codes[code] ?? 0) + 1;
  const newest = faults.toReversed();
  const configRevision = newest[0]?.configRevision ?? 0;
  const executionIds = newest.slice(0, BREAKER.faults).map(({ executionId }) => executionId);
  return { codes, faults: faults.length, calls, windowMs, configRevision, executionIds };
}

function addTo(slices: readonly Slice[], added: Omit<Slice, "start">, now: number): readonly Slice[] {
  const start = Math.floor(now / SLICE_MS) * SLICE_MS;
  const kept = slices.filter((slice) => now - slice.start < BREAKER.callWindowMs);
  const last = kept.at(-1);
  if (last?.start !== start) return [...kept, { start, ...added }];
  return [...kept.slice(0, -1), { start, calls: last.calls + added.calls, faults: last.faults + added.faults }];
}

function open(breaker: Breaker, coolDownMs: number, why: Why): Step {
  const phase: Phase = { state: "open", probeAt: breaker.latest + coolDownMs, coolDownMs };
  return moved({ ...breaker, why }, phase, why.cause);
}

function close(breaker: Breaker, cause: Move["cause"]): Step {
  const { move, breaker: next } = moved(breaker, { state: "closed" }, cause);
  return { breaker: { ...next, faults: [], slices: [], why: null }, ...(move ? { move } : {}) };
}

function moved(breaker: Breaker, phase: Phase, cause: Move["cause"]): Step {
  const { latest, why } = breaker;
  const move = { from: breaker.phase.state, to: phase.state, at: latest, cause, why };
  return { breaker: { ...breaker, phase, since: latest }, move };
}
