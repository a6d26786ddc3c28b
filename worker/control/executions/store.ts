import { and, desc, eq, getTableColumns, gte, lt, sql } from "drizzle-orm";
import type { Database } from "../../db/client.ts";
import { pluginExecutions } from "../../db/schema.ts";
import type { ExecutionRecord } from "../../execution/settle.ts";
import type { NewAuditRow } from "../audit-log/rules.ts";
import { recordAudit } from "../audit-log/store.ts";
import { eventRecorded, recordEventsWhere, type NewEvent } from "../events/store.ts";
import { addMinutes } from "../anomalies/store.ts";
import { addUsage } from "../grants/usage-store.ts";
import { addMetrics } from "../metrics/store.ts";
import { countCanaryCalls } from "../upgrades/store.ts";
import type { Upgrade } from "../upgrades/upgrade-record.ts";

const RECORD_FIELDS = sql.join(
  Object.keys(getTableColumns(pluginExecutions)).map((field) => sql.raw(`json_extract(value, '$.${field}')`)),
  sql`, `,
);

/** Which of the records are not stored yet. */
export async function selectNewExecutions(
  db: Database,
  records: readonly ExecutionRecord[],
): Promise<readonly ExecutionRecord[]> {
  const ids = JSON.stringify(records.map(({ id }) => id));
  const known = await db
    .select({ id: pluginExecutions.id })
    .from(pluginExecutions)
    .where(sql`${pluginExecutions.id} IN (SELECT value FROM json_each(${ids}))`);
  const stored = new Set(known.map(({ id }) => id));
  return records.filter(({ id }) => !stored.has(id));
}

/**
 * Stores execution records with the events that tell of them and what they used, or nothing where one of the records was stored meanwhile.
 * The records travel as one bound value, because D1 binds 100 values at most.
 *
 * @param records  at most 2 MB as JSON, which is what a bound value holds
 * @param events   at least one
 * @param audit    rows for what was refused
 * @returns the running upgrades whose calls were among them, or undefined where nothing was written
 */
export async function insertExecutions(
  db: Database,
  records: readonly ExecutionRecord[],
  events: readonly NewEvent[],
  audit: readonly NewAuditRow[] = [],
): Promise<readonly Upgrade[] | undefined> {
  const [proof] = events;
  if (!proof) return [];
  const ids = JSON.stringify(records.map(({ id }) => id));
  const json = JSON.stringify(records.map(({ metrics: _counted, ...record }) => record));
  const noneStored = sql`NOT EXISTS (SELECT 1 FROM ${pluginExecutions} WHERE ${pluginExecutions.id} IN (SELECT value FROM json_each(${ids})))`;
  const isFirst = eventRecorded(proof.id);
  const [recorded, counted] = await db.batch([
    recordEventsWhere(db, events, noneStored),
    countCanaryCalls(db, records, isFirst),
    db.insert(pluginExecutions).select(sql`SELECT ${RECORD_FIELDS} FROM json_each(${json}) WHERE ${isFirst}`),
    ...addUsage(db, records, isFirst),
    ...addMetrics(db, records, isFirst),
    addMinutes(db, records, isFirst),
    ...(audit.length > 0 ? [recordAudit(db, audit, isFirst)] : []),
  ]);
  return recorded.length > 0 ? counted : undefined;
}

export interface ExecutionFilter {
  readonly status?: ExecutionRecord["status"] | undefined;
  readonly functionName?: string | undefined;
  /** Milliseconds since the epoch: started at or after. */
  readonly from?: number | undefined;
  /** Milliseconds since the epoch: started before. */
  readonly to?: number | undefined;
}

/**
 * Newest first.
 *
 * @param before  id of the last record of the page before
 */
export async function listExecutions(
  db: Database,
  scope: { readonly tenantId: string; readonly pluginId: string },
  filter: ExecutionFilter,
  page: { readonly limit: number; readonly before?: string | undefined },
): Promise<ExecutionRecord[]> {
  return db
    .select()
    .from(pluginExecutions)
    .where(
      and(
        eq(pluginExecutions.tenantId, scope.tenantId),
        eq(pluginExecutions.pluginId, scope.pluginId),
        page.before === undefined ? undefined : lt(pluginExecutions.id, page.before),
        filter.status === undefined ? undefined : eq(pluginExecutions.status, filter.status),
        filter.functionName === undefined ? undefined : eq(pluginExecutions.functionName, filter.functionName),
        filter.from === undefined ? undefined : gte(pluginExecutions.startedAt, filter.from),
        filter.to === undefined ? undefined : lt(pluginExecutions.startedAt, filter.to),
      ),
    )
    .orderBy(desc(pluginExecutions.id))
    .limit(page.limit);
}

/** @returns undefined where the tenant has no such record */
export async function getExecution(
  db: Database,
  tenantId: string,
  executionId: string,
): Promise<ExecutionRecord | undefined> {
  const rows = await db
    .select()
    .from(pluginExecutions)
    .where(and(eq(pluginExecutions.id, executionId), eq(pluginExecutions.tenantId, tenantId)));
  return rows[0];
}

/**
 * Deletes the oldest records.
 *
 * @param time   milliseconds since the epoch; records that started before it go
 * @param limit  most rows deleted by one call, so that a run ends well within a query's time
 * @returns how many were deleted; `limit` means that more may be left
 */
export async function deleteExecutionsBefore(db: Database, time: number, limit: number): Promise<number> {
  const result = await db.run(
    sql`DELETE FROM ${pluginExecutions} WHERE id IN (SELECT id FROM ${pluginExecutions} WHERE started_at < ${time} ORDER BY started_at LIMIT ${limit})`,
  );
  return result.meta.changes;
}
