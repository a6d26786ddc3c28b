import { and, asc, eq, gt, lt, sql } from "drizzle-orm";
import type { Database } from "../../db/client.ts";
import { alertRules, alertSilences } from "../../db/schema.ts";
import type { NewAuditRow } from "../audit-log/rules.ts";
import { recordAudit } from "../audit-log/store.ts";
import { eventRecorded, recordEventWhere, type NewEvent } from "../events/store.ts";
import type { Silence, StoredRule } from "./alert-record.ts";
import { endAlertsOf } from "./store.ts";

/** What a change leaves in the logs. */
export interface Trace {
  readonly event: NewEvent;
  readonly audit: NewAuditRow;
}

/** Rules read in one go; of one tenant there are far fewer. */
const RULES = 5_000;
const SILENCES = 5_000;

const owned = ({ tenantId, id }: Pick<StoredRule, "tenantId" | "id">) =>
  and(eq(alertRules.tenantId, tenantId), eq(alertRules.id, id));

/** What tenants wrote, oldest first. @param tenantId  undefined: of all tenants */
export function selectStoredRules(db: Database, tenantId: string | undefined) {
  return db
    .select()
    .from(alertRules)
    .where(tenantId === undefined ? undefined : eq(alertRules.tenantId, tenantId))
    .orderBy(asc(alertRules.createdAt), asc(alertRules.id))
    .limit(RULES);
}

/**
 * Writes a rule, over the one of its id where there is one; what it had open ends where it is switched off.
 *
 * @param quota  rules that a tenant may have
 * @returns false where the tenant has that many
 */
export async function putRule(db: Database, rule: StoredRule, quota: number, trace: Trace): Promise<boolean> {
  const others = sql`(SELECT count(*) FROM ${alertRules} WHERE ${and(eq(alertRules.tenantId, rule.tenantId), sql`${alertRules.id} <> ${rule.id}`)})`;
  const { tenantId: _tenant, id: _id, createdBy: _by, createdAt: _at, ...set } = rule;
  const done = eventRecorded(trace.event.id);
  const columns = COLUMNS.map((name) => sql.raw(`json_extract(value, '$.${name}')`));
  const row = sql`SELECT ${sql.join(columns, sql`, `)} FROM json_each(${JSON.stringify([rule])}) WHERE ${done}`;
  const [recorded] = await db.batch([
    recordEventWhere(db, trace.event, sql`${others} < ${quota}`),
    recordAudit(db, [trace.audit], done),
    db
      .insert(alertRules)
      .select(row)
      .onConflictDoUpdate({ target: [alertRules.tenantId, alertRules.id], set }),
    endAlertsOf(db, rule.tenantId, rule.id, rule.updatedAt, rule.enabled ? sql`false` : done),
  ]);
  return recorded.length === 1;
}

const COLUMNS = [
  "tenantId",
  "id",
  "name",
  "condition",
  "pluginId",
  "per",
  "severity",
  "channels",
  "forMinutes",
  "holdMinutes",
  "repeatMinutes",
  "enabled",
  "createdBy",
  "createdAt",
  "updatedAt",
] as const satisfies readonly (keyof StoredRule)[];

/**
 * Deletes what the tenant wrote under an id, with the alerts it had open.
 *
 * @returns false where there was nothing
 */
export async function deleteRule(
  db: Database,
  rule: Pick<StoredRule, "tenantId" | "id">,
  now: number,
  { event, audit }: Trace,
): Promise<boolean> {
  const done = eventRecorded(event.id);
  const [recorded] = await db.batch([
    recordEventWhere(db, event, sql`EXISTS (SELECT 1 FROM ${alertRules} WHERE ${owned(rule)})`),
    recordAudit(db, [audit], done),
    db.delete(alertRules).where(and(owned(rule), done)),
    endAlertsOf(db, rule.tenantId, rule.id, now, done),
  ]);
  return recorded.length === 1;
}

/** Silences that are not over, those that begin first first. @param tenantId  undefined: of all tenants */
export function selectSilences(db: Database, tenantId: string | undefined, now: number) {
  return db
    .select()
    .from(alertSilences)
    .where(and(tenantId === undefined ? undefined : eq(alertSilences.tenantId, tenantId), gt(alertSilences.until, now)))
    .orderBy(asc(alertSilences.from), asc(alertSilences.id))
    .limit(SILENCES);
}

/** @returns undefined where the tenant has none of this id that is not over */
export async function getSilence(
  db: Database,
  tenantId: string,
  id: string,
  now: number,
): Promise<Silence | undefined> {
  return (await selectSilences(db, tenantId, now)).find((silence) => silence.id === id);
}

/** @returns false where the tenant has as many as it may have */
export async function insertSilence(db: Database, silence: Silence, quota: number, trace: Trace): Promise<boolean> {
  const { tenantId, createdAt } = silence;
  const current = and(eq(alertSilences.tenantId, tenantId), gt(alertSilences.until, createdAt));
  const done = eventRecorded(trace.event.id);
  const names = [
    "id",
    "tenantId",
    "ruleId",
    "pluginId",
    "severity",
    "from",
    "until",
    "reason",
    "createdBy",
    "createdAt",
  ];
  const columns = names.map((name) => sql.raw(`json_extract(value, '$.${name}')`));
  const [recorded] = await db.batch([
    recordEventWhere(db, trace.event, sql`(SELECT count(*) FROM ${alertSilences} WHERE ${current}) < ${quota}`),
    recordAudit(db, [trace.audit], done),
    db
      .insert(alertSilences)
      .select(sql`SELECT ${sql.join(columns, sql`, `)} FROM json_each(${JSON.stringify([silence])}) WHERE ${done}`),
  ]);
  return recorded.length === 1;
}

/** Ends a silence now; what it was stays until its retention. @returns false where it is over */
export async function endSilence(
  db: Database,
  { tenantId, id }: Pick<Silence, "tenantId" | "id">,
  now: number,
  { event, audit }: Trace,
): Promise<boolean> {
  const current = and(eq(alertSilences.tenantId, tenantId), eq(alertSilences.id, id), gt(alertSilences.until, now));
  const [recorded] = await db.batch([
    recordEventWhere(db, event, sql`EXISTS (SELECT 1 FROM ${alertSilences} WHERE ${current})`),
    recordAudit(db, [audit], eventRecorded(event.id)),
    db
      .update(alertSilences)
      .set({ until: now })
      .where(and(current, eventRecorded(event.id))),
  ]);
  return recorded.length === 1;
}

/** @returns how many were deleted */
export async function deleteSilencesBefore(db: Database, time: number): Promise<number> {
  return (await db.delete(alertSilences).where(lt(alertSilences.until, time))).meta.changes;
}
