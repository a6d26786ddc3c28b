import type { ExecutionRecord } from "../../execution/settle.ts";
import {
  newStates,
  observeMinute,
  watchesSilence,
  type AnomalyChange,
  type AnomalyStates,
  type MinuteSums,
} from "./detector-rules.ts";

/** How records become minutes, and minutes what the detector sees. Pure. */

export const MINUTE_MS = 60_000;
/** Minutes without a word after which what is usual is learnt anew. */
const LONGEST_GAP = 120;

/** Whose calls. */
export interface SeriesOwner {
  readonly tenantId: string;
  readonly installId: string;
  readonly pluginId: string;
}

/** Calls of an install in a minute. */
export interface MinuteRow extends SeriesOwner, MinuteSums {}

/** What is remembered of an install. */
export interface AnomalySeries extends SeriesOwner {
  /** Minute it has seen last. */
  readonly minute: number;
  readonly watchesSilence: boolean;
  readonly states: AnomalyStates;
}

/** What records that are stored together add, by install and minute. Durations and fuel are of calls that succeeded or failed alike. */
export function minutesOf(records: readonly ExecutionRecord[]): MinuteRow[] {
  const rows = new Map<string, MinuteRow>();
  for (const { tenantId, installId, pluginId, startedAt, status, durationMs, fuel } of records) {
    const minute = startedAt - (startedAt % MINUTE_MS);
    const [logDuration, logFuel] = [Math.log1p(durationMs), Math.log1p(fuel)];
    const key = `${tenantId} ${installId} ${minute}`;
    const known = rows.get(key);
    rows.set(key, {
      tenantId,
      installId,
      pluginId,
      minute,
      calls: (known?.calls ?? 0) + 1,
      failed: (known?.failed ?? 0) + (status === "failed" ? 1 : 0),
      logDuration: (known?.logDuration ?? 0) + logDuration,
      logDurationSquares: (known?.logDurationSquares ?? 0) + logDuration ** 2,
      logFuel: (known?.logFuel ?? 0) + logFuel,
      logFuelSquares: (known?.logFuelSquares ?? 0) + logFuel ** 2,
    });
  }
  return [...rows.values()];
}

function silence(minute: number): MinuteSums {
  return { minute, calls: 0, failed: 0, logDuration: 0, logDurationSquares: 0, logFuel: 0, logFuelSquares: 0 };
}

export interface TimedChange extends AnomalyChange {
  /** When the minute began that brought it. */
  readonly at: number;
}

/**
 * Shows the detector the minutes that ended since it looked last. Minutes without calls count where silence is unusual.
 *
 * @param known  undefined: the install was never seen
 * @param rows   of the install, in any order; those that it has seen already come too late and are left out
 * @param until  when the first minute begins that has not ended
 */
export function advance(
  owner: SeriesOwner,
  known: AnomalySeries | undefined,
  rows: readonly MinuteSums[],
  until: number,
): { readonly series: AnomalySeries; readonly changes: readonly TimedChange[] } {
  const { tenantId, installId, pluginId } = owner;
  const fresh = rows.filter(({ minute }) => minute > (known?.minute ?? -1) && minute < until);
  const byMinute = new Map(fresh.map((row) => [row.minute, row]));
  const first = Math.min(...byMinute.keys());
  const isStale = known !== undefined && until - known.minute > LONGEST_GAP * MINUTE_MS;
  let states = known && !isStale ? known.states : newStates();
  const changes: TimedChange[] = [];
  if (known && isStale) changes.push(...endedBy(known, until));
  const from = known && !isStale ? known.minute + MINUTE_MS : first;
  for (let minute = from; minute < until; minute += MINUTE_MS) {
    const sums = byMinute.get(minute) ?? (watchesSilence(states) ? silence(minute) : undefined);
    if (!sums) continue;
    const step = observeMinute(states, sums);
    states = step.states;
    changes.push(...step.changes.map((change) => ({ ...change, at: minute })));
  }
  const minute = until - MINUTE_MS;
  return { series: { tenantId, installId, pluginId, minute, watchesSilence: watchesSilence(states), states }, changes };
}

/** What was under way when nothing was heard for too long. */
function endedBy({ states }: AnomalySeries, at: number): TimedChange[] {
  return Object.entries(states).flatMap(([metric, { active }]): TimedChange[] => {
    if (!active) return [];
    const { direction, since: startedAt, expected, observed, score } = active;
    return [
      { kind: "ended", metric: metric as TimedChange["metric"], direction, startedAt, expected, observed, score, at },
    ]; // a name of the states
  });
}
