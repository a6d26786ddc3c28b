import type { BreakerState } from "../../../durable-objects/plugin-health/breaker-rules.ts";
import type { Tally } from "../../../durable-objects/plugin-health/tally-rules.ts";
import { quantile } from "../../../durable-objects/plugin-health/histogram-rules.ts";

/** One figure for how an install does, from parts that are shown with it. */

export const HEALTH_STATUSES = ["healthy", "degraded", "failing", "unknown"] as const;
export type HealthStatus = (typeof HEALTH_STATUSES)[number];

/** What a plugin's own `health_check` said. */
export const CHECK_STATUSES = ["healthy", "unhealthy", "unchecked"] as const;
export type CheckStatus = (typeof CHECK_STATUSES)[number];

export interface ScoredFacts {
  readonly breaker: BreakerState;
  /** Calls of the last hour. */
  readonly hour: Tally;
  /** Share of the last day in which calls were not refused, 0 to 1. */
  readonly uptime: number;
  /** The install's wall clock, milliseconds. */
  readonly wallClock: number;
  readonly check: CheckStatus;
}

export interface ScorePart {
  readonly name: "faults" | "breaker" | "uptime" | "latency" | "self-check";
  /** Weights of the parts that are known make up the whole. */
  readonly weight: number;
  /** 0 to 1; null where there is nothing to judge by, so that the part does not count. */
  readonly value: number | null;
  /** What the value is made of. */
  readonly detail: string;
}

export interface Score {
  readonly status: HealthStatus;
  /** 0 to 100; null where nothing is known but that the breaker is closed. */
  readonly value: number | null;
  readonly parts: readonly ScorePart[];
}

/** Scores from which an install is healthy, and below which it fails. */
const HEALTHY_FROM = 80;
const FAILING_BELOW = 50;
const BREAKER_VALUES: Readonly<Record<BreakerState, number>> = { closed: 1, "half-open": 0.5, open: 0 };
/** Share of calls in faults at which nothing is left: there a breaker opens. */
const WORST_FAULT_SHARE = 0.5;
/** Share of the wall clock that the slowest twentieth of the calls may take without loss. */
const EASY_LATENCY = 0.5;

export function scoreOf(facts: ScoredFacts): Score {
  const parts = [faults(facts), breaker(facts), uptime(facts), latency(facts), selfCheck(facts)];
  const isKnown = facts.hour.calls > 0 || facts.check !== "unchecked" || facts.breaker !== "closed";
  if (!isKnown) return { status: "unknown", value: null, parts };
  const known = parts.flatMap(({ weight, value }) => (value === null ? [] : [{ weight, value }]));
  const whole = known.reduce((sum, { weight }) => sum + weight, 0);
  const value = Math.round((100 * known.reduce((sum, part) => sum + part.weight * part.value, 0)) / whole);
  return { status: statusOf(value, facts), value, parts };
}

function statusOf(value: number, { breaker: state, check }: ScoredFacts): HealthStatus {
  if (state === "open" || value < FAILING_BELOW) return "failing";
  return state === "half-open" || check === "unhealthy" || value < HEALTHY_FROM ? "degraded" : "healthy";
}

function faults({ hour }: ScoredFacts): ScorePart {
  const share = hour.calls === 0 ? null : hour.faults / hour.calls;
  return {
    name: "faults",
    weight: 40,
    value: share === null ? null : Math.max(0, 1 - share / WORST_FAULT_SHARE),
    detail: `${hour.faults} of ${hour.calls} calls of the last hour failed by the plugin's doing.`,
  };
}

function breaker({ breaker: state }: ScoredFacts): ScorePart {
  return { name: "breaker", weight: 25, value: BREAKER_VALUES[state], detail: `It is ${state}.` };
}

function uptime({ uptime: share }: ScoredFacts): ScorePart {
  const percent = (100 * share).toFixed(2);
  return { name: "uptime", weight: 15, value: share, detail: `Calls were taken ${percent} % of the last day.` };
}

function latency({ hour, wallClock }: ScoredFacts): ScorePart {
  const slow = quantile(hour.latency, 0.95);
  const excess = slow === null ? 0 : Math.max(0, slow / wallClock - EASY_LATENCY) / (1 - EASY_LATENCY);
  return {
    name: "latency",
    weight: 10,
    value: slow === null ? null : Math.max(0, 1 - excess),
    detail:
      slow === null
        ? "No calls in the last hour."
        : `95 % of the calls took at most ${Math.round(slow)} ms of the ${wallClock} ms they may take.`,
  };
}

function selfCheck({ check }: ScoredFacts): ScorePart {
  const value = { healthy: 1, unhealthy: 0, unchecked: null }[check];
  const detail = check === "unchecked" ? "The plugin has no health_check, or was not asked yet." : `It says ${check}.`;
  return { name: "self-check", weight: 10, value, detail };
}
