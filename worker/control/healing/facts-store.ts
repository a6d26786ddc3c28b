import { and, desc, eq, gt, sql } from "drizzle-orm";
import type { Database } from "../../db/client.ts";
import { auditFindings, pluginEvents, pluginExecutions, pluginInstances } from "../../db/schema.ts";
import { ulid } from "../../lib/ulid.ts";
import type { Fault } from "./rules.ts";

/** What the records of executions say of installs. */

interface Scope {
  readonly tenantId: string;
  readonly pluginId: string;
  readonly installId: string;
  /** Absent: calls of any version. */
  readonly version?: string;
}

export interface CallCounts {
  readonly calls: number;
  readonly failed: number;
  readonly faults: readonly Fault[];
}

/** Calls of an install that began after a time, and how those failed that did. @param since  milliseconds since the epoch */
export async function countCalls(db: Database, scope: Scope, since: number): Promise<CallCounts> {
  const rows = await db
    .select({
      code: pluginExecutions.errorCode,
      count: sql<number>`count(*)`.as("calls"),
      withCapabilities: sql<number>`sum(${pluginExecutions.hostCalls} > 0)`.as("with_capabilities"),
      firstAt: sql<number>`min(${pluginExecutions.startedAt})`.as("first_at"),
      lastAt: sql<number>`max(${pluginExecutions.startedAt})`.as("last_at"),
    })
    .from(pluginExecutions)
    .where(and(ofInstall(scope), gt(pluginExecutions.id, firstIdAt(since)), gt(pluginExecutions.startedAt, since)))
    .groupBy(pluginExecutions.errorCode);
  const faults = rows.flatMap(({ code, ...fault }) => (code === null ? [] : [{ code, ...fault }]));
  const calls = rows.reduce((sum, { count }) => sum + count, 0);
  return { calls, failed: faults.reduce((sum, { count }) => sum + count, 0), faults };
}

/** Ids of calls, newest first. @param code  of the failure; null: calls that succeeded; undefined: all that failed */
export async function latestCalls(
  db: Database,
  scope: Scope,
  code: string | null | undefined,
  limit: number,
): Promise<string[]> {
  const { errorCode, status, id } = pluginExecutions;
  const ended =
    code === undefined ? eq(status, "failed") : code === null ? eq(status, "succeeded") : eq(errorCode, code);
  const rows = await db
    .select({ id })
    .from(pluginExecutions)
    .where(and(ofInstall(scope), ended))
    .orderBy(desc(id))
    .limit(limit);
  return rows.map((row) => row.id);
}

export interface SickInstall {
  readonly tenantId: string;
  readonly pluginId: string;
}

/**
 * Active installs that something is wrong with: calls that failed since a time, a breaker that opened since another, an open finding that names
 * a remedy. Those of which most calls failed come first.
 */
export async function listSickInstalls(
  db: Database,
  { codes, remedies }: { readonly codes: readonly string[]; readonly remedies: readonly string[] },
  since: { readonly failed: number; readonly opened: number },
  limit: number,
): Promise<SickInstall[]> {
  const failing = sql`SELECT ${pluginExecutions.tenantId} AS tenant, ${pluginExecutions.pluginId} AS plugin, count(*) AS failed FROM ${pluginExecutions} WHERE ${pluginExecutions.startedAt} > ${since.failed} AND ${pluginExecutions.errorCode} IN (SELECT value FROM json_each(${JSON.stringify(codes)})) GROUP BY 1, 2`;
  const opened = sql`SELECT ${pluginEvents.tenantId}, ${pluginEvents.pluginId}, 1 FROM ${pluginEvents} WHERE ${pluginEvents.createdAt} > ${since.opened} AND ${pluginEvents.type} = 'breaker.opened'`;
  const found = sql`SELECT ${auditFindings.tenantId}, ${auditFindings.pluginId}, 1 FROM ${auditFindings} WHERE ${auditFindings.state} = 'open' AND ${auditFindings.remedy} IN (SELECT value FROM json_each(${JSON.stringify(remedies)}))`;
  return db.all<SickInstall>(
    sql`SELECT tenant AS tenantId, plugin AS pluginId FROM (${failing} UNION ALL ${opened} UNION ALL ${found}) AS sick JOIN ${pluginInstances} ON ${pluginInstances.tenantId} = sick.tenant AND ${pluginInstances.pluginId} = sick.plugin AND ${pluginInstances.state} = 'active' GROUP BY tenant, plugin ORDER BY sum(failed) DESC, tenant, plugin LIMIT ${limit}`,
  );
}

function ofInstall({ tenantId, pluginId, installId, version }: Scope) {
  return and(
    eq(pluginExecutions.tenantId, tenantId),
    eq(pluginExecutions.pluginId, pluginId),
    eq(pluginExecutions.installId, installId),
    version === undefined ? undefined : eq(pluginExecutions.version, version),
  );
}

/** Ids sort by time: lower than any of that millisecond. */
function firstIdAt(time: number): string {
  return ulid(Math.max(0, time), new Uint8Array(16));
}
