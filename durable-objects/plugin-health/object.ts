import { StatefulObject } from "../object-state/object.ts";
import type { StateScope } from "../object-state/state.ts";
import {
  askProbe,
  breakerText,
  closedBreaker,
  count,
  endProbe,
  parseBreaker,
  probeSoon,
  reset,
  type Breaker,
  type Fault,
  type Step,
} from "./breaker-rules.ts";
import type { Answer, HealthDescription, ProbeAnswer, Report, ReportedFault, VersionHealth } from "./report-rules.ts";
import { FIRST_GENERATION, replaceFailed, type Generations, type Replacement } from "./rules.ts";
import { addTallies, emptyTally, firstSlice, KEPT_MS, sliceOf, WINDOWS, type Tally } from "./tally-rules.ts";
import { noteOutage, OUTAGES_KEPT_MS, uptime, verdictOf, type Forced, type Outage } from "./verdict-rules.ts";

const GENERATIONS = "generations";
const FORCED = "forced";
const OUTAGES = "outages";
const MOVES = "moves";
const SEEN_SINCE = "seen-since";
/** One value for each version: the breaker as text. */
const BREAKERS = "breaker:";
/** One value for each slice of time and version. */
const TALLIES = "tally:";
const SLICE_DIGITS = 10;
const MOVES_KEPT = 50;
const DAY_MS = 24 * 3_600_000;

/**
 * What outlives the isolates of one install: its breakers, one for each version, and what became of its calls. Never loads
 * plugin code, so it shares no fate with what it watches. All of it is storage, so that eviction, restart and deploy lose nothing.
 */
export class PluginHealth extends StatefulObject {
  /** Generations count isolates that were made, whatever state comes back. */
  protected readonly scope: StateScope = { object: "PluginHealth", tables: "ours", except: [GENERATIONS] };

  /** @returns what replaces a generation that failed; durable before it is answered */
  async replaceGeneration(failed: number): Promise<Replacement> {
    const known = (await this.ctx.storage.get<Generations>(GENERATIONS)) ?? FIRST_GENERATION;
    const { answer, next } = replaceFailed(known, failed, Date.now());
    if (next !== known) await this.ctx.storage.put(GENERATIONS, next);
    return answer;
  }

  /** A generation that replaces the current one though it has not failed: counted like any other. */
  async renewGeneration(): Promise<Replacement> {
    const known = (await this.ctx.storage.get<Generations>(GENERATIONS)) ?? FIRST_GENERATION;
    return this.replaceGeneration(known.current);
  }

