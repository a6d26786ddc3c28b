import { and, desc, eq, getTableColumns, gt, lt, sql } from "drizzle-orm";
import type { Database } from "../../db/client.ts";
import { pluginHealthChecks, pluginInstances } from "../../db/schema.ts";

export type HealthCheckRow = typeof pluginHealthChecks.$inferSelect;
export type ShownCheck = Omit<HealthCheckRow, "id" | "tenantId">;

/** Installs that one answer shows at most. */
const SHOWN = 500;

export function insertCheck(db: Database, row: HealthCheckRow) {
  return db.insert(pluginHealthChecks).values(row);
}

/** @returns undefined where it was never checked */
export async function getLastCheck(
  db: Database,
  tenantId: string,
  installId: string,
): Promise<HealthCheckRow | undefined> {
  const rows = await db
    .select()
    .from(pluginHealthChecks)
    .where(and(eq(pluginHealthChecks.tenantId, tenantId), eq(pluginHealthChecks.installId, installId)))
    .orderBy(desc(pluginHealthChecks.checkedAt))
    .limit(1);
  return rows[0];
}

/** The last check of each of the tenant's active installs. */
export async function listLastChecks(db: Database, tenantId: string): Promise<ShownCheck[]> {
  const { id: _id, tenantId: _own, ...columns } = getTableColumns(pluginHealthChecks);
  const last = sql`(SELECT max(latest.checked_at) FROM plugin_health_checks AS latest WHERE latest.tenant_id = ${tenantId} AND latest.install_id = ${pluginInstances.id})`;
  return db
    .select(columns)
    .from(pluginInstances)
    .innerJoin(
      pluginHealthChecks,
      and(
        eq(pluginHealthChecks.tenantId, tenantId),
        eq(pluginHealthChecks.installId, pluginInstances.id),
        eq(pluginHealthChecks.checkedAt, last),
      ),
    )
    .where(and(eq(pluginInstances.tenantId, tenantId), eq(pluginInstances.state, "active")))
    .orderBy(pluginHealthChecks.pluginId)
    .limit(SHOWN);
}

/** Active installs, of any tenant, that were not checked since a time. */
export async function listDueInstalls(
  db: Database,
  since: number,
  limit: number,
): Promise<{ readonly tenantId: string; readonly pluginId: string }[]> {
  const checked = db
    .select({ one: sql`1` })
    .from(pluginHealthChecks)
    .where(
      and(
        eq(pluginHealthChecks.tenantId, pluginInstances.tenantId),
        eq(pluginHealthChecks.installId, pluginInstances.id),
        gt(pluginHealthChecks.checkedAt, since),
      ),
    );
  return db
    .select({ tenantId: pluginInstances.tenantId, pluginId: pluginInstances.pluginId })
    .from(pluginInstances)
    .where(and(eq(pluginInstances.state, "active"), sql`NOT EXISTS ${checked}`))
    .orderBy(pluginInstances.tenantId, pluginInstances.pluginId)
    .limit(limit);
}

/** @returns how many were deleted, at most `limit` */
export async function deleteChecksBefore(db: Database, time: number, limit: number): Promise<number> {
  const old = db
    .select({ id: pluginHealthChecks.id })
    .from(pluginHealthChecks)
    .where(lt(pluginHealthChecks.checkedAt, time))
    .limit(limit);
  const deleted = await db.delete(pluginHealthChecks).where(sql`${pluginHealthChecks.id} IN ${old}`);
  return deleted.meta.changes;
}
