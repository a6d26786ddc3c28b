import { and, desc, eq, getTableColumns, gte, lt, sql } from "drizzle-orm";
import type { Database } from "../../db/client.ts";
import { pluginExecutions } from "../../db/schema.ts";
import type { ExecutionRecord } from "../../execution/settle.ts";

/** Records in one statement: a bound value holds 2 MB at most, a record well under 4 KB. */
const RECORDS_PER_STATEMENT = 500;

const COLUMNS = Object.entries(getTableColumns(pluginExecutions));
const COLUMN_NAMES = sql.join(
  COLUMNS.map(([, column]) => sql.identifier(column.name)),
  sql`, `,
);
const RECORD_FIELDS = sql.join(
  COLUMNS.map(([field]) => sql.raw(`json_extract(value, '$.${field}')`)),
  sql`, `,
);

/**
 * Stores execution records. A record that is stored already is left as it is, so a queue may deliver twice. The records
 * travel as one bound value, because D1 binds 100 values at most.
 */
export async function insertExecutions(db: Database, records: readonly ExecutionRecord[]): Promise<void> {
  for (let start = 0; start < records.length; start += RECORDS_PER_STATEMENT) {
    const json = JSON.stringify(records.slice(start, start + RECORDS_PER_STATEMENT));
    // `WHERE true` keeps SQLite from reading ON CONFLICT as a join condition (https://sqlite.org/lang_upsert.html §2.2).
    await db.run(
      sql`INSERT INTO ${pluginExecutions} (${COLUMN_NAMES}) SELECT ${RECORD_FIELDS} FROM json_each(${json}) WHERE true ON CONFLICT (id) DO NOTHING`,
    );
  }
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
