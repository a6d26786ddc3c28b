import { describe, expect, test } from "vitest";
import {
  chosen,
  failed,
  FIRST_STATE,
  GOOD_PROBES,
  judged,
  probed,
  WINDOW_MS,
  type ModeState,
} from "../../../durable-objects/system-mode/rules.ts";
import { Random } from "../../fuzz/metering/random.ts";

const NOW = 1_000_000;

function fallenBack(): ModeState {
  return failed(FIRST_STATE, "database", FIRST_STATE.threshold, NOW);
}

function repeated(state: ModeState, times: number, change: (state: ModeState, at: number) => ModeState): ModeState {
  let next = state;
  for (let step = 0; step < times; step++) next = change(next, NOW + step);
  return next;
}

describe("falling back", () => {
  test("takes as many failures as the settings say, and no fewer", () => {
    const almost = repeated(FIRST_STATE, 4, (state, at) => failed(state, "database", 1, at));
    expect(almost).toMatchObject({ mode: "normal", lost: ["database"] });
    expect(failed(almost, "database", 1, NOW + 5)).toMatchObject({
      mode: "fallback",
      cause: "failures",
      lost: ["database"],
      since: NOW + 5,
      reason: "database did not answer",
      revision: 1,
    });
    expect(failed({ ...FIRST_STATE, threshold: 1 }, "store", 1, NOW).mode).toBe("fallback");
  });

  test("forgets failures that are older than a minute, and what failed then", () => {
    const almost = repeated(FIRST_STATE, 4, (state, at) => failed(state, "database", 1, at));
    const later = failed(almost, "store", 1, NOW + WINDOW_MS + 3);
    expect(later).toMatchObject({ mode: "normal", lost: ["store"] });
    expect(later.failures).toHaveLength(1);
  });

  test("names all that is lost", () => {
    const both = repeated(failed(FIRST_STATE, "store", 1, NOW), 4, (state, at) => failed(state, "database", 1, at));
    expect(both.lost).toEqual(["store", "database"]);
    expect(failed(fallenBack(), "store", 1, NOW).lost).toEqual(["database", "store"]);
  });
});

describe("recovering", () => {
  test("begins with a good probe, and ends after several", () => {
    const recovering = probed(fallenBack(), [], NOW);
    expect(recovering).toMatchObject({ mode: "recovering", goodProbes: 1, lost: [] });
    const well = repeated(recovering, GOOD_PROBES - 1, (state, at) => probed(state, [], at));
    expect(well).toMatchObject({ mode: "normal", failures: [], lost: [] });
  });

  test("falls back at the first failure or bad probe", () => {
    const recovering = probed(fallenBack(), [], NOW);
    expect(failed(recovering, "database", 1, NOW).mode).toBe("fallback");
    expect(probed(recovering, ["store"], NOW)).toMatchObject({ mode: "fallback", lost: ["store"] });
  });

  test("does not begin where an operator chose the mode, or the settings say no", () => {
    const held = chosen(FIRST_STATE, { mode: "fallback", reason: "migrating" }, NOW);
    expect(probed(held, [], NOW).mode).toBe("fallback");
    expect(probed({ ...fallenBack(), autoRecovery: false }, [], NOW).mode).toBe("fallback");
    expect(chosen(held, { mode: "normal", reason: "done" }, NOW).mode).toBe("normal");
  });
});

describe("emergency", () => {
  const danger = { digest: "d1", dangers: ["migration x is not applied"] };

  test("is entered for a danger, and left for recovery once there is none", () => {
    const entered = judged(FIRST_STATE, danger, NOW);
    expect(entered).toMatchObject({ mode: "emergency", cause: "environment", reason: "migration x is not applied" });
    expect(judged(entered, danger, NOW + 1)).toEqual(entered);
    expect(judged(entered, { digest: "d2", dangers: [] }, NOW + 1)).toMatchObject({
      mode: "recovering",
      environment: "d2",
    });
    expect(probed(entered, [], NOW).mode).toBe("emergency");
  });

  test("by an operator is not left by a good deployment", () => {
    const held = chosen(FIRST_STATE, { mode: "emergency", reason: "odd rows" }, NOW);
    expect(judged(held, { digest: "d1", dangers: [] }, NOW).mode).toBe("emergency");
  });

  test("is not entered again for what an operator took upon himself, but for anything else", () => {
    const accepted = chosen(judged(FIRST_STATE, danger, NOW), { mode: "normal", reason: "I know" }, NOW);
    expect(judged(accepted, danger, NOW).mode).toBe("normal");
    expect(judged(accepted, { digest: "d1", dangers: ["a key is missing"] }, NOW).mode).toBe("emergency");
  });
});

test("whatever happens, in any order, the machine keeps its promises", () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = new Random(seed);
    let state: ModeState = FIRST_STATE;
    for (let step = 0; step < 200; step++) {
      const at = NOW + step * random.below(20_000);
      const before = state;
      state = random.pick([
        () => failed(state, random.pick(["database", "store"]), 1, at),
        () => probed(state, random.pick([[], [], ["database"]]), at),
        () => judged(state, { digest: "d", dangers: random.pick([[], [], ["danger"]]) }, at),
        () => chosen(state, { mode: random.pick(["normal", "fallback", "emergency"]), reason: "r" }, at),
      ])();
      expect(state.failures.length).toBeLessThanOrEqual(state.threshold);
      if (state.mode !== before.mode) expect(state.revision).toBe(before.revision + 1);
      // Nothing but a recovery or an operator leads to normal, and a store that is lost is never taken for recovered.
      if (state.mode === "normal" && before.mode !== "normal")
        expect(before.mode === "recovering" || state.cause === "operator").toBe(true);
      if (state.mode === "recovering") expect(state.lost).toEqual([]);
      expect(JSON.parse(JSON.stringify(state))).toEqual(state);
    }
  }
});
