import { describe, expect, test } from "vitest";
import {
  askProbe,
  BREAKER,
  breakerText,
  closedBreaker,
  count,
  endProbe,
  nextProbeAt,
  parseBreaker,
  probeSoon,
  reset,
  type Breaker,
  type Fault,
  type Step,
} from "../../../durable-objects/plugin-health/breaker-rules.ts";
import { numbersFrom } from "./numbers.ts";

const NOW = 1_000_000_000;
const LEASE = 5_000;

function faultAt(at: number, code = "PLUGIN_TRAPPED"): Fault {
  return { at, code, executionId: `execution-${at}`, configRevision: 3 };
}

/** Counts one fault at each of the times. */
function failAt(times: readonly number[], known: Breaker = closedBreaker(NOW)): Step {
  return times.reduce<Step>(({ breaker }, time) => count(breaker, 0, [faultAt(time)], time), { breaker: known });
}

const BURST = [0, 1, 2, 3, 4].map((offset) => NOW + offset);
const OPENED = failAt(BURST).breaker;
const PROBE_AT = NOW + 4 + BREAKER.firstCoolDownMs;
const PROBED = askProbe(OPENED, "probe-1", LEASE, PROBE_AT).breaker;

function goodProbes(known: Breaker, times: number): Step {
  let step: Step = { breaker: known };
  for (let probe = 0; probe < times; probe++) {
    const token = `good-${probe}`;
    const asked = askProbe(step.breaker, token, LEASE, step.breaker.latest + 1);
    expect(asked.admitted).toBe(true);
    step = endProbe(asked.breaker, token, null, asked.breaker.latest + 1);
  }
  return step;
}

describe("each transition", () => {
  const late = PROBE_AT + 10;
  test.each<[string, Step, string, string | undefined]>([
    ["closed, 4 faults in 30 s", failAt(BURST.slice(1)), "closed", undefined],
    ["closed, 5 faults in 30 s", failAt(BURST), "open", "faults"],
    [
      "closed, 5 faults, the first just within",
      failAt([NOW, NOW + 1, NOW + 2, NOW + 3, NOW + 29_999]),
      "open",
      "faults",
    ],
    [
      "closed, 5 faults, the first just outside",
      failAt([NOW, NOW + 30_000, NOW + 30_001, NOW + 30_002, NOW + 30_003]),
      "closed",
      undefined,
    ],
    [
      "closed, reported together",
      count(
        closedBreaker(NOW),
        0,
        BURST.map((at) => faultAt(at)),
        NOW + 10,
      ),
      "open",
      "faults",
    ],
    ["open, late faults", failAt([NOW + 5], OPENED), "open", undefined],
    ["open, asked too early", askProbe(OPENED, "a", LEASE, PROBE_AT - 1), "open", undefined],
    ["open, asked in time", askProbe(OPENED, "a", LEASE, PROBE_AT), "half-open", "cool-down-over"],
    ["open, probed soon", askProbe(probeSoon(OPENED, NOW + 10), "a", LEASE, NOW + 10), "half-open", "cool-down-over"],
    ["open, reset", reset(OPENED, late), "closed", "reset"],
    ["half-open, asked while a probe is in flight", askProbe(PROBED, "b", LEASE, late), "half-open", undefined],
    ["half-open, asked after the lease", askProbe(PROBED, "b", LEASE, PROBE_AT + LEASE), "half-open", undefined],
    ["half-open, probe succeeds", endProbe(PROBED, "probe-1", null, late), "half-open", undefined],
    ["half-open, probe says nothing", endProbe(PROBED, "probe-1", undefined, late), "half-open", undefined],
    ["half-open, probe fails", endProbe(PROBED, "probe-1", faultAt(late), late), "open", "probe-failed"],
    ["half-open, another one's probe fails", endProbe(PROBED, "other", faultAt(late), late), "half-open", undefined],
    ["half-open, late faults", failAt([late], PROBED), "half-open", undefined],
    [
      "half-open, two more probes succeed",
      goodProbes(endProbe(PROBED, "probe-1", null, late).breaker, 1),
      "half-open",
      undefined,
    ],
    [
      "half-open, three probes succeed",
      goodProbes(endProbe(PROBED, "probe-1", null, late).breaker, 2),
      "closed",
      "probes-succeeded",
    ],
    ["half-open, reset", reset(PROBED, late), "closed", "reset"],
    ["closed, reset", reset(failAt(BURST.slice(1)).breaker, late), "closed", undefined],
    ["closed, a probe is asked for", askProbe(closedBreaker(NOW), "a", LEASE, late), "closed", undefined],
  ])("%s", (_name, { breaker, move }, state, cause) => {
    expect(breaker.phase.state).toBe(state);
    expect(move?.cause).toBe(cause);
    if (move) expect(move).toMatchObject({ to: state, at: breaker.latest });
  });
});

