import {
  askProbe,
  BREAKER,
  closedBreaker,
  count,
  endProbe,
  type Breaker,
  type Fault,
} from "../../../durable-objects/plugin-health/breaker-rules.ts";
import { addTallies, emptyTally, type Tally } from "../../../durable-objects/plugin-health/tally-rules.ts";
import { verdictOf, type Verdict } from "../../../durable-objects/plugin-health/verdict-rules.ts";
import type { SnapshotInstall } from "../snapshot.ts";

/** What one worker isolate knows of breakers, and has yet to report. Times are milliseconds since the epoch. */

/** A verdict this young is used as it is; an older one is asked for again before the call. */
export const VERDICT_MS = 2_000;
/** Good calls are reported at most this often for each install; the answer brings a new verdict. */
export const REPORT_MS = 1_000;
/** How long a call waits at most for a verdict. */
export const PATIENCE_MS = 100;
/** How long an object that did not answer is left alone. */
export const UNREACHABLE_MS = 2_000;
/** Faults kept for an object that does not answer. */
const UNREPORTED_FAULTS = BREAKER.leastCalls;
/** Versions remembered at once; the one unused for longest goes first. */
const CAPACITY = 10_000;

/** Calls that ended and are not reported. */
export interface Unreported {
  readonly tally: Tally;
  readonly good: number;
  readonly faults: readonly Fault[];
}

/** Whose call it was: as much as a report says of it. Plain data. */
export interface ReportedInstall {
  readonly tenantId: string;
  readonly install: SnapshotInstall;
}

/** One version of an install, as this worker isolate sees it. */
export interface BreakerEntry {
  /** What the object said last; undefined before its first answer. */
  verdict: Verdict | undefined;
  /** When it said so. */
  answeredAt: number;
  /** Until then nobody asks an object that did not answer. */
  unreachableUntil: number;
  /** Until then somebody asks for leave to probe. */
  askingUntil: number;
  reportedAt: number;
  unreported: Unreported;
  /** Of the last call that ended; undefined before the first. */
  called: ReportedInstall | undefined;
  /** Grows with each fault; an answer to a question asked before the last one does not overrule the local breaker. */
  faultsSeen: number;
  /** Decides while the object does not answer, and refuses from the fault that opens it, not only from the answer. */
  local: Breaker;
}

/** What to do with a call. */
export type Decision =
  | { readonly next: "admit"; readonly isLocalProbe: boolean }
  | { readonly next: "refuse"; readonly verdict: Verdict }
  /** The verdict is too old, or there is none. */
  | { readonly next: "ask-verdict" }
  /** The object alone can admit one. */
  | { readonly next: "ask-probe" };

/** One per worker isolate, shared by all requests; plain data. */
export class BreakerBook {
  /** Entries with calls that nobody has reported yet, whether or not their version is still called. */
  readonly unreported = new Set<BreakerEntry>();
  /** When somebody last looked through those. */
  caughtUpAt = 0;
  readonly #entries = new Map<string, BreakerEntry>();

  entry(installId: string, version: string, now: number): BreakerEntry {
    const key = `${installId} ${version}`;
    const known = this.#entries.get(key);
    if (known) return known;
    const oldest = this.#entries.keys().next();
    if (this.#entries.size >= CAPACITY && !oldest.done) this.#entries.delete(oldest.value);
    const entry: BreakerEntry = {
      verdict: undefined,
      answeredAt: 0,
      unreachableUntil: 0,
      askingUntil: 0,
      reportedAt: 0,
      unreported: nothingUnreported(),
      called: undefined,
      faultsSeen: 0,
      local: closedBreaker(now),
    };
    this.#entries.set(key, entry);
    return entry;
  }
}

export function nothingUnreported(): Unreported {
  return { tally: emptyTally(), good: 0, faults: [] };
}

export function addUnreported(one: Unreported, other: Unreported): Unreported {
  return {
    tally: addTallies(one.tally, other.tally),
    good: one.good + other.good,
    faults: [...one.faults, ...other.faults].slice(-UNREPORTED_FAULTS),
  };
}

/**
 * Decides on a call. While the object does not answer the local breaker decides alone: calls are made as long as they do not
 * fail here.
 *
 * @param token    names the call, where it becomes a local probe
 * @param leaseMs  longest that the call can take
 */
export function decide(entry: BreakerEntry, token: string, leaseMs: number, now: number): Decision {
  const { verdict, answeredAt, local } = entry;
  if (entry.unreachableUntil > now) return decideLocally(entry, token, leaseMs, now);
  if (!verdict || now - answeredAt >= VERDICT_MS) return { next: "ask-verdict" };
  if (verdict.forced) return verdict.state === "closed" ? ADMITTED : { next: "refuse", verdict };
  if (verdict.state === "closed") {
    return local.phase.state === "closed" ? ADMITTED : { next: "refuse", verdict: verdictOf(local, null) };
  }
  const isDue = verdict.nextProbeAt !== null && verdict.nextProbeAt <= now;
  return isDue && entry.askingUntil <= now ? { next: "ask-probe" } : { next: "refuse", verdict };
}

const ADMITTED: Decision = { next: "admit", isLocalProbe: false };

/** @see decide */
export function decideLocally(entry: BreakerEntry, token: string, leaseMs: number, now: number): Decision {
  const { verdict, local } = entry;
  if (verdict?.forced?.state === "open") return { next: "refuse", verdict };
  if (verdict?.forced || local.phase.state === "closed") return ADMITTED;
  const asked = askProbe(local, token, leaseMs, now);
  entry.local = asked.breaker;
  return asked.admitted
    ? { next: "admit", isLocalProbe: true }
    : { next: "refuse", verdict: verdictOf(asked.breaker, null) };
}

/**
 * Takes in what the object said. The local breaker follows, so that it goes on from there should the object not answer any more.
 *
 * @param faultsSeen  the entry's when the question was asked
 */
export function adopt(entry: BreakerEntry, verdict: Verdict, faultsSeen: number, now: number): void {
  entry.verdict = verdict;
  entry.answeredAt = now;
  entry.unreachableUntil = 0;
  const { state, since, nextProbeAt, why, forced } = verdict;
  if (state === "closed" || forced) {
    const isOverruled = entry.local.phase.state !== "closed" && faultsSeen === entry.faultsSeen;
    if (isOverruled || forced) entry.local = closedBreaker(now);
    return;
  }
  const phase = { state: "open", probeAt: nextProbeAt ?? now, coolDownMs: BREAKER.firstCoolDownMs } as const;
  entry.local = { ...closedBreaker(since), latest: now, phase, why };
}

/** Counts the end of a call here, before anybody is told. */
export function countLocally(
  entry: BreakerEntry,
  probeToken: string | undefined,
  fault: Fault | null,
  now: number,
): void {
  if (fault) entry.faultsSeen += 1;
  if (entry.verdict?.forced) return;
  const { breaker } =
    probeToken === undefined
      ? count(entry.local, fault ? 0 : 1, fault ? [fault] : [], now)
      : endProbe(entry.local, probeToken, fault, now);
  entry.local = breaker;
}
