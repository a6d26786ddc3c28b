import { and, asc, desc, eq, gt, inArray, lt, sql, type SQL } from "drizzle-orm";
import type { EventType } from "../../../sdk/contract/events.ts";
import type { Database } from "../../db/client.ts";
import { pluginEvents } from "../../db/schema.ts";
import { checkedData, type NewEvent, type PluginEvent } from "./rules.ts";

export type { EventData, NewEvent, PluginEvent } from "./rules.ts";

/** Column value of events that concern no plugin. */
const NO_PLUGIN = "";
/** The table's columns but for the number, in its order. */
const COLUMNS = ["id", "tenantId", "pluginId", "type", "data", "subject", "createdAt"] as const;

/**
 * Records an event if a condition still holds when the statement runs. The row is then the proof for the rest of the
 * batch: statements that follow carry `eventRecorded(id)` as their own condition, so that change and event happen both
 * or not at all, also when two requests race.
 *
 * The statement also numbers the event. D1 runs one batch at a time, so numbers of a tenant have neither gaps nor
 * repetitions; the unique index would refuse the latter.
 *
 * @param guard  a row is written where this selects one
 */
export function recordEventWhere(db: Database, event: NewEvent, guard: SQL) {
  return recordEventsWhere(db, [event], guard);
}

/** Records events in the order given, all under one condition: see {@link recordEventWhere}. */
export function recordEventsWhere(db: Database, events: readonly NewEvent[], guard: SQL) {
  const rows = JSON.stringify(
    events.map((event) => ({ ...event, pluginId: event.pluginId ?? NO_PLUGIN, data: checkedData(event) })),
  );
  const last = sql`coalesce((SELECT max(${pluginEvents.sequence}) FROM ${pluginEvents} WHERE ${pluginEvents.tenantId} = ${field("tenantId")}), 0)`;
  const sequence = sql`${last} + row_number() OVER (PARTITION BY ${field("tenantId")} ORDER BY key)`;
  const columns = COLUMNS.map(field);
  return db
    .insert(pluginEvents)
    .select(sql`SELECT ${sql.join([...columns, sequence], sql`, `)} FROM json_each(${rows}) WHERE ${guard}`)
    .returning({ id: pluginEvents.id, sequence: pluginEvents.sequence });
}

/** A field of the row that json_each gives. */
function field(name: keyof NewEvent): SQL {
  return sql.raw(`json_extract(value, '$.${name}')`);
}

/** Records an event, whatever else the batch holds. */
export function recordEvent(db: Database, event: NewEvent) {
  return recordEventWhere(db, event, sql`true`);
}

/** Records those events of a list that are not recorded yet. */
export function recordEventsOnce(db: Database, events: readonly NewEvent[]) {
  const isNew = sql`NOT EXISTS (SELECT 1 FROM ${pluginEvents} WHERE ${pluginEvents.id} = ${field("id")})`;
  return recordEventsWhere(db, events, isNew);
}

/** Condition for later statements of the batch that holds the event. */
export function eventRecorded(eventId: string): SQL {
  return sql`EXISTS (SELECT 1 FROM ${pluginEvents} WHERE ${pluginEvents.id} = ${eventId})`;
}

export interface EventFilter {
  readonly type?: EventType | readonly EventType[] | undefined;
  readonly pluginId?: string | undefined;
  /** Only events with a larger number. */
  readonly after?: number | undefined;
  /** Only events with a smaller number. */
  readonly before?: number | undefined;
}

/** Events of a tenant by their number. */
export async function listEvents(
  db: Database,
  tenantId: string,
  filter: EventFilter,
  page: { readonly limit: number; readonly order: "newest" | "oldest" },
): Promise<PluginEvent[]> {
  const { type, pluginId, after, before } = filter;
  const types = type === undefined || typeof type === "string" ? type && [type] : [...type];
  const rows = await db
    .select({
      id: pluginEvents.id,
      sequence: pluginEvents.sequence,
      pluginId: pluginEvents.pluginId,
      type: pluginEvents.type,
      data: pluginEvents.data,
      subject: pluginEvents.subject,
      createdAt: pluginEvents.createdAt,
    })
    .from(pluginEvents)
    .where(
      and(
        eq(pluginEvents.tenantId, tenantId),
        pluginId === undefined ? undefined : eq(pluginEvents.pluginId, pluginId),
        types === undefined ? undefined : inArray(pluginEvents.type, types),
        after === undefined ? undefined : gt(pluginEvents.sequence, after),
        before === undefined ? undefined : lt(pluginEvents.sequence, before),
      ),
    )
    .orderBy(page.order === "newest" ? desc(pluginEvents.sequence) : asc(pluginEvents.sequence))
    .limit(page.limit);
  // The column holds only types of the catalogue.
  return rows.map((row) => ({ ...row, pluginId: row.pluginId === NO_PLUGIN ? null : row.pluginId }) as PluginEvent);
}

/** How many events of the plugin the tenant has, and when the last one was. */
export async function summariseEvents(
  db: Database,
  scope: { readonly tenantId: string; readonly pluginId: string },
): Promise<{ readonly count: number; readonly lastAt: number | null }> {
  const rows = await db
    .select({ count: sql<number>`count(*)`, lastAt: sql<number | null>`max(${pluginEvents.createdAt})` })
    .from(pluginEvents)
    .where(and(eq(pluginEvents.tenantId, scope.tenantId), eq(pluginEvents.pluginId, scope.pluginId)));
  return rows[0] ?? { count: 0, lastAt: null };
}

/**
 * Deletes the oldest events, but never a tenant's last one: the next takes its number from it.
 *
 * @param time   milliseconds since the epoch; events recorded before it go
 * @param limit  most rows deleted by one call
 * @returns how many were deleted
 */
export async function deleteEventsBefore(db: Database, time: number, limit: number): Promise<number> {
  const result = await db.run(
    sql`DELETE FROM plugin_events WHERE id IN (SELECT e.id FROM plugin_events AS e WHERE e.created_at < ${time} AND e.sequence < (SELECT max(sequence) FROM plugin_events WHERE tenant_id = e.tenant_id) ORDER BY e.created_at LIMIT ${limit})`,
  );
  return result.meta.changes;
}

/** Tenants whose log grew since a time. @param time  milliseconds since the epoch */
export async function listTenantsWithEventsSince(db: Database, time: number, limit: number): Promise<string[]> {
  const rows = await db
    .selectDistinct({ tenantId: pluginEvents.tenantId })
    .from(pluginEvents)
    .where(gt(pluginEvents.createdAt, time))
    .limit(limit);
  return rows.map(({ tenantId }) => tenantId);
}
