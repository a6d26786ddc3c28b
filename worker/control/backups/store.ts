import { and, desc, eq, gt, inArray, isNotNull, isNull, lt, ne, sql, type SQL } from "drizzle-orm";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import type { Database } from "../../db/client.ts";
import { pluginBackups, pluginEvents, pluginRestores } from "../../db/schema.ts";
import type { Scope } from "./table-rules.ts";

/** Rows of backups and restores. */

export type Backup = typeof pluginBackups.$inferSelect;
export type Restore = typeof pluginRestores.$inferSelect;

export function scopeOf({ scope, tenantId, installId }: Pick<Backup, "scope" | "tenantId" | "installId">): Scope {
  if (scope === "system" || tenantId === null) return { kind: "system" };
  return scope === "tenant" || installId === null
    ? { kind: "tenant", tenantId }
    : { kind: "install", tenantId, installId };
}

/** Columns of a scope. */
export function scopeColumns(scope: Scope): Pick<Backup, "scope" | "tenantId" | "installId"> {
  return {
    scope: scope.kind,
    tenantId: scope.kind === "system" ? null : scope.tenantId,
    installId: scope.kind === "install" ? scope.installId : null,
  };
}

export function insertBackup(db: Database, backup: Backup) {
  return db.insert(pluginBackups).values(backup);
}

export async function getBackup(db: Database, id: string): Promise<Backup | undefined> {
  const [row] = await db.select().from(pluginBackups).where(eq(pluginBackups.id, id));
  return row;
}

/** Whether emergency mode has asked for a backup since. @param since  milliseconds since the epoch */
export async function wasAskedSince(db: Database, since: number): Promise<boolean> {
  const asked = and(
    eq(pluginEvents.tenantId, PLATFORM_TENANT),
    eq(pluginEvents.type, "backup.requested"),
    gt(pluginEvents.createdAt, since),
  );
  return (await db.select({ id: pluginEvents.id }).from(pluginEvents).where(asked).limit(1)).length > 0;
}

/** Newest first. @param page  `before` is the id of the last of the page before */
export async function listBackups(
  db: Database,
  filter: { readonly status?: Backup["status"] | undefined; readonly scope?: Scope | undefined },
  page: { readonly limit: number; readonly before?: string | undefined },
): Promise<readonly Backup[]> {
  const { status, scope } = filter;
  return db
    .select()
    .from(pluginBackups)
    .where(
      and(
        page.before === undefined ? undefined : lt(pluginBackups.id, page.before),
        status === undefined ? undefined : eq(pluginBackups.status, status),
        scope === undefined ? undefined : ofScope(scope),
      ),
    )
    .orderBy(desc(pluginBackups.id))
    .limit(page.limit);
}

function ofScope(scope: Scope): SQL | undefined {
  const { tenantId, installId } = scopeColumns(scope);
  return and(
    eq(pluginBackups.scope, scope.kind),
    tenantId === null ? isNull(pluginBackups.tenantId) : eq(pluginBackups.tenantId, tenantId),
    installId === null ? isNull(pluginBackups.installId) : eq(pluginBackups.installId, installId),
  );
}

/** Runs that nobody has moved on since a time: backups and restores whose worker died. */
export async function listAbandoned(
  db: Database,
  before: number,
): Promise<readonly { readonly kind: "backup" | "restore"; readonly id: string }[]> {
  const [backups, restores] = await db.batch([
    db
      .select({ id: pluginBackups.id })
      .from(pluginBackups)
      .where(
        and(
          inArray(pluginBackups.status, ["running", "written"]),
          isNotNull(pluginBackups.progress),
          lt(pluginBackups.updatedAt, before),
        ),
      )
      .limit(20),
    db
      .select({ id: pluginRestores.id })
      .from(pluginRestores)
      .where(and(eq(pluginRestores.status, "running"), lt(pluginRestores.updatedAt, before)))
      .limit(20),
  ]);
  return [
    ...backups.map(({ id }) => ({ kind: "backup", id }) as const),
    ...restores.map(({ id }) => ({ kind: "restore", id }) as const),
  ];
}

/** Backups of tenants and installs that began before a time, and are not being written. */
export async function listOutlived(db: Database, time: number, limit: number): Promise<readonly Pick<Backup, "id">[]> {
  return db
    .select({ id: pluginBackups.id })
    .from(pluginBackups)
    .where(
      and(ne(pluginBackups.scope, "system"), lt(pluginBackups.startedAt, time), ne(pluginBackups.status, "running")),
    )
    .limit(limit);
}

export type BackupChange = Partial<Omit<Backup, "id" | "updatedAt">>;

/** @returns false where somebody else has moved it on since it was read */
export async function changeBackup(db: Database, known: Backup, change: BackupChange, now: number): Promise<boolean> {
  const rows = await db
    .update(pluginBackups)
    .set({ ...change, updatedAt: Math.max(now, known.updatedAt + 1) })
    .where(and(eq(pluginBackups.id, known.id), eq(pluginBackups.updatedAt, known.updatedAt)))
    .returning({ id: pluginBackups.id });
  return rows.length === 1;
}

/** Writes down a backup that is in the store and not in the table, as after a restore into an empty environment. */
export async function adoptBackup(db: Database, backup: Backup): Promise<void> {
  await db.insert(pluginBackups).values(backup).onConflictDoNothing();
}

export async function deleteBackupRow(db: Database, id: string): Promise<void> {
  await db.delete(pluginBackups).where(eq(pluginBackups.id, id));
}

export function insertRestore(db: Database, restore: Restore) {
  return db.insert(pluginRestores).values(restore);
}

export async function getRestore(db: Database, id: string): Promise<Restore | undefined> {
  const [row] = await db.select().from(pluginRestores).where(eq(pluginRestores.id, id));
  return row;
}

/** True while a restore runs whose tenants may be those of the scope. */
export async function isRestoring(db: Database, scope: Scope): Promise<boolean> {
  const { tenantId } = scopeColumns(scope);
  const overlaps =
    tenantId === null
      ? sql`true`
      : sql`(${pluginRestores.tenantId} IS NULL OR ${pluginRestores.tenantId} = ${tenantId})`;
  const rows = await db
    .select({ id: pluginRestores.id })
    .from(pluginRestores)
    .where(and(eq(pluginRestores.status, "running"), overlaps))
    .limit(1);
  return rows.length > 0;
}

/** @returns false where somebody else has moved it on since it was read */
export async function changeRestore(
  db: Database,
  known: Restore,
  change: Partial<Omit<Restore, "id" | "updatedAt">>,
  now: number,
): Promise<boolean> {
  const rows = await db
    .update(pluginRestores)
    .set({ ...change, updatedAt: Math.max(now, known.updatedAt + 1) })
    .where(and(eq(pluginRestores.id, known.id), eq(pluginRestores.updatedAt, known.updatedAt)))
    .returning({ id: pluginRestores.id });
  return rows.length === 1;
}
