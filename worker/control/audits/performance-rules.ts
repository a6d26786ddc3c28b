import type { CallSample, FunctionCalls } from "./facts-record.ts";
import type { Finding } from "./finding-record.ts";
import { rule, type Decision, type Found } from "./rule-record.ts";
import { fisherGreater, mannWhitneyGreater, median } from "./statistics-rules.ts";

/**
 * Regressions against the plugin's own baseline, function by function. A finding needs both: that chance is an unlikely
 * explanation, and that the change is large enough to matter.
 */

/**
 * Samples of an install's calls. Periods are cut into slots and each gives the first few of its calls, so that a busy plugin
 * costs no more than a quiet one and a burst does not speak for a day.
 */
export const SAMPLING = {
  recent: { slots: 24, slotMs: 5 * 60_000 },
  baseline: { slots: 56, slotMs: 3 * 3_600_000 },
  callsPerSlot: 12,
} as const;
/** Sampled calls of a period that are needed to judge. */
export const CALLS_NEEDED = { recent: 30, baseline: 60 } as const;
/** Most false alarms that one audit of one install may raise by chance, over all functions and measures. */
export const FALSE_ALARM_RATE = 1e-5;
/** Measures that are tested of each function. */
const MEASURES = 4;

/** What makes a change large enough. */
export const EFFECTS = {
  /** Share of calls that fail beyond the baseline's, and how many times the baseline's. */
  errors: { difference: 0.05, ratio: 2 },
  /** Ratio of the medians, their difference in the measure's unit, and the probability of superiority. */
  latency: { ratio: 1.5, difference: 5, superiority: 0.62 },
  fuel: { ratio: 1.2, difference: 1_000, superiority: 0.62 },
  memory: { ratio: 1.25, difference: 1_048_576, superiority: 0.62 },
} as const;

type Judge = (recent: CallSample, baseline: CallSample, alpha: number) => Found | undefined;

function overFunctions(judge: Judge): (calls: readonly FunctionCalls[]) => Decision {
  return (calls) => {
    const alpha = FALSE_ALARM_RATE / (MEASURES * Math.max(1, calls.length)); // Bonferroni
    const found: Found[] = [];
    const unjudged: string[] = [];
    for (const { functionName, recent, baseline } of calls) {
      if (!recent || !baseline || recent.calls < CALLS_NEEDED.recent || baseline.calls < CALLS_NEEDED.baseline) {
        unjudged.push(functionName);
        continue;
      }
      const regression = judge(recent, baseline, alpha);
      if (!regression) continue;
      const { evidence, ...rest } = regression;
      const remedy = remedyFor(recent, baseline);
      found.push({
        ...rest,
        key: functionName,
        evidence: { functionName, ...evidence },
        ...(remedy ? { remedy } : {}),
      });
    }
    return { found, unjudged };
  };
}

/** Where the regression came with another version, the one before is better than a restart. */
function remedyFor(recent: CallSample, baseline: CallSample): Finding["remedy"] | undefined {
  const isNew = recent.versions.every((version) => !baseline.versions.includes(version));
  if (!isNew) return undefined;
  return { action: "rollback", text: `Go back to version ${baseline.versions.join(" or ")}, which did not have it.` };
}

function judgeErrors(recent: CallSample, baseline: CallSample, alpha: number): Found | undefined {
  const [rate, usual] = [recent.failed / recent.calls, baseline.failed / baseline.calls];
  const { difference, ratio } = EFFECTS.errors;
  if (rate - usual < difference || rate < ratio * usual) return undefined;
  const pValue = fisherGreater(recent, baseline);
  if (pValue >= alpha) return undefined;
  return {
    evidence: { rate, usual, calls: recent.calls, baselineCalls: baseline.calls, pValue },
    recordingId: recent.failedId ?? undefined,
  };
}

type Measure = "latency" | "fuel" | "memory";

/** @param valuesOf  of the calls that succeeded */
function judgeShift(measure: Measure, valuesOf: (sample: CallSample) => readonly number[]): Judge {
  return (recent, baseline, alpha) => {
    const [now, before] = [valuesOf(recent), valuesOf(baseline)];
    if (now.length < CALLS_NEEDED.recent || before.length < CALLS_NEEDED.baseline) return undefined;
    const effect = EFFECTS[measure];
    const [current, usual] = [median(now), median(before)];
    if (current < usual * effect.ratio || current - usual < effect.difference) return undefined;
    const { pValue, superiority } = mannWhitneyGreater(now, before);
    if (pValue >= alpha || superiority < effect.superiority) return undefined;
    return {
      evidence: { median: current, usual, calls: now.length, baselineCalls: before.length, superiority, pValue },
      recordingId: recent.slowestId ?? undefined,
    };
  };
}

export const PERFORMANCE_RULES = {
  "error-rate.regression": rule(
    "calls",
    {
      severity: "high",
      title: "a function fails significantly more often than it used to",
      remedy: { action: "restart", text: "Restart the plugin; look at the recording of a call that failed." },
    },
    overFunctions(judgeErrors),
  ),
  "latency.regression": rule(
    "calls",
    {
      severity: "medium",
      title: "a function is significantly slower than it used to be",
      remedy: { action: "restart", text: "Restart the plugin; profile the slowest call from its recording." },
    },
    overFunctions(judgeShift("latency", ({ durations }) => durations)),
  ),
  "fuel.regression": rule(
    "calls",
    {
      severity: "medium",
      title: "a function uses significantly more fuel than it used to",
      remedy: { action: "none", text: "Fuel depends on nothing but code and input: profile a call of each version." },
    },
    overFunctions(judgeShift("fuel", ({ fuel }) => fuel)),
  ),
  "memory.growth": rule(
    "calls",
    {
      severity: "medium",
      title: "a function uses significantly more memory than it used to",
      remedy: {
        action: "restart",
        text: "Restart the plugin; where it grows again, go back to a version that does not.",
      },
    },
    overFunctions(judgeShift("memory", ({ memory }) => memory)),
  ),
} as const;
