import type { CallSample, FunctionCalls } from "../../../worker/control/audits/facts-record.ts";
import { PERFORMANCE_RULES, SAMPLING } from "../../../worker/control/audits/performance-rules.ts";

/** Seeded calls of plugins, as the sampler would give them, to count false alarms and misses of the performance rules. */

/** mulberry32: numbers in [0, 1), the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Standard normal numbers (Box and Muller). */
export function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

export interface Workload {
  /** Milliseconds; the spread is of the logarithm. */
  readonly medianMs: number;
  readonly spread: number;
  readonly errorRate: number;
  readonly fuel: number;
  readonly memory: number;
  /** Share of slots in which everything is `burstFactor` times as slow, and fails `burstFactor` times as often. */
  readonly bursts: number;
  readonly burstFactor: number;
}

export const STEADY: Workload = {
  medianMs: 40,
  spread: 0.8,
  errorRate: 0.02,
  fuel: 2_000_000,
  memory: 4 * 1_048_576,
  bursts: 0.05,
  burstFactor: 3,
};

function sample(random: () => number, workload: Workload, slots: number): CallSample {
  const durations: number[] = [];
  const fuel: number[] = [];
  const memory: number[] = [];
  let failed = 0;
  for (let slot = 0; slot < slots; slot++) {
    const factor = random() < workload.bursts ? workload.burstFactor : 1;
    for (let call = 0; call < SAMPLING.callsPerSlot; call++) {
      if (random() < workload.errorRate * factor) {
        failed++;
        continue;
      }
      durations.push(Math.round(workload.medianMs * factor * Math.exp(workload.spread * normal(random))));
      fuel.push(Math.round(workload.fuel * Math.exp(0.5 * normal(random))));
      memory.push(65_536 * Math.round((workload.memory / 65_536) * Math.exp(0.3 * normal(random))));
    }
  }
  const calls = slots * SAMPLING.callsPerSlot;
  return { calls, failed, durations, fuel, memory, versions: ["1.0.0"], failedId: null, slowestId: null };
}

/** @param change  what is otherwise in the recent calls */
export function callsOf(
  random: () => number,
  workload: Workload,
  change: Partial<Workload> = {},
  functions = 1,
): FunctionCalls[] {
  return Array.from({ length: functions }, (_, index) => ({
    functionName: `f${index}`,
    recent: sample(random, { ...workload, ...change }, SAMPLING.recent.slots),
    baseline: sample(random, workload, SAMPLING.baseline.slots),
  }));
}

export type PerformanceRule = keyof typeof PERFORMANCE_RULES;

/** Rules that find something in the calls. */
export function alarmsOf(calls: readonly FunctionCalls[]): PerformanceRule[] {
  const names = Object.keys(PERFORMANCE_RULES) as PerformanceRule[]; // Object.keys loses the key type
  return names.filter((name) => (PERFORMANCE_RULES[name].decide({ now: 0, parts: { calls } })?.found.length ?? 0) > 0);
}

/** Share of audits in which a rule alarms, over seeded workloads. */
export function alarmRate(
  audits: number,
  seed: number,
  change: Partial<Workload>,
  rule?: PerformanceRule,
  mostBursts = 0.2,
): number {
  let alarms = 0;
  const random = seeded(seed);
  for (let audit = 0; audit < audits; audit++) {
    const workload: Workload = {
      ...STEADY,
      medianMs: 5 + 200 * random(),
      spread: 0.3 + random(),
      errorRate: 0.1 * random() ** 2,
      bursts: mostBursts * random(),
      burstFactor: 2 + 3 * random(),
    };
    const changed = scaled(workload, change);
    const found = alarmsOf(callsOf(random, workload, changed, rule ? 1 : 3));
    if (rule ? found.includes(rule) : found.length > 0) alarms++;
  }
  return alarms / audits;
}

/** Factors on the workload's own values; of the error rate a difference. */
function scaled(workload: Workload, change: Partial<Workload>): Partial<Workload> {
  const { medianMs = 1, fuel = 1, memory = 1, errorRate = 0 } = change;
  return {
    medianMs: workload.medianMs * medianMs,
    fuel: workload.fuel * fuel,
    memory: workload.memory * memory,
    errorRate: workload.errorRate + errorRate,
  };
}
