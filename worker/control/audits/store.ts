import { and, asc, desc, eq, inArray, isNull, lt, ne, sql, type SQL } from "drizzle-orm";
import type { Database, Statement } from "../../db/client.ts";
import { pluginAuditChunks, pluginAudits, pluginInstances, tenants } from "../../db/schema.ts";
import type { NewAuditRow } from "../audit-log/rules.ts";
import { recordAudit } from "../audit-log/store.ts";
import { eventRecorded, recordEventWhere, type NewEvent } from "../events/store.ts";
import type { FindingSeverity } from "./finding-record.ts";
import type { AuditChunk, AuditRun } from "./run-record.ts";

const CHUNK_FIELDS = ["auditId", "number", "tenantId", "installs", "withTenant", "rungAt", "doneAt"] as const;

/** Installs of a tenant in a scope, by id. What failed counts as active: it is meant to take calls. */
export async function listInstallsOf(db: Database, tenantId: string, scope: "active-only" | "all"): Promise<string[]> {
  const inScope =
    scope === "all" ? ne(pluginInstances.state, "uninstalled") : inArray(pluginInstances.state, ["active", "error"]);
  const rows = await db
    .select({ id: pluginInstances.id })
    .from(pluginInstances)
    .where(and(eq(pluginInstances.tenantId, tenantId), inScope))
    .orderBy(asc(pluginInstances.id));
  return rows.map(({ id }) => id);
}

/** Active tenants without a run over all installs since a time, or with one under way. @param time  milliseconds since the epoch */
export async function listTenantsDue(db: Database, time: number, limit: number): Promise<string[]> {
  const rows = await db
    .select({ id: tenants.id })
    .from(tenants)
    .where(
      and(
        eq(tenants.status, "active"),
        sql`EXISTS (SELECT 1 FROM ${pluginInstances} WHERE ${pluginInstances.tenantId} = ${tenants.id} AND ${pluginInstances.state} <> 'uninstalled')`,
        sql`NOT ${hasRunSince(tenants.id, time)}`,
      ),
    )
    .orderBy(asc(tenants.id))
    .limit(limit);
  return rows.map(({ id }) => id);
}

/** Condition that a tenant has a run of the cron that began after a time. */
export function hasRunSince(tenantId: string | typeof tenants.id, time: number): SQL {
  return sql`EXISTS (SELECT 1 FROM ${pluginAudits} WHERE ${pluginAudits.tenantId} = ${tenantId} AND ${pluginAudits.trigger} = 'cron' AND ${pluginAudits.startedAt} > ${time})`;
}

/**
 * Writes a run with its chunks, where a condition holds.
 *
 * @returns false where nothing was written
 */
export async function insertRun(
  db: Database,
  run: AuditRun,
  chunks: readonly AuditChunk[],
  event: NewEvent,
  { when, audit }: { readonly when: SQL; readonly audit: readonly NewAuditRow[] },
): Promise<boolean> {
  const happened = eventRecorded(event.id);
  const values = sql.join(
    CHUNK_FIELDS.map((name) => sql.raw(`json_extract(value, '$.${name}')`)),
    sql`, `,
  );
  const { tenantId } = run;
  const fields = [
    run.id,
    tenantId,
    run.trigger,
    run.scope,
    run.pluginId,
    run.requestedBy,
    run.total,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    run.startedAt,
    run.finishedAt,
  ].map((value) => sql`${value}`);
  const [recorded] = await db.batch([
    recordEventWhere(db, event, when),
    db.insert(pluginAudits).select(sql`SELECT ${sql.join(fields, sql`, `)} WHERE ${happened}`),
    db
      .insert(pluginAuditChunks)
      .select(sql`SELECT ${values} FROM json_each(${JSON.stringify(chunks)}) WHERE ${happened}`),
    ...(audit.length > 0 ? [recordAudit(db, audit, happened)] : []),
  ]);
  return recorded.length === 1;
}

/** @returns undefined where the tenant has no such run */
export async function getRun(db: Database, tenantId: string, id: string): Promise<AuditRun | undefined> {
  const rows = await db
    .select()
    .from(pluginAudits)
    .where(and(eq(pluginAudits.tenantId, tenantId), eq(pluginAudits.id, id)));
  return rows[0];
}

/** Newest first. @param page  `before` is the id of the last run of the page before */
export async function listRuns(
  db: Database,
  tenantId: string,
  page: { readonly limit: number; readonly before?: string | undefined },
): Promise<AuditRun[]> {
  return db
    .select()
    .from(pluginAudits)
    .where(
      and(
        eq(pluginAudits.tenantId, tenantId),
        page.before === undefined ? undefined : lt(pluginAudits.id, page.before),
      ),
    )
    .orderBy(desc(pluginAudits.id))
    .limit(page.limit);
}

/** A run over all of a tenant's installs of a scope that is under way, the newest. */
export async function findRunning(
  db: Database,
  tenantId: string,
  scope: AuditRun["scope"],
): Promise<AuditRun | undefined> {
  const rows = await db
    .select()
    .from(pluginAudits)
    .where(and(eq(pluginAudits.tenantId, tenantId), eq(pluginAudits.scope, scope), isNull(pluginAudits.finishedAt)))
    .orderBy(desc(pluginAudits.id))
    .limit(1);
  return rows[0];
}

/** The tenant's last run of the cron. */
export async function findLastOfCron(db: Database, tenantId: string): Promise<AuditRun | undefined> {
  const rows = await db
    .select()
    .from(pluginAudits)
    .where(and(eq(pluginAudits.tenantId, tenantId), eq(pluginAudits.trigger, "cron")))
    .orderBy(desc(pluginAudits.startedAt))
    .limit(1);
  return rows[0];
}

