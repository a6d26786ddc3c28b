import { and, desc, eq, lt, sql, type SQL } from "drizzle-orm";
import type { EventType } from "../../../sdk/contract/events.ts";
import type { Database } from "../../db/client.ts";
import { pluginEvents } from "../../db/schema.ts";

export type EventData = Readonly<Record<string, string | number | null>>;

export interface PluginEvent {
  readonly id: string;
  readonly pluginId: string;
  readonly type: EventType;
  readonly data: EventData;
  /** Who caused it. */
  readonly subject: string;
  readonly createdAt: number;
}

export interface NewEvent extends PluginEvent {
  readonly tenantId: string;
}

/**
 * Records an event if a condition still holds when the statement runs. The row is then the proof for the rest of the
 * batch: statements that follow carry `eventRecorded(id)` as their own condition, so that change and event happen both
 * or not at all, also when two requests race.
 *
 * @param guard  a row is written where this selects one
 */
export function recordEventWhere(db: Database, event: NewEvent, guard: SQL) {
  const values = sql.join(
    [event.id, event.tenantId, event.pluginId, event.type, JSON.stringify(event.data), event.subject, event.createdAt],
    sql`, `,
  );
  return db
    .insert(pluginEvents)
    .select(sql`SELECT ${values} WHERE ${guard}`)
    .returning({ id: pluginEvents.id });
}

/** Condition for later statements of the batch that holds the event. */
export function eventRecorded(eventId: string): SQL {
  return sql`EXISTS (SELECT 1 FROM ${pluginEvents} WHERE ${pluginEvents.id} = ${eventId})`;
}

/**
 * Newest first.
 *
 * @param page  `before` is the id of the last event of the page before
 */
export async function listEvents(
  db: Database,
  scope: { readonly tenantId: string; readonly pluginId: string },
  filter: { readonly type?: EventType | undefined },
  page: { readonly limit: number; readonly before?: string | undefined },
): Promise<PluginEvent[]> {
  const rows = await db
    .select({
      id: pluginEvents.id,
      pluginId: pluginEvents.pluginId,
      type: pluginEvents.type,
      data: pluginEvents.data,
      subject: pluginEvents.subject,
      createdAt: pluginEvents.createdAt,
    })
    .from(pluginEvents)
    .where(
      and(
        eq(pluginEvents.tenantId, scope.tenantId),
        eq(pluginEvents.pluginId, scope.pluginId),
        filter.type === undefined ? undefined : eq(pluginEvents.type, filter.type),
        page.before === undefined ? undefined : lt(pluginEvents.id, page.before),
      ),
    )
    .orderBy(desc(pluginEvents.id))
    .limit(page.limit);
  return rows as PluginEvent[]; // the column holds only types of the catalogue
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
