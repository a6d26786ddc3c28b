/**
 * Streaming detection of anomalies in the calls of one install, minute by minute. Each metric has a state of constant size: what
 * is usual (an exponentially weighted mean and spread that outliers can move only a little) and how long it has been unusual.
 * A series without seasons: what changes over hours becomes usual.
 */

export const ANOMALY_METRICS = ["rate", "errors", "latency", "fuel"] as const;
export type AnomalyMetric = (typeof ANOMALY_METRICS)[number];

/** Calls of one minute; sums of natural logarithms of one more than the value, and of their squares. */
export interface MinuteSums {
  /** When it began, milliseconds since the epoch. */
  readonly minute: number;
  readonly calls: number;
  readonly failed: number;
  readonly logDuration: number;
  readonly logDurationSquares: number;
  readonly logFuel: number;
  readonly logFuelSquares: number;
}

interface MetricState {
  /** Minutes that it has learnt from. */
  readonly seen: number;
  /** What is usual: of rates the square root, of errors the share, of the others the mean logarithm. */
  readonly mean: number;
  /** Variance of the minutes' values around it beyond what their number of calls explains. */
  readonly between: number;
  /** Variance of single calls within a minute; of latency and fuel. */
  readonly within: number;
  /** Sums of what exceeds the usual by more than the slack, upward and downward (Page's CUSUM). */
  readonly up: number;
  readonly down: number;
  /** The anomaly under way. */
  readonly active?: ActiveAnomaly;
}

interface ActiveAnomaly {
  readonly direction: "up" | "down";
  readonly since: number;
  readonly expected: number;
  readonly observed: number;
  readonly score: number;
  /** Minutes since it began, and usual ones in a row. */
  readonly minutes: number;
  readonly calm: number;
}

export type AnomalyStates = Readonly<Record<AnomalyMetric, MetricState>>;

export interface AnomalyChange {
  readonly kind: "detected" | "ended";
  readonly metric: AnomalyMetric;
  readonly direction: "up" | "down";
  readonly startedAt: number;
  /** Usual, and the farthest from it, in calls by minute, share of calls, milliseconds or units of fuel. */
  readonly expected: number;
  readonly observed: number;
  /** Standard deviations between the two. */
  readonly score: number;
}

export const DETECTOR = {
  /** Minutes to learn from before anything is called unusual. */
  warmUp: 30,
  /** Weight of a new minute in what is usual. */
  weight: 0.03,
  /** Standard deviations at which a minute's value is cut before it is learnt from. */
  cut: 3,
  /** Standard deviations that one minute must be off, alone. */
  spike: 6,
  /** Slack and threshold of the sums, in standard deviations. */
  slack: 1,
  threshold: 9,
  /** Largest part of one minute in a sum, so that only a spike decides by itself. */
  largest: 5,
  /** Usual minutes in a row that end an anomaly. */
  calm: 3,
  /** Standard deviations within which a minute is usual. */
  usual: 2.5,
  /** Minutes after which what is unusual has become usual. */
  longest: 60,
  /** Calls in a minute that tell something of errors, latency and fuel. */
  calls: 5,
} as const;

/** Least change that matters: of rates and values a ratio, of errors a difference. */
const EFFECTS: Readonly<Record<AnomalyMetric, number>> = { rate: 1.5, errors: 0.05, latency: 1.4, fuel: 1.2 };
/** A rate this low, in calls by minute, says nothing by its silence. */
const SILENCE_RATE = 4;

const UNKNOWN: MetricState = { seen: 0, mean: 0, between: 0, within: 0, up: 0, down: 0 };

export function newStates(): AnomalyStates {
  return { rate: UNKNOWN, errors: UNKNOWN, latency: UNKNOWN, fuel: UNKNOWN };
}

/** Whether a minute without calls would be unusual. */
export function watchesSilence({ rate }: AnomalyStates): boolean {
  return rate.active !== undefined || rate.mean ** 2 >= SILENCE_RATE;
}

interface Observation {
  readonly value: number;
  /** Variance of the value by its number of calls alone, where what is usual holds. */
  readonly sampling: number;
  /** Variance of single calls. */
  readonly within: number;
}

/** Undefined where the minute says nothing of the metric. */
function observe(
  metric: AnomalyMetric,
  sums: MinuteSums,
  { mean, within, seen }: MetricState,
): Observation | undefined {
  const { calls, failed } = sums;
  // The square root of a Poisson count has variance 1/4, whatever its mean (Bartlett 1936).
  if (metric === "rate") return { value: Math.sqrt(calls), sampling: 0.25, within: 0 };
  if (calls < DETECTOR.calls) return undefined;
  if (metric === "errors") {
    // At least as if half a call more had failed: a share of none is no certainty.
    const share = Math.max(seen === 0 ? failed / calls : mean, 0.5 / (calls + 1), 0.005);
    return { value: failed / calls, sampling: (share * (1 - Math.min(share, 0.995))) / calls, within: 0 };
  }
  const [sum, squares] =
    metric === "latency" ? [sums.logDuration, sums.logDurationSquares] : [sums.logFuel, sums.logFuelSquares];
  const value = sum / calls;
  const own = Math.max(0, (squares - calls * value * value) / (calls - 1));
  return { value, sampling: Math.max(seen === 0 ? own : within, 1e-4) / calls, within: own };
}