type ChunkName = Pick<AuditChunk, "tenantId" | "auditId" | "number">;

function isChunk({ tenantId, auditId, number }: ChunkName): SQL | undefined {
  return and(
    eq(pluginAuditChunks.auditId, auditId),
    eq(pluginAuditChunks.number, number),
    eq(pluginAuditChunks.tenantId, tenantId),
  );
}

export async function getChunk(db: Database, name: ChunkName): Promise<AuditChunk | undefined> {
  const rows = await db.select().from(pluginAuditChunks).where(isChunk(name));
  return rows[0];
}

/** Condition that nobody has done the chunk yet: what its result writes holds once, however often its message comes. */
export function isUndone(name: ChunkName): SQL {
  return sql`EXISTS (SELECT 1 FROM ${pluginAuditChunks} WHERE ${and(isChunk(name), isNull(pluginAuditChunks.doneAt))})`;
}

/** Counts a chunk as done. Belongs at the end of the batch that writes what it found. */
export function finishChunk(
  db: Database,
  chunk: AuditChunk,
  result: { readonly at: number; readonly failed: number; readonly counts: Readonly<Record<FindingSeverity, number>> },
): readonly [Statement, Statement] {
  const { counts, failed, at } = result;
  return [
    db
      .update(pluginAudits)
      .set({
        done: sql`${pluginAudits.done} + ${chunk.installs.length}`,
        failed: sql`${pluginAudits.failed} + ${failed}`,
        critical: sql`${pluginAudits.critical} + ${counts.critical}`,
        high: sql`${pluginAudits.high} + ${counts.high}`,
        medium: sql`${pluginAudits.medium} + ${counts.medium}`,
        low: sql`${pluginAudits.low} + ${counts.low}`,
        info: sql`${pluginAudits.info} + ${counts.info}`,
      })
      .where(and(eq(pluginAudits.id, chunk.auditId), eq(pluginAudits.tenantId, chunk.tenantId), isUndone(chunk))),
    db
      .update(pluginAuditChunks)
      .set({ doneAt: at })
      .where(and(isChunk(chunk), isNull(pluginAuditChunks.doneAt))),
  ];
}

/** Condition that every chunk of a run is done and the run not finished. */
export function isFinishable({ id, tenantId }: Pick<AuditRun, "id" | "tenantId">): SQL {
  return sql`EXISTS (SELECT 1 FROM ${pluginAudits} WHERE ${pluginAudits.id} = ${id} AND ${pluginAudits.tenantId} = ${tenantId} AND ${pluginAudits.finishedAt} IS NULL) AND NOT EXISTS (SELECT 1 FROM ${pluginAuditChunks} WHERE ${pluginAuditChunks.auditId} = ${id} AND ${pluginAuditChunks.doneAt} IS NULL)`;
}

/** @returns false where somebody else has finished it, or a chunk is not done */
export async function finishRun(db: Database, run: AuditRun, event: NewEvent): Promise<boolean> {
  const [recorded] = await db.batch([
    recordEventWhere(db, event, isFinishable(run)),
    db
      .update(pluginAudits)
      .set({ finishedAt: event.createdAt })
      .where(and(eq(pluginAudits.id, run.id), eq(pluginAudits.tenantId, run.tenantId), eventRecorded(event.id))),
  ]);
  return recorded.length === 1;
}

/** Chunks that are not done and whose bell was rung before a time, which is then said to have been rung again. */
export async function takeOverdue(db: Database, before: number, now: number, limit: number): Promise<ChunkName[]> {
  const overdue = sql`SELECT rowid FROM ${pluginAuditChunks} WHERE ${pluginAuditChunks.doneAt} IS NULL AND ${pluginAuditChunks.rungAt} < ${before} LIMIT ${limit}`;
  return db
    .update(pluginAuditChunks)
    .set({ rungAt: now })
    .where(sql`rowid IN (${overdue})`)
    .returning({
      tenantId: pluginAuditChunks.tenantId,
      auditId: pluginAuditChunks.auditId,
      number: pluginAuditChunks.number,
    });
}

/** Runs whose chunks are all done and that nobody has finished. */
export async function listFinishable(db: Database, limit: number): Promise<Pick<AuditRun, "id" | "tenantId">[]> {
  return db
    .select({ id: pluginAudits.id, tenantId: pluginAudits.tenantId })
    .from(pluginAudits)
    .where(
      and(
        isNull(pluginAudits.finishedAt),
        sql`NOT EXISTS (SELECT 1 FROM ${pluginAuditChunks} WHERE ${pluginAuditChunks.auditId} = ${pluginAudits.id} AND ${pluginAuditChunks.doneAt} IS NULL)`,
      ),
    )
    .limit(limit);
}

/** Deletes the oldest runs with their chunks. @returns how many runs were deleted, at most `limit` */
export async function deleteRunsBefore(db: Database, time: number, limit: number): Promise<number> {
  const old = sql`SELECT id FROM plugin_audits WHERE started_at < ${time} ORDER BY started_at LIMIT ${limit}`;
  const [, runs] = await db.batch([
    db.delete(pluginAuditChunks).where(sql`${pluginAuditChunks.auditId} IN (${old})`),
    db.delete(pluginAudits).where(sql`${pluginAudits.id} IN (${old})`),
  ]);
  return runs.meta.changes;
}
