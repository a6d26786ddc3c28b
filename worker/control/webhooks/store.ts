import { and, asc, eq, sql } from "drizzle-orm";
import type { Database } from "../../db/client.ts";
import { pluginEvents, webhookDeliveries, webhooks } from "../../db/schema.ts";
import type { NewAuditRow } from "../audit-log/rules.ts";
import { recordAudit } from "../audit-log/store.ts";
import { eventRecorded, recordEventWhere, type NewEvent } from "../events/store.ts";
import type { Webhook } from "./webhook-record.ts";

const owned = (tenantId: string, id: string) => and(eq(webhooks.tenantId, tenantId), eq(webhooks.id, id));

export async function listWebhooks(db: Database, tenantId: string): Promise<Webhook[]> {
  return db.select().from(webhooks).where(eq(webhooks.tenantId, tenantId)).orderBy(asc(webhooks.id));
}

/** @returns undefined where the tenant has no such webhook */
export async function getWebhook(db: Database, tenantId: string, id: string): Promise<Webhook | undefined> {
  return (await db.select().from(webhooks).where(owned(tenantId, id)))[0];
}

/**
 * Writes a webhook with its event. It begins after the events there are; the one of its own making is the first it hears.
 *
 * @param quota  webhooks that a tenant may have
 * @param audit  row of the log
 * @returns false where the tenant has that many
 */
export async function insertWebhook(
  db: Database,
  webhook: Omit<Webhook, "position">,
  event: NewEvent,
  quota: number,
  audit: NewAuditRow,
): Promise<boolean> {
  const { tenantId } = webhook;
  const count = sql`(SELECT count(*) FROM ${webhooks} WHERE ${eq(webhooks.tenantId, tenantId)})`;
  const last = lastSequence(tenantId);
  const values = [
    webhook.id,
    tenantId,
    webhook.url,
    JSON.stringify(webhook.types),
    JSON.stringify(webhook.secret),
    webhook.active ? 1 : 0,
  ].map((value) => sql`${value}`);
  const rest = [webhook.createdBy, webhook.createdAt, webhook.updatedAt].map((value) => sql`${value}`);
  const row = sql.join([...values, last, ...rest], sql`, `);
  const [inserted] = await db.batch([
    db
      .insert(webhooks)
      .select(sql`SELECT ${row} WHERE ${count} < ${quota}`)
      .returning({ id: webhooks.id }),
    recordEventWhere(db, event, sql`EXISTS (SELECT 1 FROM ${webhooks} WHERE ${owned(tenantId, webhook.id)})`),
    recordAudit(db, [audit], eventRecorded(event.id)),
  ]);
  return inserted.length === 1;
}

/**
 * Changes a webhook with its event, where it is still there. One that is switched on again begins after the events there are.
 *
 * @param audit  row of the log
 * @returns false where it is not there
 */
export async function updateWebhook(
  db: Database,
  { tenantId, id }: Pick<Webhook, "tenantId" | "id">,
  set: Partial<Pick<Webhook, "url" | "types" | "active" | "updatedAt">>,
  event: NewEvent,
  audit: NewAuditRow,
): Promise<boolean> {
  const there = sql`EXISTS (SELECT 1 FROM ${webhooks} WHERE ${owned(tenantId, id)})`;
  const [recorded] = await db.batch([
    recordEventWhere(db, event, there),
    recordAudit(db, [audit], there),
    db
      .update(webhooks)
      .set(set.active ? { ...set, position: resumed(tenantId) } : set)
      .where(and(owned(tenantId, id), eventRecorded(event.id))),
  ]);
  return recorded.length === 1;
}

function resumed(tenantId: string) {
  return sql`CASE WHEN ${webhooks.active} THEN ${webhooks.position} ELSE ${lastSequence(tenantId)} END`;
}

/** Number of the tenant's last event. */
function lastSequence(tenantId: string) {
  return sql`coalesce((SELECT max(${pluginEvents.sequence}) FROM ${pluginEvents} WHERE ${eq(pluginEvents.tenantId, tenantId)}), 0)`;
}

/**
 * Deletes a webhook with what was on its way to it.
 *
 * @param audit  row of the log
 * @returns false where it was not there
 */
export async function deleteWebhook(
  db: Database,
  { tenantId, id }: Pick<Webhook, "tenantId" | "id">,
  event: NewEvent,
  audit: NewAuditRow,
): Promise<boolean> {
  const there = sql`EXISTS (SELECT 1 FROM ${webhooks} WHERE ${owned(tenantId, id)})`;
  const [recorded] = await db.batch([
    recordEventWhere(db, event, there),
    recordAudit(db, [audit], there),
    db
      .delete(webhookDeliveries)
      .where(and(eq(webhookDeliveries.tenantId, tenantId), eq(webhookDeliveries.webhookId, id))),
    db.delete(webhooks).where(owned(tenantId, id)),
  ]);
  return recorded.length === 1;
}
