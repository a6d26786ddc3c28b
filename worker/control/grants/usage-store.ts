import { and, eq, gte, lt, sql, type SQL } from "drizzle-orm";
import type { Database, Statement } from "../../db/client.ts";
import { capabilityUsage } from "../../db/schema.ts";
import type { ExecutionRecord } from "../../execution/settle.ts";
import { DAY_MS, type DailyUsage, type UsageSum } from "./report-rules.ts";
import type { InstallScope } from "./store.ts";

/** Sums by day of what installs used, written with the execution records they come from, so that each counts once. */

const FIELDS = sql.raw(
  "json_extract(r.value, '$.tenantId'), json_extract(r.value, '$.installId'), json_extract(r.value, '$.pluginId'), json_extract(c.value, '$.capability')",
);
const DAY = sql.raw(`json_extract(r.value, '$.startedAt') / ${DAY_MS}`);
const CALLS = sql.raw("json_extract(c.value, '$.calls')");
const REFUSED = sql.raw("json_extract(c.value, '$.refused')");
const BYTES = sql.raw("json_extract(c.value, '$.bytes')");
const STARTED = sql.raw("json_extract(r.value, '$.startedAt')");
/** Longest host, topic or service kept, in characters. */
const SCOPE_LENGTH = 260;

/**
 * Statements that add what the executions used.
 *
 * @param records  at most 2 MB as JSON, none of them counted before
 * @param when     the condition under which the records are stored
 */
export function addUsage(db: Database, records: readonly ExecutionRecord[], when: SQL): Statement[] {
  const used = records
    .filter((record) => record.capabilities !== undefined)
    .map(({ tenantId, installId, pluginId, startedAt, capabilities }) => ({
      tenantId,
      installId,
      pluginId,
      startedAt,
      capabilities,
    }));
  if (used.length === 0) return [];
  const each = sql`json_each(${JSON.stringify(used)}) AS r, json_each(r.value, '$.capabilities') AS c`;
  const totals = sql`SELECT ${FIELDS}, '', ${DAY}, count(*), sum(${CALLS}), sum(${REFUSED}), sum(${BYTES}), max(${CALLS}), max(${BYTES}), max(${STARTED}) FROM ${each} WHERE ${when} GROUP BY 1, 2, 3, 4, 6`;
  const scope = sql.raw(`substr(s.value, 1, ${SCOPE_LENGTH})`);
  const scopes = sql`SELECT ${FIELDS}, ${scope}, ${DAY}, count(*), 0, 0, 0, 0, 0, max(${STARTED}) FROM ${each}, json_each(c.value, '$.scopes') AS s WHERE ${when} AND ${scope} <> '' GROUP BY 1, 2, 3, 4, 5, 6`;
  return [totals, scopes].map((rows) =>
    db
      .insert(capabilityUsage)
      .select(rows)
      .onConflictDoUpdate({
        target: [
          capabilityUsage.tenantId,
          capabilityUsage.installId,
          capabilityUsage.capability,
          capabilityUsage.scope,
          capabilityUsage.day,
        ],
        set: {
          executions: sql`${capabilityUsage.executions} + excluded.executions`,
          calls: sql`${capabilityUsage.calls} + excluded.calls`,
          refused: sql`${capabilityUsage.refused} + excluded.refused`,
          bytes: sql`${capabilityUsage.bytes} + excluded.bytes`,
          peakCalls: sql`max(${capabilityUsage.peakCalls}, excluded.peak_calls)`,
          peakBytes: sql`max(${capabilityUsage.peakBytes}, excluded.peak_bytes)`,
          lastUsedAt: sql`max(${capabilityUsage.lastUsedAt}, excluded.last_used_at)`,
        },
      }),
  );
}

/**
 * What an install used from one day on.
 *
 * @param day  days since the epoch
 */
export async function sumUsage(db: Database, scope: InstallScope, day: number): Promise<UsageSum[]> {
  const rows = await db
    .select({
      capability: capabilityUsage.capability,
      scope: capabilityUsage.scope,
      executions: sql<number>`sum(${capabilityUsage.executions})`,
      calls: sql<number>`sum(${capabilityUsage.calls})`,
      refused: sql<number>`sum(${capabilityUsage.refused})`,
      bytes: sql<number>`sum(${capabilityUsage.bytes})`,
      peakCalls: sql<number>`max(${capabilityUsage.peakCalls})`,
      peakBytes: sql<number>`max(${capabilityUsage.peakBytes})`,
      lastUsedAt: sql<number>`max(${capabilityUsage.lastUsedAt})`,
    })
    .from(capabilityUsage)
    .where(
      and(
        eq(capabilityUsage.tenantId, scope.tenantId),
        eq(capabilityUsage.installId, scope.installId),
        gte(capabilityUsage.day, day),
      ),
    )
    .groupBy(capabilityUsage.capability, capabilityUsage.scope)
    .orderBy(capabilityUsage.capability, capabilityUsage.scope);
  return rows as UsageSum[]; // the column holds only names of the table
}

/** @param day  days since the epoch: from this one on */
export async function listDailyUsage(db: Database, scope: InstallScope, day: number): Promise<DailyUsage[]> {
  const rows = await db
    .select({
      capability: capabilityUsage.capability,
      day: capabilityUsage.day,
      executions: capabilityUsage.executions,
      calls: capabilityUsage.calls,
      refused: capabilityUsage.refused,
      bytes: capabilityUsage.bytes,
      peakCalls: capabilityUsage.peakCalls,
      peakBytes: capabilityUsage.peakBytes,
    })
    .from(capabilityUsage)
    .where(
      and(
        eq(capabilityUsage.tenantId, scope.tenantId),
        eq(capabilityUsage.installId, scope.installId),
        eq(capabilityUsage.scope, ""),
        gte(capabilityUsage.day, day),
      ),
    )
    .orderBy(capabilityUsage.day, capabilityUsage.capability);
  return rows as DailyUsage[]; // the column holds only names of the table
}

/**
 * Deletes sums of days past their retention.
 *
 * @param day    days since the epoch; earlier ones go
 * @param limit  most rows deleted by one call
 * @returns how many were deleted
 */
export async function deleteUsageBefore(db: Database, day: number, limit: number): Promise<number> {
  const rowids = sql`SELECT rowid FROM ${capabilityUsage} WHERE ${lt(capabilityUsage.day, day)} LIMIT ${limit}`;
  const result = await db.run(sql`DELETE FROM ${capabilityUsage} WHERE rowid IN (${rowids})`);
  return result.meta.changes;
}
