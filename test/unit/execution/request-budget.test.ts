import { describe, expect, test } from "vitest";
import { DEFAULT_LIMITS, type Limits } from "../../../sdk/contract/limits.ts";
import type { SandboxFailure, SandboxOutcome } from "../../../sdk/contract/sandbox.ts";
import { RequestBudget, type LocalAllowance } from "../../../worker/execution/request-budget.ts";

const NOW = 1_000_000;
const LIMITS: Limits = { ...DEFAULT_LIMITS, fuel: 600, hostCalls: 40, wallClock: 5_000 };

function budget(): RequestBudget {
  return new RequestBudget({ fuel: 1_000, hostCalls: 100, wallClock: 8_000 }, NOW);
}

function open(pool: RequestBudget, limits = LIMITS, now = NOW, among = 1): LocalAllowance {
  const allowance = pool.open(limits, now, among);
  if ("failure" in allowance) throw new Error(allowance.failure.detail);
  return allowance;
}

function outcome(fuel: number, hostCalls: number, failure?: SandboxFailure): SandboxOutcome {
  return {
    output: undefined,
    failure,
    usage: { fuel, hostCalls, memoryBytes: 0 },
    logs: [],
    logsTruncated: false,
  };
}

const shared = ({ limits }: LocalAllowance) => [limits.fuel, limits.hostCalls, limits.wallClock];

describe("a request's budget", () => {
  test("a call gets its own limits, and gives back what it did not use", () => {
    const pool = budget();
    const first = open(pool);
    expect(first.limits).toEqual(LIMITS);
    expect(shared(open(pool))).toEqual([400, 40, 5_000]);
    first.close(outcome(100, 40));
    expect(shared(open(pool))).toEqual([500, 20, 5_000]);
  });

  test("calls at work at once cannot overdraw it together", () => {
    const pool = budget();
    open(pool);
    open(pool);
    expect(pool.open(LIMITS, NOW)).toEqual({
      failure: {
        code: "BUDGET_SPENT",
        detail: "Not run: the request's budget of 1000 units of fuel is spent.",
        limit: { name: "fuel", used: 1_000, allowed: 1_000 },
      },
    });
  });

  test("calls that begin together share what is left evenly, and what one does not ask for is the next one's", () => {
    const pool = budget();
    expect(open(pool, LIMITS, NOW, 2).limits.fuel).toBe(500);
    expect(open(pool, LIMITS, NOW, 1).limits.fuel).toBe(500);
    const other = budget();
    expect(open(other, { ...LIMITS, fuel: 100 }, NOW, 2).limits.fuel).toBe(100);
    expect(open(other, { ...LIMITS, fuel: 10_000 }, NOW, 1).limits.fuel).toBe(900);
  });

  test("time left is the deadline's, and at the deadline nothing runs", () => {
    const pool = budget();
    expect(open(pool, LIMITS, NOW + 7_999).limits.wallClock).toBe(1);
    expect(pool.open(LIMITS, NOW + 8_000)).toMatchObject({
      failure: { code: "BUDGET_SPENT", limit: { name: "wallClock", allowed: 8_000 } },
    });
  });

  test("a call that is over its share, not over its own limit, is stopped by the budget", () => {
    const pool = budget();
    open(pool);
    const failure: SandboxFailure = {
      code: "FUEL_EXHAUSTED",
      detail: "The plugin used up its fuel.",
      limit: { name: "fuel", used: 400, allowed: 400 },
    };
    expect(open(pool).close(outcome(400, 0, failure)).failure).toEqual({
      ...failure,
      code: "BUDGET_SPENT",
      detail: "Stopped by the request's budget. The plugin used up its fuel.",
    });
  });

  test.each([
    {
      name: "its own limit",
      failure: { code: "FUEL_EXHAUSTED", detail: "", limit: { name: "fuel", used: 600, allowed: 600 } },
    },
    {
      name: "another limit",
      failure: { code: "MEMORY_EXCEEDED", detail: "", limit: { name: "memory", used: 1, allowed: 1 } },
    },
    { name: "no limit", failure: { code: "PLUGIN_TRAPPED", detail: "" } },
  ] as const)("a call that fails of $name keeps its failure", ({ failure }) => {
    const ended = outcome(600, 0, failure);
    expect(open(budget()).close(ended)).toBe(ended);
  });
});
