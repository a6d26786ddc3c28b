import { and, desc, eq, isNotNull, isNull, lt, sql, type SQL } from "drizzle-orm";
import type { Database, Statement } from "../../db/client.ts";
import { anomalySeries, pluginAnomalies, pluginCallMinutes } from "../../db/schema.ts";
import type { ExecutionRecord } from "../../execution/settle.ts";
import { recordEventsWhere, type NewEvent } from "../events/store.ts";
import type { AnomalyMetric } from "./detector-rules.ts";
import { minutesOf, type AnomalySeries, type MinuteRow } from "./rules.ts";

const MINUTE_FIELDS = [
  "tenantId",
  "installId",
  "pluginId",
  "minute",
  "calls",
  "failed",
  "logDuration",
  "logDurationSquares",
  "logFuel",
  "logFuelSquares",
];
const SERIES_FIELDS = ["tenantId", "installId", "pluginId", "minute", "watchesSilence", "states"];
const ANOMALY_FIELDS = [
  "id",
  "tenantId",
  "installId",
  "pluginId",
  "metric",
  "direction",
  "expected",
  "observed",
  "score",
  "startedAt",
  "endedAt",
];

function fields(names: readonly string[]): SQL {
  return sql.raw(names.map((name) => `json_extract(value, '$.${name}')`).join(", "));
}

/**
 * Adds records to the minutes of their installs: a row for each install and minute, however many calls.
 *
 * @param records  none of them counted before
 * @param when     the condition under which the records are stored
 */
export function addMinutes(db: Database, records: readonly ExecutionRecord[], when: SQL): Statement {
  const rows = JSON.stringify(minutesOf(records));
  return db
    .insert(pluginCallMinutes)
    .select(sql`SELECT ${fields(MINUTE_FIELDS)} FROM json_each(${rows}) WHERE ${when}`)
    .onConflictDoUpdate({
      target: [pluginCallMinutes.tenantId, pluginCallMinutes.installId, pluginCallMinutes.minute],
      set: {
        calls: sql`${pluginCallMinutes.calls} + excluded.calls`,
        failed: sql`${pluginCallMinutes.failed} + excluded.failed`,
        logDuration: sql`${pluginCallMinutes.logDuration} + excluded.log_duration`,
        logDurationSquares: sql`${pluginCallMinutes.logDurationSquares} + excluded.log_duration_squares`,
        logFuel: sql`${pluginCallMinutes.logFuel} + excluded.log_fuel`,
        logFuelSquares: sql`${pluginCallMinutes.logFuelSquares} + excluded.log_fuel_squares`,
      },
    });
}

/** Minutes that began before a time, the oldest first. */
export async function listMinutes(db: Database, before: number, limit: number): Promise<MinuteRow[]> {
  return db
    .select()
    .from(pluginCallMinutes)
    .where(lt(pluginCallMinutes.minute, before))
    .orderBy(pluginCallMinutes.minute)
    .limit(limit);
}

/** Series of the installs, and those to which silence before a time says something. */
export async function listSeries(
  db: Database,
  installIds: readonly string[],
  before: number,
  limit: number,
): Promise<AnomalySeries[]> {
  const [known, silent] = await db.batch([
    db
      .select()
      .from(anomalySeries)
      .where(sql`${anomalySeries.installId} IN (SELECT value FROM json_each(${JSON.stringify(installIds)}))`),
    db
      .select()
      .from(anomalySeries)
      .where(and(eq(anomalySeries.watchesSilence, true), lt(anomalySeries.minute, before)))
      .orderBy(anomalySeries.minute)
      .limit(limit),
  ]);
  return [
    ...new Map([...known, ...silent].map((series) => [`${series.tenantId} ${series.installId}`, series])).values(),
  ];
}

export interface Anomaly {
  readonly id: string;
  readonly tenantId: string;
  readonly installId: string;
  readonly pluginId: string;
  readonly metric: AnomalyMetric;
  readonly direction: "up" | "down";
  readonly expected: number;
  readonly observed: number;
  readonly score: number;
  readonly startedAt: number;
  readonly endedAt: number | null;
}

/** Anomalies of the installs that are under way. */
export async function listUnderWay(db: Database, installIds: readonly string[]): Promise<Anomaly[]> {
  return db
    .select()
    .from(pluginAnomalies)
    .where(
      and(
        isNull(pluginAnomalies.endedAt),
        sql`${pluginAnomalies.installId} IN (SELECT value FROM json_each(${JSON.stringify(installIds)}))`,
      ),
    );
}

