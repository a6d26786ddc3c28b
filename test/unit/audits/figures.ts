import { alarmRate, type PerformanceRule, type Workload } from "./simulation.ts";

/** Prints the figures of docs/audits.md: `node test/unit/audits/figures.ts`. */

const AUDITS = 10_000;
const CHANGED = 500;

const CHANGES: readonly (readonly [PerformanceRule, string, Partial<Workload>])[] = [
  ["error-rate.regression", "5 % more calls fail", { errorRate: 0.05 }],
  ["error-rate.regression", "10 % more calls fail", { errorRate: 0.1 }],
  ["error-rate.regression", "20 % more calls fail", { errorRate: 0.2 }],
  ["latency.regression", "1.5 times as slow", { medianMs: 1.5 }],
  ["latency.regression", "twice as slow", { medianMs: 2 }],
  ["latency.regression", "three times as slow", { medianMs: 3 }],
  ["fuel.regression", "1.3 times the fuel", { fuel: 1.3 }],
  ["fuel.regression", "1.5 times the fuel", { fuel: 1.5 }],
  ["memory.growth", "1.25 times the memory", { memory: 1.25 }],
  ["memory.growth", "1.5 times the memory", { memory: 1.5 }],
];

console.log(`false alarms, bursts: ${(100 * alarmRate(AUDITS, 21, {})).toFixed(3)} % of ${AUDITS} audits`);
console.log(
  `false alarms, no bursts: ${(100 * alarmRate(AUDITS, 22, {}, undefined, 0)).toFixed(3)} % of ${AUDITS} audits`,
);
for (const [rule, what, change] of CHANGES) {
  console.log(`| \`${rule}\` | ${what} | ${(100 * alarmRate(CHANGED, 23, change, rule)).toFixed(1)} % |`);
}
