import { quantile, RELATIVE_ERROR } from "../../../durable-objects/plugin-health/histogram-rules.ts";
import type { HealthDescription, VersionHealth } from "../../../durable-objects/plugin-health/report-rules.ts";
import { emptyTally, type Tally } from "../../../durable-objects/plugin-health/tally-rules.ts";
import { scoreOf, type CheckStatus, type Score } from "./score-rules.ts";
import type { BreakerAnswer, HealthAnswer } from "./schema.ts";

/** What the health object says, as answers show it. */

const MOVES_SHOWN = 20;

/** The version in use; one of which nothing is known yet is closed. */
export function versionOf({ versions, forced }: HealthDescription, version: string, now: number): VersionHealth {
  const known = versions.find((one) => one.version === version);
  if (known) return known;
  const state = forced?.state ?? "closed";
  const since = forced?.since ?? now;
  return {
    version,
    state: "closed",
    verdict: { state, since, nextProbeAt: null, why: null, ...(forced ? { forced } : {}) },
    goodProbes: 0,
    coolDownMs: null,
    windows: { quarterHour: emptyTally(), hour: emptyTally(), day: emptyTally() },
  };
}

/** @param wallClock  the install's, milliseconds */
export function scoreVersion(
  description: HealthDescription,
  { verdict, windows }: VersionHealth,
  wallClock: number,
  check: CheckStatus,
): Score {
  const uptime = description.uptime.day;
  return scoreOf({ breaker: verdict.state, hour: windows.hour, uptime, wallClock, check });
}

/** @param recording  the execution that shows why and is recorded */
export function breakerAnswer(
  { verdict, goodProbes, coolDownMs }: VersionHealth,
  recording: string | null,
): BreakerAnswer {
  const { state, since, nextProbeAt, why, forced } = verdict;
  return {
    state,
    since,
    nextProbeAt,
    why: why ? { ...why, codes: { ...why.codes }, executionIds: [...why.executionIds], recording } : null,
    goodProbes,
    coolDownMs,
    forced: forced ?? null,
  };
}

export function windowsAnswer({ windows }: VersionHealth): HealthAnswer["windows"] {
  const { quarterHour, hour, day } = windows;
  return { quarterHour: windowAnswer(quarterHour), hour: windowAnswer(hour), day: windowAnswer(day) };
}

export function errorRate({ calls, failed }: Tally): number | null {
  return calls === 0 ? null : failed / calls;
}

export function latencyOf({ latency }: Tally, share: number): number | null {
  const value = quantile(latency, share);
  return value === null ? null : Math.round(value * 10) / 10;
}

export function historyAnswer(
  { uptime, seenSince, moves, versions }: HealthDescription,
  current: string,
): Pick<HealthAnswer, "latencyRelativeError" | "uptime" | "moves" | "otherVersions"> {
  const others = versions.filter(({ version }) => version !== current);
  return {
    latencyRelativeError: RELATIVE_ERROR,
    uptime: { ...uptime, since: seenSince },
    moves: moves.slice(0, MOVES_SHOWN).map(({ version, from, to, at, cause }) => ({ version, from, to, at, cause })),
    otherVersions: others.map(({ version, state }) => ({ version, state })),
  };
}

function windowAnswer(tally: Tally): HealthAnswer["windows"]["hour"] {
  const { calls, failed, faults, refused, codes } = tally;
  const latencyMs = { p50: latencyOf(tally, 0.5), p95: latencyOf(tally, 0.95), p99: latencyOf(tally, 0.99) };
  return { calls, failed, faults, refused, errorRate: errorRate(tally), codes: { ...codes }, latencyMs };
}