/** The value in its unit. */
function inUnit(metric: AnomalyMetric, value: number): number {
  if (metric === "rate") return value * value;
  return metric === "errors" ? value : Math.expm1(value);
}

/** Whether the change is large enough to matter, however certain. */
function matters(metric: AnomalyMetric, value: number, mean: number): boolean {
  if (metric === "errors") return Math.abs(value - mean) >= EFFECTS.errors;
  const [now, usual] = [inUnit(metric, value), inUnit(metric, mean)];
  const [larger, smaller] = [Math.max(now, usual), Math.min(now, usual)];
  return larger >= smaller * EFFECTS[metric] && larger - smaller >= 1;
}

/**
 * What a minute changes.
 *
 * @param states  after the minute before
 * @param sums    of the next one, or of an empty minute
 */
export function observeMinute(
  states: AnomalyStates,
  sums: MinuteSums,
): { readonly states: AnomalyStates; readonly changes: readonly AnomalyChange[] } {
  const changes: AnomalyChange[] = [];
  const next = ANOMALY_METRICS.map((metric) => {
    const state = states[metric];
    const observation = observe(metric, sums, state);
    if (!observation) return [metric, state] as const;
    const { state: after, change } = step(metric, state, observation, sums.minute);
    if (change) changes.push(change);
    return [metric, after] as const;
  });
  return { states: Object.fromEntries(next) as AnomalyStates, changes }; // every metric is mapped above
}

interface Step {
  readonly state: MetricState;
  readonly change?: AnomalyChange;
}

function step(metric: AnomalyMetric, state: MetricState, observation: Observation, minute: number): Step {
  const deviation = Math.sqrt(state.between + observation.sampling);
  const z = state.seen === 0 ? 0 : (observation.value - state.mean) / deviation;
  if (state.seen < DETECTOR.warmUp) return { state: learn(state, observation, z, deviation) };
  if (state.active) return goOn(metric, state, state.active, observation, z, deviation);
  const bounded = Math.max(-DETECTOR.largest, Math.min(DETECTOR.largest, z));
  const up = Math.max(0, state.up + bounded - DETECTOR.slack);
  const down = Math.max(0, state.down - bounded - DETECTOR.slack);
  const sums = { ...state, up, down };
  const isUnusual = Math.abs(z) >= DETECTOR.spike || (z > 0 ? up : down) >= DETECTOR.threshold;
  const direction = z > 0 ? "up" : "down";
  const isGood = metric === "errors" && direction === "down";
  if (!isUnusual || isGood || !matters(metric, observation.value, state.mean)) {
    return { state: learn(sums, observation, z, deviation) };
  }
  const active: ActiveAnomaly = {
    direction,
    since: minute,
    expected: inUnit(metric, state.mean),
    observed: inUnit(metric, observation.value),
    score: Math.abs(z),
    minutes: 1,
    calm: 0,
  };
  return { state: { ...sums, active }, change: changeOf("detected", metric, active) };
}

/** Nothing is learnt while an anomaly lasts, lest it hide itself. */
function goOn(
  metric: AnomalyMetric,
  state: MetricState,
  active: ActiveAnomaly,
  observation: Observation,
  z: number,
  deviation: number,
): Step {
  const isCalm = Math.abs(z) < DETECTOR.usual || !matters(metric, observation.value, state.mean);
  const isFarther = !isCalm && Math.abs(z) > active.score && z > 0 === (active.direction === "up");
  const now: ActiveAnomaly = {
    ...active,
    ...(isFarther ? { score: Math.abs(z), observed: inUnit(metric, observation.value) } : {}),
    minutes: active.minutes + 1,
    calm: isCalm ? active.calm + 1 : 0,
  };
  const { active: _ended, ...rest } = state;
  if (now.calm >= DETECTOR.calm) {
    const calm = { ...rest, up: 0, down: 0 };
    return { state: learn(calm, observation, z, deviation), change: changeOf("ended", metric, now) };
  }
  if (now.minutes < DETECTOR.longest) return { state: { ...state, active: now } };
  // It has become usual: what is usual is learnt anew from here.
  const { value, within } = observation;
  return { state: { ...UNKNOWN, seen: 1, mean: value, within }, change: changeOf("ended", metric, now) };
}

function learn(state: MetricState, observation: Observation, z: number, deviation: number): MetricState {
  const { seen, mean, between, within } = state;
  if (seen === 0) return { ...state, seen: 1, mean: observation.value, within: observation.within };
  // The first minutes count alike; later ones have a fixed weight.
  const weight = Math.max(DETECTOR.weight, 1 / (seen + 1));
  const isKnown = seen >= DETECTOR.warmUp;
  const difference = isKnown
    ? Math.max(-DETECTOR.cut, Math.min(DETECTOR.cut, z)) * deviation
    : observation.value - mean;
  const excess = difference * difference - observation.sampling;
  return {
    ...state,
    seen: seen + 1,
    mean: mean + weight * difference,
    between: Math.max(0, between + weight * (excess - between)),
    within: within + weight * (observation.within - within),
  };
}

function changeOf(kind: AnomalyChange["kind"], metric: AnomalyMetric, active: ActiveAnomaly): AnomalyChange {
  const { direction, since: startedAt, expected, observed, score } = active;
  return { kind, metric, direction, startedAt, expected, observed, score };
}
