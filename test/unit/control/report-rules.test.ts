import { describe, expect, test } from "vitest";
import { dayOf, quotaUses, reportOn, type UsageSum } from "../../../worker/control/grants/report-rules.ts";

function sum(change: Partial<UsageSum>): UsageSum {
  return {
    capability: "http",
    scope: "",
    executions: 1,
    calls: 1,
    refused: 0,
    bytes: 10,
    peakCalls: 1,
    peakBytes: 10,
    lastUsedAt: 5,
    ...change,
  };
}

describe("the report", () => {
  test("tells the use of each host that the grant names, and what it does not cover", () => {
    const granted = { http: { hosts: ["a.test", "*.b.test", "c.test"] } };
    const sums = [
      sum({ executions: 6, calls: 9, refused: 1 }),
      sum({ scope: "a.test", executions: 3, lastUsedAt: 4 }),
      sum({ scope: "x.b.test", executions: 2, lastUsedAt: 3 }),
      sum({ scope: "y.b.test", executions: 1, lastUsedAt: 9 }),
      sum({ scope: "evil.test", executions: 1 }),
    ];
    const { capabilities, suggestion } = reportOn({ http: {}, cache: {} }, granted, sums);
    expect(capabilities[0]).toMatchObject({
      capability: "http",
      verdict: "partly-used",
      executions: 6,
      calls: 9,
      refused: 1,
      scopes: [
        { name: "a.test", executions: 3, lastUsedAt: 4 },
        { name: "*.b.test", executions: 3, lastUsedAt: 9 },
        { name: "c.test", executions: 0, lastUsedAt: null },
      ],
      missed: [{ name: "evil.test", executions: 1, lastUsedAt: 5 }],
    });
    expect(capabilities[1]).toMatchObject({ capability: "cache", verdict: "not-granted", calls: 0 });
    expect(suggestion).toEqual({ http: { hosts: ["a.test", "x.b.test", "y.b.test"] } });
  });

  test.each([
    ["used", { storage: {} }, [sum({ capability: "storage" })]],
    ["unused", { storage: {} }, [sum({ capability: "http" })]],
    ["missed", {}, [sum({ capability: "storage", calls: 2, refused: 2 })]],
    ["not-granted", {}, []],
  ] as const)("says %s", (verdict, granted, sums) => {
    const { capabilities } = reportOn({ storage: {} }, granted, sums);
    expect(capabilities.find(({ capability }) => capability === "storage")?.verdict).toBe(verdict);
  });

  test("suggests to drop what was never served, and nothing where nothing ran", () => {
    const granted = { storage: {}, crypto: { quotas: { operations: 3 } }, cache: {} };
    const sums = [sum({ capability: "crypto" }), sum({ capability: "cache", calls: 2, refused: 2 })];
    expect(reportOn(granted, granted, sums).suggestion).toEqual({ crypto: { quotas: { operations: 3 } } });
    expect(reportOn(granted, granted, []).suggestion).toBeUndefined();
  });
});

test("quotas show their limit, and their peak where calls tell it", () => {
  const uses = quotaUses("http", { quotas: { requests: 3 } }, sum({ peakCalls: 2 }));
  expect(uses.map(({ quota, limit, peak }) => [quota, limit, peak])).toEqual([
    ["requests", 3, 2],
    ["requestBytes", 1_048_576, undefined],
    ["responseBytes", 1_048_576, undefined],
  ]);
  expect(quotaUses("crypto", {}, undefined)[0]).toMatchObject({ quota: "operations", limit: 100, peak: 0 });
});

test.each([
  [0, 0],
  [86_399_999, 0],
  [86_400_000, 1],
])("the day of %i is %i", (time, day) => {
  expect(dayOf(time)).toBe(day);
});
