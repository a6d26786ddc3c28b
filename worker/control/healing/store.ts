import { and, desc, eq, gte, lt, sql, type SQL } from "drizzle-orm";
import type { Database, Statement } from "../../db/client.ts";
import { healingEvents } from "../../db/schema.ts";
import type { NewAuditRow } from "../audit-log/rules.ts";
import { recordAudit } from "../audit-log/store.ts";
import { eventRecorded, recordEventWhere, type NewEvent } from "../events/store.ts";
import type { Cause, HealingEvent, HealingOutcome, Remedy } from "./healing-record.ts";
import type { HealingLimits, Try } from "./rules.ts";

/** Events of healing. The one that runs is the lease of its install: a unique index allows one. */

/** Longest that one remedy takes with its verification; what runs longer was cut off. Milliseconds. */
export const LEASE_MS = 5 * 60_000;

/** Columns in the order of the table. */
const COLUMNS = [
  "id",
  "tenantId",
  "installId",
  "pluginId",
  "cause",
  "code",
  "remedy",
  "reason",
  "before",
  "after",
  "verification",
  "outcome",
  "subject",
  "startedAt",
  "endedAt",
] as const satisfies readonly (keyof HealingEvent)[];

export interface InstallScope {
  readonly tenantId: string;
  readonly id: string;
}

/** Remedies that have run for so long that they were cut off. @param scope  an install; absent: all */
export async function listCutOff(
  db: Database,
  now: number,
  scope: InstallScope | undefined,
  limit: number,
): Promise<HealingEvent[]> {
  const { tenantId, installId, outcome, startedAt } = healingEvents;
  const running = sql`${outcome} = 'running'`; // a literal, so that its index serves
  const own = scope && and(eq(tenantId, scope.tenantId), eq(installId, scope.id));
  // A clock that was set back must not hold the lease for ever.
  const cutOff = sql`abs(${startedAt} - ${now}) > ${LEASE_MS}`;
  return db
    .select()
    .from(healingEvents)
    .where(and(own, running, cutOff))
    .limit(limit);
}

/**
 * Writes the event that opens a remedy, unless another one runs for the install or too much was healed lately.
 *
 * @param limits  given where nobody asked: what may be done by itself
 * @returns false where nothing was written
 */
export async function beginHealing(db: Database, event: HealingEvent, limits?: HealingLimits): Promise<boolean> {
  const { startedAt } = event;
  const values = COLUMNS.map((name) => {
    const value = event[name];
    return sql`${typeof value === "object" && value !== null ? JSON.stringify(value) : value}`;
  });
  const since = startedAt - (limits?.periodMs ?? 0);
  const recent = sql`(SELECT count(*) FROM ${healingEvents} WHERE ${healingEvents.startedAt} > ${since} AND ${healingEvents.cause} <> 'operator' AND ${healingEvents.outcome} <> 'dry-run')`;
  const allowed = limits ? sql`${recent} < ${limits.most}` : sql`true`;
  const inserted = await db
    .insert(healingEvents)
    .select(sql`SELECT ${sql.join(values, sql`, `)} WHERE ${allowed}`)
    .onConflictDoNothing()
    .returning({ id: healingEvents.id });
  return inserted.length === 1;
}

/**
 * Closes the event of a remedy, with the tenant's event and rows of the audit log, unless it was closed as cut off.
 *
 * @returns false where nothing was written
 */
export async function endHealing(
  db: Database,
  ended: Pick<HealingEvent, "id" | "tenantId" | "after" | "verification" | "outcome" | "endedAt" | "reason">,
  told: NewEvent,
  audit: readonly NewAuditRow[],
): Promise<boolean> {
  const { id, tenantId, ...set } = ended;
  const runs = sql`EXISTS (SELECT 1 FROM ${healingEvents} WHERE ${healingEvents.id} = ${id} AND ${healingEvents.tenantId} = ${tenantId} AND ${healingEvents.outcome} = 'running')`;
  const happened = eventRecorded(told.id);
  const close: Statement = db
    .update(healingEvents)
    .set(set)
    .where(and(eq(healingEvents.id, id), happened));
  const [recorded] = await db.batch([recordEventWhere(db, told, runs), close, recordAudit(db, audit, happened)]);
  return recorded.length === 1;
}

export interface HealingFilter {
  readonly pluginId?: string | undefined;
  readonly remedy?: Remedy | undefined;
  readonly cause?: Cause | undefined;
  readonly outcome?: HealingOutcome | undefined;
  /** Milliseconds since the epoch: began at or after. */
  readonly from?: number | undefined;
  /** Milliseconds since the epoch: began before. */
  readonly to?: number | undefined;
}

/** Newest first. @param page  `before` is the id of the last event of the page before */
export async function listHealing(
  db: Database,
  tenantId: string,
  filter: HealingFilter,
  page: { readonly limit: number; readonly before?: string | undefined },
): Promise<HealingEvent[]> {
  const { pluginId, remedy, cause, outcome, from, to } = filter;
  const conditions: (SQL | undefined)[] = [
    eq(healingEvents.tenantId, tenantId),
    page.before === undefined ? undefined : lt(healingEvents.id, page.before),
    pluginId === undefined ? undefined : eq(healingEvents.pluginId, pluginId),
    remedy === undefined ? undefined : eq(healingEvents.remedy, remedy),
    cause === undefined ? undefined : eq(healingEvents.cause, cause),
    outcome === undefined ? undefined : eq(healingEvents.outcome, outcome),
    from === undefined ? undefined : gte(healingEvents.startedAt, from),
    to === undefined ? undefined : lt(healingEvents.startedAt, to),
  ];
  return db
    .select()
    .from(healingEvents)
    .where(and(...conditions))
    .orderBy(desc(healingEvents.id))
    .limit(page.limit);
}

/** What was tried for an install since a time, newest first. */
export async function listTries(
  db: Database,
  { tenantId, installId }: { readonly tenantId: string; readonly installId: string },
  since: number,
): Promise<Try[]> {
  const { remedy, outcome, startedAt, endedAt } = healingEvents;
  return db
    .select({ remedy, outcome, startedAt, endedAt })
    .from(healingEvents)
    .where(
      and(
        eq(healingEvents.tenantId, tenantId),
        eq(healingEvents.installId, installId),
        gte(healingEvents.startedAt, since),
        sql`${outcome} <> 'dry-run'`,
      ),
    )
    .orderBy(desc(healingEvents.id))
    .limit(50);
}

/** @returns how many were deleted; `limit` means that more may be left */
export async function deleteHealingBefore(db: Database, time: number, limit: number): Promise<number> {
  const result = await db.run(
    sql`DELETE FROM ${healingEvents} WHERE id IN (SELECT id FROM ${healingEvents} WHERE started_at < ${time} ORDER BY started_at LIMIT ${limit})`,
  );
  return result.meta.changes;
}
