import { describe, expect, test } from "vitest";
import {
  fisherGreater,
  mannWhitneyGreater,
  median,
  normalAbove,
} from "../../../worker/control/audits/statistics-rules.ts";
import { alarmRate, normal, seeded, type PerformanceRule, type Workload } from "./simulation.ts";

function choose(n: number, k: number): number {
  let result = 1;
  for (let index = 0; index < k; index++) result = (result * (n - index)) / (index + 1);
  return result;
}

describe("Fisher's exact test", () => {
  test.each([
    [8, 10, 1, 6],
    [3, 20, 0, 20],
    [0, 12, 3, 12],
    [30, 30, 29, 60],
    [12, 40, 12, 40],
  ])("%i of %i against %i of %i is what counting all tables gives", (failed, calls, usual, baseline) => {
    let tail = 0;
    let all = 0;
    for (let count = 0; count <= Math.min(calls, failed + usual); count++) {
      const others = failed + usual - count;
      if (others > baseline) continue;
      const tables = choose(calls, count) * choose(baseline, others);
      all += tables;
      if (count >= failed) tail += tables;
    }
    const pValue = fisherGreater({ calls, failed }, { calls: baseline, failed: usual });
    expect(pValue).toBeCloseTo(tail / all, 8);
  });

  test("holds its level where nothing changed", () => {
    const random = seeded(7);
    const draw = (calls: number) => {
      let failed = 0;
      for (let call = 0; call < calls; call++) if (random() < 0.05) failed++;
      return { calls, failed };
    };
    const rejected = Array.from({ length: 2_000 }, () => fisherGreater(draw(200), draw(600)) < 0.05);
    expect(rejected.filter(Boolean).length / 2_000).toBeLessThan(0.05);
  });
});

describe("Mann and Whitney's test", () => {
  test("counts pairs, ties as half", () => {
    const [recent, baseline] = [
      [3, 5, 5, 9],
      [1, 5, 4],
    ];
    const pairs = recent.flatMap((one) => baseline.map((other) => (one > other ? 1 : one === other ? 0.5 : 0)));
    const share = pairs.reduce<number>((sum, value) => sum + value, 0) / pairs.length;
    expect(mannWhitneyGreater(recent, baseline).superiority).toBeCloseTo(share, 12);
    expect(mannWhitneyGreater([2, 2, 2], [2, 2, 2, 2])).toEqual({ pValue: 1, superiority: 0.5 });
  });

  test.each([1, 20])("holds its level where nothing changed, values in steps of %i", (step) => {
    const random = seeded(step);
    const draw = (count: number) =>
      Array.from({ length: count }, () => step * Math.round((40 * Math.exp(0.8 * normal(random))) / step));
    const pValues = Array.from({ length: 2_000 }, () => mannWhitneyGreater(draw(60), draw(120)).pValue);
    const level = pValues.filter((pValue) => pValue < 0.05).length / pValues.length;
    expect(level).toBeGreaterThan(0.035);
    expect(level).toBeLessThan(0.065);
  });

  test.each([
    [0, 0.5],
    [1.644854, 0.05],
    [2.326348, 0.01],
    [3.719016, 1e-4],
    [4.753424, 1e-6],
    [-1, 0.841345],
  ])("a normal number exceeds %f with probability %f", (z, probability) => {
    expect(normalAbove(z) / probability).toBeCloseTo(1, 2);
  });

  test("medians", () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([])]).toEqual([2, 2.5, 0]);
  });
});

describe("regressions of seeded plugins", () => {
  test("are not found where nothing changed: in fewer than 1 audit in 200, bursts and all", () => {
    expect(alarmRate(1_500, 1, {})).toBeLessThan(1 / 200);
  });

  test.each<[PerformanceRule, Partial<Workload>, number]>([
    ["latency.regression", { medianMs: 2 }, 0.9],
    ["error-rate.regression", { errorRate: 0.1 }, 0.8],
    ["error-rate.regression", { errorRate: 0.2 }, 0.99],
    ["fuel.regression", { fuel: 1.5 }, 0.99],
    ["memory.growth", { memory: 1.5 }, 0.99],
  ])("are found: %s of %j in at least %f of the audits", (rule, change, power) => {
    expect(alarmRate(150, 2, change, rule)).toBeGreaterThanOrEqual(power);
  });
});
