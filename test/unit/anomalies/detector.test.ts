import { expect, test } from "vitest";
import { newStates, observeMinute, watchesSilence } from "../../../worker/control/anomalies/detector-rules.ts";
import { advance, MINUTE_MS, minutesOf } from "../../../worker/control/anomalies/rules.ts";
import type { ExecutionRecord } from "../../../worker/execution/settle.ts";
import { detect } from "./simulation.ts";

test("anomalies put into seeded days are found, and hardly anything else", () => {
  const { injected, precision, recall } = detect(1, 20, 4);
  expect(injected).toBe(80);
  expect(precision).toBeGreaterThanOrEqual(0.9);
  expect(recall).toBeGreaterThanOrEqual(0.9);
});

test("days without anomalies have less than one false alarm in two of them", () => {
  expect(detect(2, 20, 0).falseAlarms).toBeLessThanOrEqual(10);
});

test("a detector cut off at any minute and read back from JSON goes on as if nothing had been", () => {
  const owner = { tenantId: "acme", installId: "i", pluginId: "p" };
  const row = (minute: number) => {
    const calls = minute >= 50 && minute < 58 ? 60 : 20 + (minute % 3);
    return {
      minute: minute * MINUTE_MS,
      calls,
      failed: 0,
      logDuration: 0,
      logDurationSquares: 0,
      logFuel: 0,
      logFuelSquares: 0,
    };
  };
  const rows = Array.from({ length: 80 }, (_, minute) => row(minute));
  const whole = advance(owner, undefined, rows, 80 * MINUTE_MS);
  expect(whole.changes.map(({ kind, metric, direction, at }) => [kind, metric, direction, at / MINUTE_MS])).toEqual([
    ["detected", "rate", "up", 50],
    ["ended", "rate", "up", 60],
  ]);
  let series: typeof whole.series | undefined;
  const changes: unknown[] = [];
  for (let until = 1; until <= 80; until++) {
    const stored = series && (JSON.parse(JSON.stringify(series)) as typeof whole.series);
    const step = advance(owner, stored, rows, until * MINUTE_MS);
    series = step.series;
    changes.push(...step.changes);
  }
  expect(changes).toEqual(whole.changes);
  expect(series).toEqual(whole.series);
});

test("silence is unusual for a busy plugin and not for a quiet one", () => {
  let [busy, quiet] = [newStates(), newStates()];
  const sums = { failed: 0, logDuration: 0, logDurationSquares: 0, logFuel: 0, logFuelSquares: 0 };
  for (let minute = 0; minute < 40; minute++) {
    busy = observeMinute(busy, { minute, calls: 30, ...sums }).states;
    quiet = observeMinute(quiet, { minute, calls: 1, ...sums }).states;
  }
  expect([watchesSilence(busy), watchesSilence(quiet)]).toEqual([true, false]);
  expect(observeMinute(busy, { minute: 41, calls: 0, ...sums }).changes).toMatchObject([
    { kind: "detected", metric: "rate", direction: "down" },
  ]);
});

test("records become one row for each install and minute", () => {
  const record = { tenantId: "acme", pluginId: "p", status: "succeeded", durationMs: 9, fuel: 99 } as const;
  const records = [
    { ...record, installId: "i", startedAt: 60_001 },
    { ...record, installId: "i", startedAt: 119_999, status: "failed" },
    { ...record, installId: "j", startedAt: 60_001 },
  ] as unknown as ExecutionRecord[]; // the other members do not matter
  expect(minutesOf(records)).toMatchObject([
    { installId: "i", minute: 60_000, calls: 2, failed: 1, logDuration: 2 * Math.log(10), logFuel: 2 * Math.log(100) },
    { installId: "j", minute: 60_000, calls: 1, failed: 0 },
  ]);
});