describe("share of faults", () => {
  /** One call every 20 s, so that never five faults are within 30 s. */
  function slowly(outcomes: readonly ("good" | "fault")[]): Breaker {
    return outcomes.reduce((breaker, outcome, index) => {
      const time = NOW + index * 20_000;
      return count(breaker, outcome === "good" ? 1 : 0, outcome === "fault" ? [faultAt(time)] : [], time).breaker;
    }, closedBreaker(NOW));
  }
  const good = Array<"good">(10).fill("good");
  const bad = Array<"fault">(10).fill("fault");

  test("opens at half of twenty calls", () => {
    expect(slowly([...good, ...bad.slice(1)]).phase.state).toBe("closed");
    expect(slowly([...good, ...bad])).toMatchObject({
      phase: { state: "open" },
      why: { cause: "fault-share", faults: 10, calls: 20, codes: { PLUGIN_TRAPPED: 10 } },
    });
    expect(slowly([...good, "good", ...bad]).phase.state).toBe("closed");
  });

  test("does not open before twenty calls", () => {
    expect(slowly([...bad, ...bad.slice(1)]).phase.state).toBe("closed");
    expect(slowly([...bad, ...bad]).phase.state).toBe("open");
  });

  test("forgets calls after ten minutes", () => {
    const old = count(slowly([...good, ...bad.slice(1)]), 0, [], NOW + 1_200_000).breaker;
    expect(count(old, 0, [faultAt(NOW + 1_200_001)], NOW + 1_200_001).breaker.phase.state).toBe("closed");
  });
});

describe("cool-down", () => {
  test("doubles with each probe that fails, to ten minutes, and begins anew after closing", () => {
    let breaker = OPENED;
    const waits: number[] = [];
    for (let round = 0; round < 7; round++) {
      const due = nextProbeAt(breaker) ?? 0;
      waits.push(due - breaker.since);
      const asked = askProbe(breaker, "again", LEASE, due);
      breaker = endProbe(asked.breaker, "again", faultAt(due), due).breaker;
    }
    expect(waits).toEqual([30_000, 60_000, 120_000, 240_000, 480_000, 600_000, 600_000]);
    const closed = reset(breaker, breaker.latest).breaker;
    const reopened = failAt(
      [1, 2, 3, 4, 5].map((offset) => closed.latest + offset),
      closed,
    ).breaker;
    expect((nextProbeAt(reopened) ?? 0) - reopened.since).toBe(BREAKER.firstCoolDownMs);
  });

  test("a prober that is lost blocks only for its lease", () => {
    expect(nextProbeAt(PROBED)).toBe(PROBE_AT + LEASE);
    expect(askProbe(PROBED, "b", LEASE, PROBE_AT + LEASE - 1).admitted).toBe(false);
    const taken = askProbe(PROBED, "b", LEASE, PROBE_AT + LEASE);
    expect(taken.admitted).toBe(true);
    expect(endProbe(taken.breaker, "probe-1", null, PROBE_AT + LEASE + 1).breaker).toMatchObject({
      phase: { good: 0, lease: { token: "b" } },
    });
  });
});

