import { and, asc, desc, eq, lt, ne, sql, type SQL } from "drizzle-orm";
import type { Severity } from "../../../sdk/contract/events.ts";
import type { Database, Statement } from "../../db/client.ts";
import { alerts, pluginEvents } from "../../db/schema.ts";
import type { NewAuditRow } from "../audit-log/rules.ts";
import { recordAudit } from "../audit-log/store.ts";
import { eventRecorded, recordEventWhere, type NewEvent } from "../events/store.ts";
import { planForEvent } from "../webhooks/delivery-store.ts";
import type { WebhookDelivery } from "../webhooks/webhook-record.ts";
import type { Alert, AlertState } from "./alert-record.ts";
import type { WindowEvent } from "./condition-rules.ts";

/** Open alerts looked at in one go: of one tenant there are fewer. */
const OPEN = 5_000;
/** Events of a window that are looked at, and how many of one type and plugin: a flood of one hides no other. */
const WINDOW_EVENTS = 2_000;
const OF_ONE_TYPE = 100;

/** @param tenantId  undefined: of all tenants */
export function selectOpenAlerts(db: Database, tenantId: string | undefined) {
  return db
    .select()
    .from(alerts)
    .where(and(ne(alerts.state, "resolved"), tenantId === undefined ? undefined : eq(alerts.tenantId, tenantId)))
    .orderBy(asc(alerts.id))
    .limit(OPEN);
}

/** What of a tenant's log is asked for. */
export interface WindowRequest {
  readonly tenantId: string;
  readonly types: readonly string[];
  /** Milliseconds since the epoch. */
  readonly since: number;
}

/** Events of some types by tenant, oldest first: of each type and plugin the newest. One query for all that is asked. */
export async function listWindowEvents(
  db: Database,
  requests: readonly WindowRequest[],
): Promise<Map<string, WindowEvent[]>> {
  const found = await db.all<Omit<WindowEvent, "data"> & { readonly tenantId: string; readonly data: string }>(
    sql`SELECT tenantId, id, sequence, type, pluginId, data, createdAt FROM (
      SELECT e.tenant_id AS tenantId, e.id, e.sequence, e.type, nullif(e.plugin_id, '') AS pluginId, e.data, e.created_at AS createdAt,
        row_number() OVER (PARTITION BY e.tenant_id, e.type, e.plugin_id ORDER BY e.sequence DESC) AS place
      FROM json_each(${JSON.stringify(requests)}) AS a CROSS JOIN ${pluginEvents} AS e
      WHERE e.tenant_id = ${field("tenantId")} AND e.type IN (SELECT value FROM json_each(${field("types")})) AND e.created_at >= ${field("since")}
    ) WHERE place <= ${OF_ONE_TYPE} ORDER BY sequence DESC LIMIT ${WINDOW_EVENTS * requests.length}`,
  );
  const events = found.reverse().map((row) => ({ ...row, data: JSON.parse(row.data) as WindowEvent["data"] })); // flat, as it was recorded
  return Map.groupBy(events, ({ tenantId }) => tenantId);
}

/** When events of each type were last recorded, by tenant: `tenant type` to milliseconds. */
export async function lastEventTimes(
  db: Database,
  asked: readonly { readonly tenantId: string; readonly type: string; readonly pluginId: string | null }[],
): Promise<Map<string, number>> {
  if (asked.length === 0) return new Map();
  const rows = await db.all<{ key: string; at: number | null }>(
    sql`SELECT ${field("tenantId")} || ' ' || ${field("type")} || ' ' || coalesce(${field("pluginId")}, '') AS key,
      (SELECT max(created_at) FROM plugin_events AS e WHERE e.tenant_id = ${field("tenantId")} AND e.type = ${field("type")}
        AND (${field("pluginId")} IS NULL OR e.plugin_id = ${field("pluginId")})) AS at
      FROM json_each(${JSON.stringify(asked)}) AS a`,
  );
  return new Map(rows.flatMap(({ key, at }) => (at === null ? [] : [[key, at] as const])));
}

function field(name: string): SQL {
  return sql.raw(`json_extract(a.value, '$.${name}')`);
}

const COLUMNS = [
  "id",
  "tenantId",
  "ruleId",
  "ruleName",
  "scope",
  "severity",
  "state",
  "evidence",
  "startedAt",
  "firedAt",
  "clearedAt",
  "resolvedAt",
  "notifications",
  "lastNotifiedAt",
  "silenceId",
  "acknowledgedBy",
  "acknowledgedAt",
  "note",
  "revision",
] as const satisfies readonly (keyof Alert)[];

/** What people are told along with a change. */
export interface Notice {
  readonly event: NewEvent;
  readonly deliveries: readonly WebhookDelivery[];
}

/**
 * Writes an alert over the one that was read, with what is told of it, all or nothing. Of two who saw the same alert one does.
 *
 * @param before  undefined where the alert is new
 * @returns false where somebody else was faster
 */