  /** Takes in what a worker saw, and answers what holds now. */
  report({ version, tally, good, faults, probe }: Report): Answer {
    const now = Date.now();
    this.#addTally(version, tally, now);
    // What an operator ordered holds whatever happens, so nothing is counted that would decide otherwise afterwards.
    const saysNothing = good === 0 && faults.length === 0 && !probe;
    if (saysNothing || this.#forced()) return this.verdict(version);
    const known = this.#breaker(version, now);
    const counted = count(
      known,
      good,
      faults.map((fault) => dated(fault, now)),
      now,
    );
    const steps: Step[] = [counted];
    if (probe) {
      const fault = probe.fault ? dated(probe.fault, now) : probe.fault;
      steps.push(endProbe(counted.breaker, probe.token, fault, now));
    }
    return this.#keep(version, steps, now);
  }

  /** What holds now, without a report. */
  verdict(version: string): Answer {
    return { verdict: verdictOf(this.#breaker(version, Date.now()), this.#forced()), moves: [] };
  }

  /**
   * Leave for one call of a breaker that is not closed.
   *
   * @param token    names the lease; the report of the call's end gives it back
   * @param leaseMs  longest that the call can take
   */
  askProbe(version: string, token: string, leaseMs: number): ProbeAnswer {
    const now = Date.now();
    if (this.#forced()) return { ...this.verdict(version), admitted: false };
    const step = askProbe(this.#breaker(version, now), token, leaseMs, now);
    return { ...this.#keep(version, [step], now), admitted: step.admitted };
  }

  /** Orders a state for all versions, or with null takes the order back: then each version begins closed. */
  force(order: Omit<Forced, "since"> | null): HealthDescription {
    const now = Date.now();
    const { kv } = this.ctx.storage;
    if (order) kv.put(FORCED, { ...order, since: now });
    else kv.delete(FORCED);
    for (const { version } of this.#versions()) this.#keep(version, [reset(this.#breaker(version, now), now)], now);
    this.#noteOutage(order?.state ?? "closed", now);
    return this.describe();
  }

  /** Closes the version's breaker and forgets its faults: after a repair that was verified. */
  reset(version: string): Answer {
    const now = Date.now();
    return this.#keep(version, [reset(this.#breaker(version, now), now)], now);
  }

  /** Lets the next call probe an open breaker without waiting for its cool-down. */
  probeSoon(version: string): Answer {
    const now = Date.now();
    return this.#keep(version, [{ breaker: probeSoon(this.#breaker(version, now), now) }], now);
  }

  /** Everything known. */
  describe(): HealthDescription {
    const now = Date.now();
    const { kv } = this.ctx.storage;
    const forced = this.#forced();
    const seenSince = kv.get<number>(SEEN_SINCE) ?? null;
    const outages = kv.get<readonly Outage[]>(OUTAGES) ?? [];
    const since = seenSince ?? now;
    return {
      seenSince,
      forced,
      versions: this.#versions().map(({ version, breaker }) => this.#describeVersion(version, breaker, now)),
      uptime: { day: uptime(outages, DAY_MS, since, now), week: uptime(outages, OUTAGES_KEPT_MS, since, now) },
      moves: this.#moves(),
    };
  }

  #describeVersion(version: string, breaker: Breaker, now: number): VersionHealth {
    const windows = Object.fromEntries(
      Object.entries(WINDOWS).map(([name, ms]) => [name, this.#sum(version, firstSlice(ms, now))]),
    ) as VersionHealth["windows"]; // the table's own names
    const { phase } = breaker;
    return {
      version,
      verdict: verdictOf(breaker, this.#forced()),
      state: phase.state,
      goodProbes: phase.state === "half-open" ? phase.good : 0,
      coolDownMs: phase.state === "closed" ? null : phase.coolDownMs,
      windows,
    };
  }

  #sum(version: string, from: number): Tally {
    const slices = this.ctx.storage.kv.list<Tally>({ start: tallyKey(from, ""), end: `${TALLIES}~` });
    let sum = emptyTally();
    for (const [key, tally] of slices) if (key.slice(tallyKey(0, "").length) === version) sum = addTallies(sum, tally);
    return sum;
  }

  #addTally(version: string, tally: Tally, now: number): void {
    if (tally.calls === 0 && tally.refused === 0) return;
    const { kv } = this.ctx.storage;
    if (kv.get(SEEN_SINCE) === undefined) kv.put(SEEN_SINCE, now);
    const key = tallyKey(sliceOf(now), version);
    const known = kv.get<Tally>(key);
    if (!known) this.#deleteOld(now);
    kv.put(key, known ? addTallies(known, tally) : tally);
  }

  /** Slices past their time, and breakers of versions of which nothing is left. */
  #deleteOld(now: number): void {
    const { kv } = this.ctx.storage;
    const end = tallyKey(firstSlice(KEPT_MS, now), "");
    const old = Array.from(kv.list({ prefix: TALLIES, end }), ([key]) => key);
    for (const key of old) kv.delete(key);
    for (const { version, breaker } of this.#versions()) {
      if (breaker.phase.state === "closed" && now - breaker.latest > KEPT_MS) kv.delete(BREAKERS + version);
    }
  }

  #keep(version: string, steps: readonly Step[], now: number): Answer {
    const { kv } = this.ctx.storage;
    const moves = steps.flatMap(({ move }) => (move ? [move] : []));
    const breaker = steps.at(-1)?.breaker ?? closedBreaker(now);
    kv.put(BREAKERS + version, breakerText(breaker));
    if (moves.length > 0) {
      const told = moves.map((move) => ({ ...move, version })).toReversed();
      kv.put(MOVES, [...told, ...this.#moves()].slice(0, MOVES_KEPT));
    }
    const verdict = verdictOf(breaker, this.#forced());
    if (moves.length > 0) this.#noteOutage(verdict.state, now);
    return { verdict, moves };
  }

  #noteOutage(state: Answer["verdict"]["state"], now: number): void {
    const { kv } = this.ctx.storage;
    const known = kv.get<readonly Outage[]>(OUTAGES) ?? [];
    const next = noteOutage(known, state, now);
    if (next !== known) kv.put(OUTAGES, next);
  }

  #breaker(version: string, now: number): Breaker {
    const text = this.ctx.storage.kv.get<string>(BREAKERS + version);
    return (text === undefined ? undefined : parseBreaker(text)) ?? closedBreaker(now);
  }

  #versions(): readonly { readonly version: string; readonly breaker: Breaker }[] {
    const now = Date.now();
    const names = [...this.ctx.storage.kv.list({ prefix: BREAKERS })].map(([key]) => key.slice(BREAKERS.length));
    return names.map((version) => ({ version, breaker: this.#breaker(version, now) }));
  }

  #moves(): HealthDescription["moves"] {
    return this.ctx.storage.kv.get<HealthDescription["moves"]>(MOVES) ?? [];
  }

  #forced(): Forced | null {
    return this.ctx.storage.kv.get<Forced>(FORCED) ?? null;
  }
}

function tallyKey(slice: number, version: string): string {
  return `${TALLIES}${String(slice).padStart(SLICE_DIGITS, "0")}:${version}`;
}

function dated({ ageMs, ...fault }: ReportedFault, now: number): Fault {
  return { ...fault, at: now - Math.max(0, ageMs) };
}