test("why: codes, counts, configuration and the executions that show it, newest first", () => {
  const { breaker } = BURST.reduce<Step>(
    (step, time, index) => count(step.breaker, 2, [faultAt(time, index === 2 ? "FUEL_EXHAUSTED" : undefined)], time),
    { breaker: closedBreaker(NOW) },
  );
  expect(breaker.why).toEqual({
    cause: "faults",
    codes: { PLUGIN_TRAPPED: 4, FUEL_EXHAUSTED: 1 },
    faults: 5,
    calls: 5,
    windowMs: 30_000,
    configRevision: 3,
    executionIds: BURST.toReversed().map((at) => `execution-${at}`),
  });
});

test("text of another format is not taken for a breaker", () => {
  expect(parseBreaker('{"format":2}')).toBeUndefined();
  expect(parseBreaker("null")).toBeUndefined();
});

describe("random sequences", () => {
  test.each(Array.from({ length: 60 }, (_, seed) => seed))("seed %i keeps every invariant", (seed) => {
    const next = numbersFrom(seed);
    let breaker = closedBreaker(NOW);
    let now = NOW;
    let held: { readonly token: string; readonly until: number } | undefined;
    let goodInRow = 0;
    for (let step = 0; step < 400; step++) {
      // A clock that is sometimes set back, and sometimes far ahead.
      now += Math.floor(next() * 20_000) - 3_000 + (next() < 0.05 ? 200_000 : 0);
      const before = breaker;
      const time = Math.max(now, before.latest);
      const draw = next();
      if (draw < 0.45) {
        const faults = Array.from({ length: Math.floor(next() * 3) }, () => faultAt(now - Math.floor(next() * 5_000)));
        breaker = count(before, Math.floor(next() * 3), faults, now).breaker;
      } else if (draw < 0.75) {
        const asked = askProbe(before, `token-${step}`, LEASE, now);
        breaker = asked.breaker;
        if (asked.admitted) {
          // Never while open and not due; never a second one while the first holds its lease.
          expect(before.phase.state).not.toBe("closed");
          if (before.phase.state === "open") {
            expect(time).toBeGreaterThanOrEqual(before.phase.probeAt);
            expect(time - before.since).toBeGreaterThanOrEqual(BREAKER.firstCoolDownMs);
            goodInRow = 0;
          }
          if (held) expect(time).toBeGreaterThanOrEqual(held.until);
          held = { token: `token-${step}`, until: time + LEASE };
        } else {
          expect(breaker.phase).toEqual(before.phase);
        }
      } else {
        const token = next() < 0.8 && held ? held.token : `token-${Math.floor(next() * 400)}`;
        const fault = ([null, undefined, faultAt(now)] as const)[Math.floor(next() * 3)];
        const holds = before.phase.state === "half-open" && before.phase.lease?.token === token;
        breaker = endProbe(before, token, fault, now).breaker;
        if (holds) {
          held = undefined;
          goodInRow += fault === null ? 1 : 0;
          if (breaker.phase.state === "closed") expect(goodInRow).toBe(BREAKER.goodProbes);
        } else {
          expect(breaker.phase).toEqual(before.phase);
        }
      }
      if (breaker.phase.state !== "half-open") held = undefined;
      // Time never runs backwards, and a state's beginning lies in the past.
      expect(breaker.latest).toBeGreaterThanOrEqual(before.latest);
      expect(breaker.since).toBeGreaterThanOrEqual(before.since);
      expect(breaker.since).toBeLessThanOrEqual(breaker.latest);
      expect(breaker.why === null).toBe(breaker.phase.state === "closed");
      // What is kept stays small, and is the same after it was text.
      expect(breaker.faults.length).toBeLessThanOrEqual(BREAKER.leastCalls);
      expect(breaker.slices.length).toBeLessThanOrEqual(21);
      expect(parseBreaker(breakerText(breaker))).toEqual(breaker);
    }
  });
});
