import { and, asc, eq, gte, lt, sql, type SQL } from "drizzle-orm";
import type { Database, Statement } from "../../db/client.ts";
import { metricSeries, pluginMetrics } from "../../db/schema.ts";
import type { ExecutionRecord } from "../../execution/settle.ts";
import { PERIODS, rowsOfRecords, type MetricRow } from "./rules.ts";

/** Plugins' metrics, written with the execution records they come from, so that each counts once. */

/** Rows in one statement: a bound value holds 2 MB at most, a row under 1.5 KB. */
const ROWS_PER_STATEMENT = 1_000;

const field = (name: string): SQL => sql.raw(`json_extract(value, '$.${name}')`);
const SERIES = ["tenantId", "pluginId", "name", "kind", "labels"].map(field);
const known = (row: SQL) =>
  sql`EXISTS (SELECT 1 FROM plugin_metric_series AS s WHERE (s.tenant_id, s.plugin_id, s.name, s.kind, s.labels) = (${row}))`;

/**
 * Statements that add what the executions recorded. A series beyond what its install may have is not counted.
 *
 * @param records  none of them counted before
 * @param when     the condition under which the records are stored
 */
export function addMetrics(db: Database, records: readonly ExecutionRecord[], when: SQL): Statement[] {
  const rows = rowsOfRecords(records);
  const statements: Statement[] = [];
  for (let start = 0; start < rows.length; start += ROWS_PER_STATEMENT) {
    const json = JSON.stringify(rows.slice(start, start + ROWS_PER_STATEMENT));
    statements.push(addSeries(db, json, when), ...PERIODS.map((period) => addSums(db, json, period, when)));
  }
  return statements;
}

function addSeries(db: Database, json: string, when: SQL): Statement {
  const columns = sql.join(SERIES, sql`, `);
  const distinct = sql`SELECT ${field("tenantId")} AS t, ${field("pluginId")} AS p, ${field("name")} AS n, ${field("kind")} AS k, ${field("labels")} AS l, max(${field("lastAt")}) AS at, max(${field("series")}) AS most, ${known(columns)} AS known FROM json_each(${json}) GROUP BY 1, 2, 3, 4, 5`;
  const ranked = sql`SELECT *, row_number() OVER (PARTITION BY t, p, known ORDER BY n, k, l) AS rank FROM (${distinct})`;
  const there = sql`(SELECT count(*) FROM plugin_metric_series AS s WHERE s.tenant_id = t AND s.plugin_id = p)`;
  return db
    .insert(metricSeries)
    .select(sql`SELECT t, p, n, k, l, at FROM (${ranked}) WHERE ${when} AND (known OR rank + ${there} <= most)`)
    .onConflictDoUpdate({
      target: [metricSeries.tenantId, metricSeries.pluginId, metricSeries.name, metricSeries.kind, metricSeries.labels],
      set: { lastAt: sql`max(${metricSeries.lastAt}, excluded.last_at)` },
    });
}

function addSums(db: Database, json: string, period: number, when: SQL): Statement {
  const columns = sql.join(SERIES, sql`, `);
  const begun = sql`${field("at")} - ${field("at")} % ${period}`;
  const sums = sql.join(["bucket", "count", "sum", "least", "most", "last", "lastAt"].map(field), sql`, `);
  return db
    .insert(pluginMetrics)
    .select(
      sql`SELECT ${columns}, ${period}, ${begun}, ${sums} FROM json_each(${json}) WHERE ${when} AND ${known(columns)}`,
    )
    .onConflictDoUpdate({
      target: [
        pluginMetrics.tenantId,
        pluginMetrics.pluginId,
        pluginMetrics.period,
        pluginMetrics.at,
        pluginMetrics.name,
        pluginMetrics.kind,
        pluginMetrics.labels,
        pluginMetrics.bucket,
      ],
      set: {
        count: sql`${pluginMetrics.count} + excluded.count`,
        sum: sql`${pluginMetrics.sum} + excluded.sum`,
        least: sql`min(${pluginMetrics.least}, excluded.least)`,
        most: sql`max(${pluginMetrics.most}, excluded.most)`,
        last: sql`CASE WHEN excluded.last_at >= ${pluginMetrics.lastAt} THEN excluded.last ELSE ${pluginMetrics.last} END`,
        lastAt: sql`max(${pluginMetrics.lastAt}, excluded.last_at)`,
      },
    });
}

/** By name, labels and time. */
export async function listMetrics(
  db: Database,
  scope: { readonly tenantId: string; readonly pluginId: string },
  range: { readonly period: number; readonly from: number; readonly to: number; readonly name?: string | undefined },
  limit: number,
): Promise<MetricRow[]> {
  const { period, from, to, name } = range;
  return db
    .select()
    .from(pluginMetrics)
    .where(
      and(
        eq(pluginMetrics.tenantId, scope.tenantId),
        eq(pluginMetrics.pluginId, scope.pluginId),
        eq(pluginMetrics.period, period),
        gte(pluginMetrics.at, from),
        lt(pluginMetrics.at, to),
        name === undefined ? undefined : eq(pluginMetrics.name, name),
      ),
    )
    .orderBy(asc(pluginMetrics.name), asc(pluginMetrics.kind), asc(pluginMetrics.labels), asc(pluginMetrics.at))
    .limit(limit);
}

/** @returns how many rows were deleted, at most `limit` of each kind */
export async function deleteMetricsBefore(
  db: Database,
  before: Readonly<Record<"minute" | "hour", number>>,
  limit: number,
): Promise<number> {
  const [minutes, hours] = PERIODS;
  const old = (period: number, time: number) =>
    db.run(
      sql`DELETE FROM plugin_metrics WHERE rowid IN (SELECT rowid FROM plugin_metrics WHERE period = ${period} AND at < ${time} LIMIT ${limit})`,
    );
  const results = [
    await old(minutes, before.minute),
    await old(hours, before.hour),
    await db.run(
      sql`DELETE FROM plugin_metric_series WHERE rowid IN (SELECT rowid FROM plugin_metric_series WHERE last_at < ${before.hour} LIMIT ${limit})`,
    ),
  ];
  return results.reduce((sum, { meta }) => sum + meta.changes, 0);
}
