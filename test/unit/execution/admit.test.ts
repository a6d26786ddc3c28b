import { describe, expect, test } from "vitest";
import { DEFAULT_LIMITS } from "../../../sdk/contract/limits.ts";
import {
  admit,
  chooseLane,
  ISOLATE_MEMORY_BUDGET,
  MOST_LANES,
  reservationOf,
} from "../../../worker/execution/admit.ts";

describe("admit", () => {
  test("without options the install's limits hold", () => {
    expect(admit(DEFAULT_LIMITS, {}, 10)).toEqual({ limits: DEFAULT_LIMITS });
  });

  test("a caller may lower fuel and time, to zero too", () => {
    expect(admit(DEFAULT_LIMITS, { fuel: 0, timeoutMs: 10 }, 10)).toEqual({
      limits: { ...DEFAULT_LIMITS, fuel: 0, wallClock: 10 },
    });
  });

  test("a caller cannot raise them, and learns of both", () => {
    expect(admit(DEFAULT_LIMITS, { fuel: 1e9 + 1, timeoutMs: 5_001 }, 10)).toEqual({
      issues: [
        { path: "/options/fuel", message: "must be at most 1000000000, the install's limit; found 1000000001" },
        { path: "/options/timeoutMs", message: "must be at most 5000, the install's limit; found 5001" },
      ],
    });
  });

  test("input may have exactly the limit and no more", () => {
    expect(admit({ ...DEFAULT_LIMITS, input: 4 }, {}, 4)).toHaveProperty("limits");
    expect(admit({ ...DEFAULT_LIMITS, input: 4 }, {}, 5)).toEqual({
      failure: {
        code: "INPUT_TOO_LARGE",
        detail: "The input has 5 bytes; the limit is 4.",
        limit: { name: "input", used: 5, allowed: 4 },
      },
    });
  });
});

describe("chooseLane", () => {
  const half = ISOLATE_MEMORY_BUDGET / 2;

  test.each([
    { reserved: [], bytes: half, lane: 0 },
    { reserved: [half], bytes: half, lane: 0 },
    { reserved: [half + 1], bytes: half, lane: 1 },
    { reserved: [ISOLATE_MEMORY_BUDGET, 0], bytes: half, lane: 1 },
    { reserved: [ISOLATE_MEMORY_BUDGET, half], bytes: half, lane: 1 },
    { reserved: [ISOLATE_MEMORY_BUDGET], bytes: 0, lane: 0 },
  ])("$reserved plus $bytes goes to lane $lane", ({ reserved, bytes, lane }) => {
    expect(chooseLane(reserved, bytes)).toBe(lane);
  });

  test("there are so many lanes and no more", () => {
    const full = Array.from({ length: MOST_LANES }, () => ISOLATE_MEMORY_BUDGET);
    expect(chooseLane(full, 1)).toBeUndefined();
    expect(chooseLane(full.slice(1), 1)).toBe(MOST_LANES - 1);
    expect(chooseLane(full, 0)).toBe(0);
  });

  test("a call that may suspend reserves all that it could hold; one that cannot, nothing", () => {
    const limits = { ...DEFAULT_LIMITS, memory: 1_000, kernelMemory: 200, output: 30, input: 99 };
    expect(reservationOf(true, limits, 4)).toBe(1_234);
    expect(reservationOf(false, limits, 4)).toBe(0);
  });

  test("a call larger than the budget still gets an empty lane of its own", () => {
    expect(chooseLane([0], ISOLATE_MEMORY_BUDGET + 1)).toBe(0);
  });
});
