import { and, asc, desc, eq, gt, inArray, lt, sql } from "drizzle-orm";
import type { Database, Statement } from "../../db/client.ts";
import { webhookDeliveries, webhooks } from "../../db/schema.ts";
import type { NewAuditRow } from "../audit-log/rules.ts";
import { recordAudit } from "../audit-log/store.ts";
import { eventRecorded, recordEventWhere, type NewEvent } from "../events/store.ts";
import type { Webhook, WebhookBell, WebhookDelivery } from "./webhook-record.ts";

/**
 * Plans deliveries of events and moves their webhooks on, all or nothing. Of two who plan the same at once one does.
 *
 * @param moved  webhooks that looked at all events up to `position`
 * @returns false where one of them had been moved on meanwhile
 */
export async function planDeliveries(
  db: Database,
  moved: readonly Pick<Webhook, "id" | "tenantId" | "position">[],
  position: number,
  deliveries: readonly WebhookDelivery[],
): Promise<boolean> {
  const [first] = moved;
  if (!first) return true;
  const known = JSON.stringify(moved.map(({ id, position: from }) => ({ id, from })));
  const stale = sql`EXISTS (SELECT 1 FROM json_each(${known}) AS k JOIN ${webhooks} AS w ON w.id = json_extract(k.value, '$.id') WHERE w.position <> json_extract(k.value, '$.from'))`;
  const columns = Object.keys(FIELDS).map((name) => sql.raw(`json_extract(value, '$.${name}')`));
  const ids = JSON.stringify(moved.map(({ id }) => id));
  const results = await db.batch([
    db
      .insert(webhookDeliveries)
      .select(
        sql`SELECT ${sql.join(columns, sql`, `)} FROM json_each(${JSON.stringify(deliveries)}) WHERE NOT ${stale}`,
      )
      .onConflictDoNothing(),
    db
      .update(webhooks)
      .set({ position })
      .where(
        and(
          eq(webhooks.tenantId, first.tenantId),
          sql`${webhooks.id} IN (SELECT value FROM json_each(${ids}))`,
          sql`NOT ${stale}`,
        ),
      )
      .returning({ id: webhooks.id }),
  ]);
  return results[1].length === moved.length;
}

/** The table's columns, in its order. */
const FIELDS: Readonly<Record<keyof WebhookDelivery, true>> = {
  id: true,
  tenantId: true,
  webhookId: true,
  eventId: true,
  eventType: true,
  sequence: true,
  state: true,
  attempts: true,
  status: true,
  errorCode: true,
  dueAt: true,
  createdAt: true,
  updatedAt: true,
  outgoing: true,
  channel: true,
};

/** Plans deliveries of an event that the same batch records before, where it does. */
export function planForEvent(db: Database, deliveries: readonly WebhookDelivery[], eventId: string): Statement {
  const number = sql`(SELECT sequence FROM plugin_events WHERE id = ${eventId})`;
  const columns = Object.keys(FIELDS).map((name) =>
    name === "sequence" ? number : sql.raw(`json_extract(value, '$.${name}')`),
  );
  return db
    .insert(webhookDeliveries)
    .select(
      sql`SELECT ${sql.join(columns, sql`, `)} FROM json_each(${JSON.stringify(deliveries)}) WHERE ${eventRecorded(eventId)}`,
    )
    .onConflictDoNothing();
}

const owned = ({ tenantId, deliveryId }: WebhookBell) =>
  and(eq(webhookDeliveries.tenantId, tenantId), eq(webhookDeliveries.id, deliveryId));

/** @returns undefined where there is none, because its webhook was deleted */
export async function getDelivery(db: Database, bell: WebhookBell): Promise<WebhookDelivery | undefined> {
  return (await db.select().from(webhookDeliveries).where(owned(bell)))[0];
}

/**
 * Begins an attempt, unless somebody else did.
 *
 * @param until  milliseconds since the epoch; an attempt that has said nothing by then was cut off
 */
export async function claimDelivery(db: Database, delivery: WebhookDelivery, until: number): Promise<boolean> {
  const rows = await db
    .update(webhookDeliveries)
    .set({ attempts: delivery.attempts + 1, dueAt: until })
    .where(
      and(
        owned({ tenantId: delivery.tenantId, deliveryId: delivery.id }),
        eq(webhookDeliveries.state, "pending"),
        eq(webhookDeliveries.attempts, delivery.attempts),
        eq(webhookDeliveries.dueAt, delivery.dueAt),
      ),
    )
    .returning({ id: webhookDeliveries.id });
  return rows.length === 1;
}

type Result = Pick<WebhookDelivery, "state" | "status" | "errorCode" | "dueAt" | "updatedAt">;

/** How an attempt ended; with an event where that is worth one. */
export async function settleDelivery(
  db: Database,
  { tenantId, id }: Pick<WebhookDelivery, "tenantId" | "id">,
  result: Result,
  event?: NewEvent,
): Promise<void> {
  const pending = and(owned({ tenantId, deliveryId: id }), eq(webhookDeliveries.state, "pending"));
  const update = db.update(webhookDeliveries).set(result).where(pending);
  if (!event) return void (await update);
  const there = sql`EXISTS (SELECT 1 FROM ${webhookDeliveries} WHERE ${pending})`;
  await db.batch([recordEventWhere(db, event, there), update]);
}

