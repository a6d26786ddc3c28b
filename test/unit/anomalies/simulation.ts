import {
  newStates,
  observeMinute,
  type AnomalyMetric,
  type MinuteSums,
} from "../../../worker/control/anomalies/detector-rules.ts";
import { normal, seeded } from "../audits/simulation.ts";

/** Seeded days of calls with anomalies put into them, to count what the detector finds, misses and makes up. */

const MINUTE_MS = 60_000;
const MINUTES = 24 * 60;
/** A detection this long after an anomaly's end still belongs to it. Minutes. */
const GRACE = 3;

interface Injected {
  readonly metric: AnomalyMetric;
  readonly from: number;
  readonly to: number;
}

function poisson(random: () => number, mean: number): number {
  if (mean > 50) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(random)));
  let product = random();
  let count = 0;
  for (const limit = Math.exp(-mean); product > limit; count++) product *= random();
  return count;
}

/** Kinds of anomalies, each with the metric that should tell of it and how large it is. */
const KINDS = [
  { metric: "rate", factor: 3 },
  { metric: "rate", factor: 0 },
  { metric: "errors", factor: 0.3 },
  { metric: "latency", factor: 2.5 },
  { metric: "fuel", factor: 2 },
] as const;

interface Day {
  readonly minutes: readonly MinuteSums[];
  readonly injected: readonly Injected[];
}

/** @param anomalies  how many are put in, from the third hour on, without meeting each other */
function dayOf(random: () => number, anomalies: number): Day {
  const [rate, median, spread] = [8 + 80 * random(), 5 + 100 * random(), 0.3 + 0.7 * random()];
  const errorRate = 0.05 * random();
  const slots = Array.from({ length: anomalies }, (_, index) => {
    const kind = KINDS[Math.floor(random() * KINDS.length)] ?? KINDS[0];
    const length = Math.floor((MINUTES - 240) / Math.max(1, anomalies));
    const from = 180 + index * length + Math.floor(random() * 20);
    return { ...kind, from, to: from + 5 + Math.floor(random() * 20) };
  });
  let drift = 0;
  const minutes = Array.from({ length: MINUTES }, (_, minute): MinuteSums => {
    const now = slots.find(({ from, to }) => minute >= from && minute < to);
    const factor = (metric: AnomalyMetric): number => (now?.metric === metric ? now.factor : 1);
    // Load that wanders slowly, and minutes that are a little slow as a whole.
    drift = 0.95 * drift + 0.03 * normal(random);
    const slow = 0.08 * normal(random);
    const calls = poisson(random, rate * Math.exp(drift) * factor("rate"));
    const failing = now?.metric === "errors" ? now.factor : errorRate;
    const sums = { calls, failed: 0, logDuration: 0, logDurationSquares: 0, logFuel: 0, logFuelSquares: 0 };
    for (let call = 0; call < calls; call++) {
      if (random() < failing) sums.failed++;
      const duration = Math.round(median * factor("latency") * Math.exp(slow + spread * normal(random)));
      const fuel = 1e6 * factor("fuel") * Math.exp(0.4 * normal(random));
      const [logDuration, logFuel] = [Math.log1p(duration), Math.log1p(fuel)];
      sums.logDuration += logDuration;
      sums.logDurationSquares += logDuration ** 2;
      sums.logFuel += logFuel;
      sums.logFuelSquares += logFuel ** 2;
    }
    return { minute: minute * MINUTE_MS, ...sums };
  });
  return { minutes, injected: slots.map(({ metric, from, to }) => ({ metric, from, to })) };
}

export interface Detection {
  readonly injected: number;
  readonly found: number;
  readonly alarms: number;
  readonly falseAlarms: number;
  /** Minutes from an anomaly's beginning to its detection, of those found. */
  readonly delays: readonly number[];
  readonly precision: number;
  readonly recall: number;
}

export function detect(seed: number, days: number, anomalies: number): Detection {
  const random = seeded(seed);
  let [injected, found, alarms, falseAlarms] = [0, 0, 0, 0];
  const delays: number[] = [];
  for (let day = 0; day < days; day++) {
    const { minutes, injected: truth } = dayOf(random, anomalies);
    injected += truth.length;
    let states = newStates();
    const known = new Set<Injected>();
    for (const sums of minutes) {
      const step = observeMinute(states, sums);
      states = step.states;
      for (const { kind, metric } of step.changes) {
        if (kind !== "detected") continue;
        alarms++;
        const minute = sums.minute / MINUTE_MS;
        const cause = truth.find((one) => one.metric === metric && minute >= one.from && minute < one.to + GRACE);
        if (!cause) falseAlarms++;
        else if (!known.has(cause)) {
          known.add(cause);
          delays.push(minute - cause.from + 1);
        }
      }
    }
    found += known.size;
  }
  const precision = alarms === 0 ? 1 : 1 - falseAlarms / alarms;
  return { injected, found, alarms, falseAlarms, delays, precision, recall: injected === 0 ? 1 : found / injected };
}
