import { and, asc, eq, gt, isNull, sql } from "drizzle-orm";
import type { Database } from "../../db/client.ts";
import { alertEmails, auditLog, webhookDeliveries } from "../../db/schema.ts";
import type { NewAuditRow } from "../audit-log/rules.ts";
import { recordAudit } from "../audit-log/store.ts";
import { eventRecorded, recordEventWhere, type NewEvent } from "../events/store.ts";
import type { AlertEmail } from "./alert-record.ts";
import type { Trace } from "./rule-store.ts";

const owned = ({ tenantId, id }: Pick<AlertEmail, "tenantId" | "id">) =>
  and(eq(alertEmails.tenantId, tenantId), eq(alertEmails.id, id));

export function listEmails(db: Database, tenantId: string): Promise<AlertEmail[]> {
  return db.select().from(alertEmails).where(eq(alertEmails.tenantId, tenantId)).orderBy(asc(alertEmails.id));
}

/** @returns undefined where the tenant has no such address */
export async function getEmail(db: Database, tenantId: string, id: string): Promise<AlertEmail | undefined> {
  return (await db.select().from(alertEmails).where(owned({ tenantId, id })))[0];
}

/** @param linkHash  SHA-256 of the secret in the link, hexadecimal */
export async function findLinked(db: Database, id: string, linkHash: string): Promise<AlertEmail | undefined> {
  const rows = await db
    .select()
    .from(alertEmails)
    .where(and(eq(alertEmails.id, id), eq(alertEmails.linkHash, linkHash)));
  return rows[0];
}

/** Links that the tenant had mailed since a time, from the log that nobody can empty. */
export async function countLinks(db: Database, tenantId: string, since: number): Promise<number> {
  const rows = await db
    .select({ count: sql<number>`count(*)` })
    .from(auditLog)
    .where(
      and(
        eq(auditLog.tenantId, tenantId),
        eq(auditLog.resource, "alert-email"),
        eq(auditLog.action, "alert-email.add"),
        gt(auditLog.at, since),
      ),
    );
  return rows[0]?.count ?? 0;
}

/**
 * Writes an address that waits for its confirmation, over the link of before where it waits already.
 *
 * @param quota  addresses that a tenant may have
 * @returns undefined where the tenant has that many; the row there is where the address is confirmed
 */
export async function putEmail(
  db: Database,
  email: AlertEmail,
  quota: number,
  { event, audit }: Trace,
): Promise<AlertEmail | undefined> {
  const same = and(eq(alertEmails.tenantId, email.tenantId), eq(alertEmails.address, email.address));
  const others = sql`(SELECT count(*) FROM ${alertEmails} WHERE ${eq(alertEmails.tenantId, email.tenantId)} AND ${alertEmails.address} <> ${email.address})`;
  const confirmed = sql`EXISTS (SELECT 1 FROM ${alertEmails} WHERE ${same} AND ${alertEmails.confirmedAt} IS NOT NULL)`;
  const done = eventRecorded(event.id);
  const columns = COLUMNS.map((name) => sql.raw(`json_extract(value, '$.${name}')`));
  const { linkHash, linkExpiresAt, updatedAt } = email;
  const [, , , rows] = await db.batch([
    recordEventWhere(db, event, sql`${others} < ${quota} AND NOT ${confirmed}`),
    recordAudit(db, [audit], done),
    db
      .insert(alertEmails)
      .select(sql`SELECT ${sql.join(columns, sql`, `)} FROM json_each(${JSON.stringify([email])}) WHERE ${done}`)
      .onConflictDoUpdate({
        target: [alertEmails.tenantId, alertEmails.address],
        set: { linkHash, linkExpiresAt, updatedAt },
      }),
    db.select().from(alertEmails).where(same),
  ]);
  return rows[0];
}

const COLUMNS = [
  "id",
  "tenantId",
  "address",
  "linkHash",
  "linkExpiresAt",
  "confirmedAt",
  "createdBy",
  "createdAt",
  "updatedAt",
] as const satisfies readonly (keyof AlertEmail)[];

/** @returns false where it was confirmed or deleted meanwhile, or has another link */
export async function confirmEmail(
  db: Database,
  { tenantId, id, linkHash }: AlertEmail,
  now: number,
  event: NewEvent,
  audit: NewAuditRow,
): Promise<boolean> {
  const waiting = and(
    owned({ tenantId, id }),
    isNull(alertEmails.confirmedAt),
    eq(alertEmails.linkHash, linkHash ?? ""),
  );
  const [recorded] = await db.batch([
    recordEventWhere(db, event, sql`EXISTS (SELECT 1 FROM ${alertEmails} WHERE ${waiting})`),
    recordAudit(db, [audit], eventRecorded(event.id)),
    db
      .update(alertEmails)
      .set({ confirmedAt: now, updatedAt: now, linkHash: null, linkExpiresAt: null })
      .where(and(waiting, eventRecorded(event.id))),
  ]);
  return recorded.length === 1;
}

/** Deletes an address; what is on its way to it is dropped. @returns false where it was not there */
export async function deleteEmail(
  db: Database,
  email: Pick<AlertEmail, "tenantId" | "id">,
  { event, audit }: Trace,
): Promise<boolean> {
  const [recorded] = await db.batch([
    recordEventWhere(db, event, sql`EXISTS (SELECT 1 FROM ${alertEmails} WHERE ${owned(email)})`),
    recordAudit(db, [audit], eventRecorded(event.id)),
    db.delete(alertEmails).where(and(owned(email), eventRecorded(event.id))),
  ]);
  return recorded.length === 1;
}

/** When messages went to the address since a time, the oldest first. */
export async function sentTimes(
  db: Database,
  { tenantId, id }: Pick<AlertEmail, "tenantId" | "id">,
  since: number,
  limit: number,
): Promise<number[]> {
  const rows = await db
    .select({ at: webhookDeliveries.updatedAt })
    .from(webhookDeliveries)
    .where(
      and(
        eq(webhookDeliveries.webhookId, id),
        eq(webhookDeliveries.state, "delivered"),
        eq(webhookDeliveries.tenantId, tenantId),
        gt(webhookDeliveries.updatedAt, since),
      ),
    )
    .orderBy(asc(webhookDeliveries.updatedAt))
    .limit(limit);
  return rows.map(({ at }) => at);
}