export async function saveAlert(
  db: Database,
  before: Alert | undefined,
  after: Alert,
  notice: Notice | undefined,
): Promise<boolean> {
  const next: Alert = { ...after, revision: (before?.revision ?? 0) + 1 };
  const { tenantId, ruleId, scope } = next;
  const open = and(
    eq(alerts.tenantId, tenantId),
    eq(alerts.ruleId, ruleId),
    eq(alerts.scope, scope),
    ne(alerts.state, "resolved"),
  );
  const seen = before && and(open, eq(alerts.id, before.id), eq(alerts.revision, before.revision));
  const free = seen
    ? sql`EXISTS (SELECT 1 FROM ${alerts} WHERE ${seen})`
    : sql`NOT EXISTS (SELECT 1 FROM ${alerts} WHERE ${open})`;
  const written = sql`EXISTS (SELECT 1 FROM ${alerts} WHERE ${and(eq(alerts.id, next.id), eq(alerts.revision, next.revision))})`;
  const columns = COLUMNS.map((name) => sql.raw(`json_extract(value, '$.${name}')`));
  const { id: _id, tenantId: _tenant, ...set } = next;
  const write = seen
    ? db.update(alerts).set(set).where(seen).returning({ id: alerts.id })
    : db
        .insert(alerts)
        .select(sql`SELECT ${sql.join(columns, sql`, `)} FROM json_each(${JSON.stringify([next])}) WHERE ${free}`)
        .returning({ id: alerts.id });
  const rest = notice
    ? [
        recordEventWhere(db, notice.event, written),
        ...(notice.deliveries.length > 0 ? [planForEvent(db, notice.deliveries, notice.event.id)] : []),
      ]
    : [];
  const [rows] = await db.batch([write, ...rest]);
  return rows.length === 1;
}

export interface AlertFilter {
  readonly state?: AlertState | undefined;
  readonly severity?: Severity | undefined;
  readonly rule?: string | undefined;
  readonly plugin?: string | undefined;
}

/** Newest first. */
export function listAlerts(
  db: Database,
  tenantId: string,
  filter: AlertFilter,
  page: { readonly limit: number; readonly before?: string | undefined },
): Promise<Alert[]> {
  return db
    .select()
    .from(alerts)
    .where(
      and(
        eq(alerts.tenantId, tenantId),
        filter.state === undefined ? undefined : eq(alerts.state, filter.state),
        filter.severity === undefined ? undefined : eq(alerts.severity, filter.severity),
        filter.rule === undefined ? undefined : eq(alerts.ruleId, filter.rule),
        filter.plugin === undefined ? undefined : eq(alerts.scope, filter.plugin),
        page.before === undefined ? undefined : lt(alerts.id, page.before),
      ),
    )
    .orderBy(desc(alerts.id))
    .limit(page.limit);
}

/** @returns undefined where the tenant has no such alert */
export async function getAlert(db: Database, tenantId: string, id: string): Promise<Alert | undefined> {
  return (
    await db
      .select()
      .from(alerts)
      .where(and(eq(alerts.tenantId, tenantId), eq(alerts.id, id)))
  )[0];
}

/** @returns false where the alert is resolved or somebody looks after it already */
export async function acknowledge(
  db: Database,
  alert: Pick<Alert, "tenantId" | "id">,
  set: Pick<Alert, "acknowledgedBy" | "acknowledgedAt" | "note">,
  event: NewEvent,
  audit: NewAuditRow,
): Promise<boolean> {
  const waiting = and(
    eq(alerts.tenantId, alert.tenantId),
    eq(alerts.id, alert.id),
    ne(alerts.state, "resolved"),
    sql`${alerts.acknowledgedAt} IS NULL`,
  );
  const [recorded] = await db.batch([
    recordEventWhere(db, event, sql`EXISTS (SELECT 1 FROM ${alerts} WHERE ${waiting})`),
    recordAudit(db, [audit], eventRecorded(event.id)),
    db
      .update(alerts)
      .set({ ...set, revision: sql`${alerts.revision} + 1` })
      .where(and(waiting, eventRecorded(event.id))),
  ]);
  return recorded.length === 1;
}

/** Ends the open alerts of a rule that is gone or switched off; nobody is told. */
export function endAlertsOf(db: Database, tenantId: string, ruleId: string, now: number, when: SQL): Statement {
  return db
    .update(alerts)
    .set({ state: "resolved", resolvedAt: now, revision: sql`${alerts.revision} + 1` })
    .where(and(eq(alerts.tenantId, tenantId), eq(alerts.ruleId, ruleId), ne(alerts.state, "resolved"), when));
}

/** @returns how many were deleted, at most `limit` */
export async function deleteAlertsBefore(db: Database, time: number, limit: number): Promise<number> {
  const result = await db.run(
    sql`DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE state = 'resolved' AND resolved_at < ${time} ORDER BY resolved_at LIMIT ${limit})`,
  );
  return result.meta.changes;
}
