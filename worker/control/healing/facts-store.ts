import { and, desc, eq, gt, sql } from "drizzle-orm";
import type { Database } from "../../db/client.ts";
import { pluginExecutions, pluginInstances } from "../../db/schema.ts";
import { ulid } from "../../lib/ulid.ts";
import type { Fault } from "./rules.ts";

/** What the records of executions say of installs. */

interface Scope {
  readonly tenantId: string;
  readonly pluginId: string;
  readonly installId: string;
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

export interface FaultyInstall extends Scope {
  readonly failed: number;
}

/** Installs in use with calls that failed since a time, those with most first. */
export async function listFaultyInstalls(
  db: Database,
  codes: readonly string[],
  since: number,
  limit: number,
): Promise<FaultyInstall[]> {
  const { tenantId, pluginId, installId } = pluginExecutions;
  const failed = sql<number>`count(*)`.as("failed");
  return db
    .select({ tenantId, pluginId, installId, failed })
    .from(pluginExecutions)
    .innerJoin(pluginInstances, eq(pluginInstances.id, installId))
    .where(
      and(
        gt(pluginExecutions.startedAt, since),
        sql`${pluginExecutions.errorCode} IN (SELECT value FROM json_each(${JSON.stringify(codes)}))`,
        eq(pluginInstances.state, "active"),
      ),
    )
    .groupBy(tenantId, pluginId, installId)
    .orderBy(desc(failed), installId)
    .limit(limit);
}

function ofInstall({ tenantId, pluginId, installId }: Scope) {
  return and(
    eq(pluginExecutions.tenantId, tenantId),
    eq(pluginExecutions.pluginId, pluginId),
    eq(pluginExecutions.installId, installId),
  );
}

/** Ids sort by time: lower than any of that millisecond. */
function firstIdAt(time: number): string {
  return ulid(Math.max(0, time), new Uint8Array(16));
}
