import { and, asc, eq, lte, sql, type SQL } from "drizzle-orm";
import type { Database, Statement } from "../../db/client.ts";
import {
  capabilityDetails,
  capabilityUsage,
  installRemovals,
  installSecrets,
  pluginConfigurations,
  pluginInstances,
  webhookDeliveries,
} from "../../db/schema.ts";
import { eventRecorded, recordEventWhere, type NewEvent } from "../events/store.ts";
import type { Removal } from "./rules.ts";

/** Writes down that an install's data is to be deleted, where a condition holds. */
export function insertRemoval(db: Database, removal: Removal, happened: SQL): Statement {
  const { installId, tenantId, pluginId, removedAt, dueAt, failures } = removal;
  const values = [installId, tenantId, pluginId, removedAt, dueAt, failures].map((value) => sql`${value}`);
  return db
    .insert(installRemovals)
    .select(sql`SELECT ${sql.join(values, sql`, `)} WHERE ${happened}`)
    .onConflictDoUpdate({ target: installRemovals.installId, set: { removedAt, dueAt, failures } });
}

/** Those that are due, longest waiting first; never of an install that is there. */
export async function listDueRemovals(db: Database, now: number, limit: number): Promise<Removal[]> {
  return db
    .select()
    .from(installRemovals)
    .where(and(lte(installRemovals.dueAt, now), isGone))
    .orderBy(asc(installRemovals.dueAt))
    .limit(limit);
}

/** @returns undefined where there is nothing left to delete, or the install is there */
export async function getRemoval(
  db: Database,
  scope: { readonly tenantId: string; readonly pluginId: string },
): Promise<Removal | undefined> {
  const rows = await db
    .select()
    .from(installRemovals)
    .where(and(eq(installRemovals.tenantId, scope.tenantId), eq(installRemovals.pluginId, scope.pluginId), isGone))
    .orderBy(asc(installRemovals.dueAt))
    .limit(1);
  return rows[0];
}

const isGone = sql`NOT EXISTS (SELECT 1 FROM ${pluginInstances} WHERE ${pluginInstances.id} = ${installRemovals.installId} AND ${pluginInstances.state} <> 'uninstalled')`;

function row({ tenantId, installId }: Removal) {
  return and(eq(installRemovals.tenantId, tenantId), eq(installRemovals.installId, installId));
}

/** @param event  recorded with it, where the log is to know */
export async function postponeRemoval(db: Database, removal: Removal, event?: NewEvent): Promise<void> {
  const { dueAt, failures } = removal;
  const update = db.update(installRemovals).set({ dueAt, failures }).where(row(removal));
  if (!event) return void (await update);
  await db.batch([recordEventWhere(db, event, sql`true`), update]);
}

/** Deletes what the database holds of a removed install beside the records of what happened. */
export async function deleteInstallRows(db: Database, { tenantId, installId }: Removal): Promise<void> {
  const own = (table: typeof capabilityUsage | typeof capabilityDetails | typeof installSecrets) =>
    and(eq(table.tenantId, tenantId), eq(table.installId, installId));
  await db.batch([
    db
      .delete(pluginConfigurations)
      .where(and(eq(pluginConfigurations.tenantId, tenantId), eq(pluginConfigurations.installId, installId))),
    db.delete(installSecrets).where(own(installSecrets)),
    db.delete(capabilityUsage).where(own(capabilityUsage)),
    db.delete(capabilityDetails).where(own(capabilityDetails)),
    // What a plugin sends has its install as webhook.
    db
      .delete(webhookDeliveries)
      .where(and(eq(webhookDeliveries.tenantId, tenantId), eq(webhookDeliveries.webhookId, installId))),
  ]);
}

/** Of two who finish it at once one records the event. */
export async function finishRemoval(db: Database, removal: Removal, event: NewEvent): Promise<void> {
  const there = sql`EXISTS (SELECT 1 FROM ${installRemovals} WHERE ${row(removal)})`;
  await db.batch([
    recordEventWhere(db, event, there),
    db.delete(installRemovals).where(and(row(removal), eventRecorded(event.id))),
  ]);
}
