import { DAY_MS } from "../retention-rules.ts";
import type { ReportScope, Row } from "./report-record.ts";

/** Days that a trend needs. */
const TREND_DAYS = 7;
const PROJECTED_DAYS = 30;

export interface Trend {
  /** By how many executions a day each day differs from the one before. */
  readonly trend: number;
  /** Executions of the next 30 days, if the line goes on. */
  readonly projected: number;
}

/**
 * The straight line through executions a day that leaves the least squares.
 *
 * @param daily  executions of each day, oldest first, those without any included
 * @returns undefined with fewer than 7 days, of which a line would say nothing
 */
export function trendOf(daily: readonly number[]): Trend | undefined {
  const size = daily.length;
  if (size < TREND_DAYS) return undefined;
  const middle = (size - 1) / 2;
  const mean = daily.reduce((sum, value) => sum + value, 0) / size;
  const spread = daily.reduce((sum, _value, day) => sum + (day - middle) ** 2, 0);
  const slope = daily.reduce((sum, value, day) => sum + (day - middle) * (value - mean), 0) / spread;
  const next = Array.from({ length: PROJECTED_DAYS }, (_, day) => Math.max(0, mean + slope * (size + day - middle)));
  return { trend: Math.round(slope * 100) / 100, projected: Math.round(next.reduce((sum, value) => sum + value, 0)) };
}

/** The rows of plugins with their trends, over the whole days of the report: the first and last may be parts. */
export function withTrends(
  plugins: readonly Row[],
  daily: readonly { readonly pluginId: string; readonly day: number; readonly executions: number }[],
  { from, to, now }: Pick<ReportScope, "from" | "to" | "now">,
): Row[] {
  const first = Math.ceil(from / DAY_MS);
  const last = Math.floor(Math.min(to, now) / DAY_MS) - 1;
  const counts = new Map(daily.map(({ pluginId, day, executions }) => [`${pluginId} ${day}`, executions]));
  return plugins.map(({ day: _all, ...row }) => {
    const length = Math.max(0, last - first + 1);
    const values = Array.from({ length }, (_, index) => counts.get(`${String(row["pluginId"])} ${first + index}`) ?? 0);
    const found = trendOf(values);
    return { ...row, trend: found?.trend ?? null, projected: found?.projected ?? null };
  });
}
