import { describe, expect, test } from "vitest";
import {
  addTo,
  emptyHistogram,
  merged,
  quantile,
  RELATIVE_ERROR,
  type Histogram,
} from "../../../durable-objects/plugin-health/histogram-rules.ts";
import {
  addTallies,
  emptyTally,
  firstSlice,
  SLICE_MS,
  sliceOf,
  withCall,
  withRefusal,
} from "../../../durable-objects/plugin-health/tally-rules.ts";
import { noteOutage, OUTAGES_KEPT, uptime, type Outage } from "../../../durable-objects/plugin-health/verdict-rules.ts";
import { numbersFrom } from "./numbers.ts";

const NOW = 1_000_000_000;

function histogramOf(values: readonly number[]): Histogram {
  return values.reduce(addTo, emptyHistogram());
}

/** Nearest rank, from the values themselves. */
function exact(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1] ?? Number.NaN;
}

describe("latency histogram", () => {
  test.each([1, 2, 3, 4, 5])("quantiles of merged parts are within the relative error (seed %i)", (seed) => {
    const next = numbersFrom(seed);
    const parts = Array.from({ length: 7 }, () =>
      Array.from({ length: 1 + Math.floor(next() * 300) }, () => Math.exp(next() * 11)),
    );
    const sum = parts.map(histogramOf).reduce(merged);
    expect(sum).toEqual(histogramOf(parts.flat()));
    for (const share of [0, 0.5, 0.95, 0.99, 1]) {
      const [found, wanted] = [quantile(sum, share) ?? Number.NaN, exact(parts.flat(), share)];
      expect(Math.abs(found - wanted) / wanted).toBeLessThanOrEqual(RELATIVE_ERROR + 1e-9);
    }
  });

  test("parts may be merged in any order and grouping", () => {
    const [one, two, three] = [
      [1, 5, 5],
      [5, 900],
      [0, 30_000],
    ].map(histogramOf) as [Histogram, Histogram, Histogram];
    expect(merged(merged(one, two), three)).toEqual(merged(three, merged(two, one)));
  });

  test("less than a millisecond, a clock set back and an endless call have their place", () => {
    expect(quantile(histogramOf([0, -5, 0.4]), 0.99)).toBe(0);
    expect(quantile(histogramOf([1e12]), 0.5)).toBeGreaterThan(580_000);
    expect(quantile(emptyHistogram(), 0.5)).toBeNull();
    expect(Object.keys(histogramOf(Array.from({ length: 100_000 }, (_, ms) => ms))).length).toBeLessThan(320);
  });
});

test("tallies add up", () => {
  const one = withRefusal(withCall(emptyTally(), { ms: 10, code: null, isFault: false }));
  const other = withCall(withCall(emptyTally(), { ms: 20, code: "PLUGIN_TRAPPED", isFault: true }), {
    ms: 30,
    code: "ISOLATE_BUSY",
    isFault: false,
  });
  const sum = addTallies(one, other);
  expect(sum).toMatchObject({ calls: 3, failed: 2, faults: 1, refused: 1 });
  expect(sum.codes).toEqual({ PLUGIN_TRAPPED: 1, ISOLATE_BUSY: 1 });
  expect(sum.latency).toEqual(histogramOf([10, 20, 30]));
});

test("a window holds as many slices as fit", () => {
  expect(sliceOf(NOW) - firstSlice(3 * SLICE_MS, NOW)).toBe(2);
});

describe("uptime", () => {
  test("counts the time in which calls were refused", () => {
    let outages: readonly Outage[] = [];
    outages = noteOutage(outages, "closed", NOW);
    expect(outages).toEqual([]);
    outages = noteOutage(outages, "open", NOW + 100);
    expect(noteOutage(outages, "half-open", NOW + 150)).toBe(outages);
    expect(uptime(outages, 1_000, NOW - 9_000, NOW + 200)).toBeCloseTo(0.9);
    outages = noteOutage(outages, "closed", NOW + 200);
    expect(outages).toEqual([{ from: NOW + 100, to: NOW + 200 }]);
    expect(uptime(outages, 1_000, NOW - 9_000, NOW + 700)).toBeCloseTo(0.9);
    expect(uptime(outages, 1_000, NOW - 9_000, NOW + 1_150)).toBeCloseTo(0.95);
    expect(uptime(outages, 1_000, NOW + 200, NOW + 700)).toBe(1);
  });

  test("keeps a bounded number of outages", () => {
    let outages: readonly Outage[] = [];
    for (let minute = 0; minute < 1_000; minute++) {
      outages = noteOutage(outages, minute % 2 === 0 ? "open" : "closed", NOW + minute);
    }
    expect(outages.length).toBeLessThanOrEqual(OUTAGES_KEPT);
  });
});
