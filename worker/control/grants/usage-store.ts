import { and, eq, gte, lt, sql, type SQL } from "drizzle-orm";
import type { Database, Statement } from "../../db/client.ts";
import { capabilityDetails, capabilityUsage } from "../../db/schema.ts";
import type { ExecutionRecord } from "../../execution/settle.ts";
import { DAY_MS, type DailyUsage, type UsageDetail, type UsageSum } from "./report-rules.ts";
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
const OWNER =
  "json_extract(r.value, '$.tenantId'), json_extract(r.value, '$.installId'), json_extract(c.value, '$.capability')";
/** Members of a use that are kept by name, and what becomes of several. */
const DETAILS = [
  { kind: "peak", member: "peaks", together: "max" },
  { kind: "refusal", member: "refusals", together: "sum" },
] as const;
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
  const details = DETAILS.map(({ kind, member, together }) => {
    const values = sql`SELECT ${sql.raw(OWNER)}, ${kind}, d.key, ${DAY}, ${sql.raw(`${together}(d.value)`)} FROM ${each}, json_each(c.value, ${`$.${member}`}) AS d WHERE ${when} GROUP BY 1, 2, 3, 5, 6`;
    const { value } = capabilityDetails;
    const sum = together === "max" ? sql`max(${value}, excluded.value)` : sql`${value} + excluded.value`;
    const { tenantId, installId, capability, kind: kindOf, name, day } = capabilityDetails;
    return db
      .insert(capabilityDetails)
      .select(values)
      .onConflictDoUpdate({ target: [tenantId, installId, capability, kindOf, name, day], set: { value: sum } });
  });
  const sums = [totals, scopes].map((rows) =>
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
  return [...sums, ...details];
}

/**
 * Peaks of quotas and refusals by their error, from one day on.
 *
 * @param day  days since the epoch
 */
export async function sumDetails(db: Database, scope: InstallScope, day: number): Promise<UsageDetail[]> {
  const { capability, kind, name, value } = capabilityDetails;
  const rows = await db
    .select({ capability, kind, name, sum: sql<number>`sum(${value})`, most: sql<number>`max(${value})` })
    .from(capabilityDetails)
    .where(
      and(
        eq(capabilityDetails.tenantId, scope.tenantId),
        eq(capabilityDetails.installId, scope.installId),
        gte(capabilityDetails.day, day),
      ),
    )
    .groupBy(capability, kind, name)
    .orderBy(capability, kind, name);
  return rows as UsageDetail[]; // the column holds only names of the table
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
  let deleted = 0;
  for (const table of [capabilityUsage, capabilityDetails]) {
    const rowids = sql`SELECT rowid FROM ${table} WHERE ${lt(table.day, day)} LIMIT ${limit - deleted}`;
    const result = await db.run(sql`DELETE FROM ${table} WHERE rowid IN (${rowids})`);
    deleted += result.meta.changes;
  }
  return deleted;
}
