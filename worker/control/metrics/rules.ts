import { addSums, keyOfSum, quantileOf, type MetricSum } from "../../execution/capabilities/analytics/rules.ts";
import type { ExecutionRecord } from "../../execution/settle.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Milliseconds that rows are about. */
export const PERIODS = [MINUTE_MS, HOUR_MS] as const;

/** Sums of one series, bucket and minute. */
export interface MetricRow extends MetricSum {
  readonly tenantId: string;
  readonly pluginId: string;
  /** When the period began, milliseconds since the epoch. */
  readonly at: number;
  readonly lastAt: number;
}

type NewRow = MetricRow & {
  /** Series that the install may have. */
  readonly series: number;
};

/** What records that are stored together add, by minute. */
export function rowsOfRecords(records: readonly ExecutionRecord[]): NewRow[] {
  const rows = new Map<string, NewRow>();
  const ordered = records.filter(({ metrics }) => metrics).sort((one, other) => one.startedAt - other.startedAt);
  for (const { tenantId, pluginId, startedAt, metrics } of ordered) {
    const at = startedAt - (startedAt % MINUTE_MS);
    for (const sum of metrics?.sums ?? []) {
      const row: NewRow = { ...sum, tenantId, pluginId, at, lastAt: startedAt, series: metrics?.series ?? 0 };
      const key = `${tenantId} ${pluginId} ${at} ${keyOfSum(sum)}`;
      const known = rows.get(key);
      rows.set(key, known ? addSums(known, row) : row);
    }
  }
  return [...rows.values()];
}

export interface Point {
  readonly at: number;
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly last: number;
  /** Of a histogram. */
  readonly p50?: number;
  readonly p95?: number;
  readonly p99?: number;
}

export interface Series {
  readonly name: string;
  readonly kind: MetricSum["kind"];
  readonly labels: Record<string, string>;
  readonly points: readonly Point[];
}

/** @param rows  by series and time */
export function seriesOf(rows: readonly MetricRow[]): Series[] {
  const series = groupBy(rows, ({ name, kind, labels }) => JSON.stringify([name, kind, labels]));
  return series.flatMap((group) => {
    const [first] = group;
    if (!first) return [];
    const { name, kind, labels } = first;
    const points = groupBy(group, ({ at }) => String(at)).flatMap(pointOf);
    return [{ name, kind, labels: JSON.parse(labels) as Record<string, string>, points }]; // as sumOf wrote it
  });
}

function pointOf(rows: readonly MetricRow[]): Point[] {
  const [first, ...rest] = rows;
  if (!first) return [];
  const ordered = [first, ...rest].sort((one, other) => one.lastAt - other.lastAt);
  const { count, sum, least: min, most: max, last } = ordered.reduce((one, other) => addSums(one, other));
  const point = { at: first.at, count, sum, min, max, last };
  if (first.kind !== "histogram") return [point];
  const buckets = new Map(rows.map((row) => [row.bucket, row.count]));
  const within = (part: number): number => Math.min(max, Math.max(min, quantileOf(buckets, part) ?? min));
  return [{ ...point, p50: within(0.5), p95: within(0.95), p99: within(0.99) }];
}

function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Item[][] {
  return [...Map.groupBy(items, keyOf).values()];
}