/** What one look at the minutes changes. */
export interface Detection {
  /** Series as they were read; the detection holds only where nobody else has moved them meanwhile. */
  readonly read: readonly Pick<AnomalySeries, "tenantId" | "installId" | "minute">[];
  readonly series: readonly AnomalySeries[];
  /** Those detected and those ended. */
  readonly anomalies: readonly Anomaly[];
  readonly events: readonly NewEvent[];
  /** Minutes that were looked at; they are deleted. */
  readonly minutes: readonly MinuteRow[];
}

/** Writes a detection whole, or nothing where another has come first. */
export async function commitDetection(db: Database, detection: Detection): Promise<void> {
  const { read, series, anomalies, events, minutes } = detection;
  const moved = sql`SELECT 1 FROM json_each(${JSON.stringify(read)}) AS r LEFT JOIN anomaly_series AS s ON s.tenant_id = json_extract(r.value, '$.tenantId') AND s.install_id = json_extract(r.value, '$.installId') WHERE coalesce(s.minute, -1) <> json_extract(r.value, '$.minute')`;
  const unmoved = sql`NOT EXISTS (${moved})`;
  const seen = JSON.stringify(minutes.map(({ tenantId, installId, minute }) => [tenantId, installId, minute]));
  const statements: Statement[] = [
    ...(events.length > 0 ? [recordEventsWhere(db, events, unmoved)] : []),
    db
      .insert(pluginAnomalies)
      .select(sql`SELECT ${fields(ANOMALY_FIELDS)} FROM json_each(${JSON.stringify(anomalies)}) WHERE ${unmoved}`)
      .onConflictDoUpdate({
        target: pluginAnomalies.id,
        set: { observed: sql`excluded.observed`, score: sql`excluded.score`, endedAt: sql`excluded.ended_at` },
      }),
    db
      .delete(pluginCallMinutes)
      .where(
        sql`(tenant_id, install_id, minute) IN (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]') FROM json_each(${seen})) AND ${unmoved}`,
      ),
  ];
  const end = db
    .insert(anomalySeries)
    .select(sql`SELECT ${fields(SERIES_FIELDS)} FROM json_each(${JSON.stringify(series)}) WHERE ${unmoved}`)
    .onConflictDoUpdate({
      target: [anomalySeries.tenantId, anomalySeries.installId],
      set: {
        minute: sql`excluded.minute`,
        watchesSilence: sql`excluded.watches_silence`,
        states: sql`excluded.states`,
      },
    });
  await db.batch([...statements, end] as unknown as [Statement, ...Statement[]]); // never empty: it ends with the series
}

/** Newest first. @param page  `before` is the id of the last anomaly of the page before */
export async function listAnomalies(
  db: Database,
  scope: { readonly tenantId: string; readonly pluginId: string },
  filter: { readonly metric?: AnomalyMetric | undefined; readonly active?: boolean | undefined },
  page: { readonly limit: number; readonly before?: string | undefined },
): Promise<Anomaly[]> {
  const { metric, active } = filter;
  return db
    .select()
    .from(pluginAnomalies)
    .where(
      and(
        eq(pluginAnomalies.tenantId, scope.tenantId),
        eq(pluginAnomalies.pluginId, scope.pluginId),
        metric === undefined ? undefined : eq(pluginAnomalies.metric, metric),
        active === undefined
          ? undefined
          : active
            ? isNull(pluginAnomalies.endedAt)
            : isNotNull(pluginAnomalies.endedAt),
        page.before === undefined ? undefined : lt(pluginAnomalies.id, page.before),
      ),
    )
    .orderBy(desc(pluginAnomalies.id))
    .limit(page.limit);
}

/** Deletes anomalies that began before a time, and series that saw nothing since another. @returns how many rows were deleted */
export async function deleteAnomaliesBefore(
  db: Database,
  before: { readonly anomalies: number; readonly series: number },
  limit: number,
): Promise<number> {
  const results = [
    await db.run(
      sql`DELETE FROM plugin_anomalies WHERE id IN (SELECT id FROM plugin_anomalies WHERE started_at < ${before.anomalies} LIMIT ${limit})`,
    ),
    await db.run(
      sql`DELETE FROM anomaly_series WHERE rowid IN (SELECT rowid FROM anomaly_series WHERE minute < ${before.series} LIMIT ${limit})`,
    ),
  ];
  return results.reduce((sum, { meta }) => sum + meta.changes, 0);
}