/**
 * Puts a delivery that was given up on its way again, with all its attempts before it.
 *
 * @param audit  row of the log
 * @returns false where it was not given up
 */
export async function reviveDelivery(
  db: Database,
  delivery: WebhookDelivery,
  now: number,
  audit: NewAuditRow,
): Promise<boolean> {
  const givenUp = and(
    owned({ tenantId: delivery.tenantId, deliveryId: delivery.id }),
    inArray(webhookDeliveries.state, ["dead", "dropped"]),
  );
  const [, rows] = await db.batch([
    recordAudit(db, [audit], sql`EXISTS (SELECT 1 FROM ${webhookDeliveries} WHERE ${givenUp})`),
    db
      .update(webhookDeliveries)
      .set({ state: "pending", attempts: 0, dueAt: now, updatedAt: now })
      .where(givenUp)
      .returning({ id: webhookDeliveries.id }),
  ]);
  return rows.length === 1;
}

/**
 * Plans the sending of what a plugin gave, once for each of the plugin's ids.
 *
 * @param most  deliveries that the install may have on their way
 * @returns `known` where there is one of that id; `full` where there are as many
 */
export async function planOutgoing(
  db: Database,
  delivery: WebhookDelivery,
  most: number,
): Promise<"queued" | "known" | "full"> {
  const { tenantId, webhookId, eventId } = delivery;
  const columns = Object.keys(FIELDS).map((name) => sql.raw(`json_extract(value, '$.${name}')`));
  const install = and(eq(webhookDeliveries.tenantId, tenantId), eq(webhookDeliveries.webhookId, webhookId));
  const waiting = sql`(SELECT count(*) FROM ${webhookDeliveries} WHERE ${and(install, eq(webhookDeliveries.state, "pending"))})`;
  const row = sql`SELECT ${sql.join(columns, sql`, `)} FROM json_each(${JSON.stringify([delivery])}) WHERE ${waiting} < ${most}`;
  const [inserted, known] = await db.batch([
    db.insert(webhookDeliveries).select(row).onConflictDoNothing().returning({ id: webhookDeliveries.id }),
    db
      .select({ id: webhookDeliveries.id })
      .from(webhookDeliveries)
      .where(and(install, eq(webhookDeliveries.eventId, eventId))),
  ]);
  if (inserted.length === 1) return "queued";
  return known.length === 1 ? "known" : "full";
}

/** Newest first. */
export async function listDeliveries(
  db: Database,
  webhook: Pick<Webhook, "tenantId" | "id">,
  filter: { readonly state?: WebhookDelivery["state"] | undefined },
  page: { readonly limit: number; readonly before?: string | undefined },
): Promise<WebhookDelivery[]> {
  return db
    .select()
    .from(webhookDeliveries)
    .where(
      and(
        eq(webhookDeliveries.tenantId, webhook.tenantId),
        eq(webhookDeliveries.webhookId, webhook.id),
        filter.state === undefined ? undefined : eq(webhookDeliveries.state, filter.state),
        page.before === undefined ? undefined : lt(webhookDeliveries.id, page.before),
      ),
    )
    .orderBy(desc(webhookDeliveries.id))
    .limit(page.limit);
}

/** Deliveries that should have been tried by a time: their bell was lost. Oldest first. */
export async function listOverdue(db: Database, time: number, limit: number): Promise<WebhookBell[]> {
  return db
    .select({ tenantId: webhookDeliveries.tenantId, deliveryId: webhookDeliveries.id })
    .from(webhookDeliveries)
    .where(and(eq(webhookDeliveries.state, "pending"), lt(webhookDeliveries.dueAt, time)))
    .orderBy(asc(webhookDeliveries.dueAt))
    .limit(limit);
}

/** Webhooks of the tenant that take events. */
export async function listActiveWebhooks(db: Database, tenantId: string): Promise<Webhook[]> {
  return db
    .select()
    .from(webhooks)
    .where(and(eq(webhooks.tenantId, tenantId), eq(webhooks.active, true)));
}

/** Tenants with a webhook that has not looked at their newest event. */
export async function listTenantsBehind(db: Database, limit: number): Promise<string[]> {
  const newest = sql`(SELECT max(sequence) FROM plugin_events AS e WHERE e.tenant_id = ${webhooks.tenantId})`;
  const rows = await db
    .selectDistinct({ tenantId: webhooks.tenantId })
    .from(webhooks)
    .where(and(eq(webhooks.active, true), gt(newest, webhooks.position)))
    .limit(limit);
  return rows.map(({ tenantId }) => tenantId);
}

/** @returns how many were deleted, at most `limit` */
export async function deleteDeliveriesBefore(db: Database, time: number, limit: number): Promise<number> {
  const result = await db.run(
    sql`DELETE FROM webhook_deliveries WHERE id IN (SELECT id FROM webhook_deliveries WHERE created_at < ${time} ORDER BY created_at LIMIT ${limit})`,
  );
  return result.meta.changes;
}
