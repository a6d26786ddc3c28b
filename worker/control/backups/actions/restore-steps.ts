import { compileSnapshot } from "../../compile.ts";
import { snapshotKey } from "../../../execution/snapshot.ts";
import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { readManifest } from "../archive-store.ts";
import type { RestoreProgress } from "../backup-record.ts";
import { restoreBlob } from "../blob-store.ts";
import { erasedOf, isErased, isWithin, reasonWith, tenantsWithin } from "../restore-rules.ts";
import { dropAside } from "../staged-row-store.ts";
import { changeRestore, getBackup, scopeOf, type Restore } from "../store.ts";
import { readSchema } from "../schema-store.ts";
import { raiseRevision } from "../table-store.ts";
import { listErased } from "../tenant-key-store.ts";
import { tell, type BackupDeps } from "./context.ts";
import { readRows, restoreObjects, restorePart } from "./parts.ts";
import { allDone, objectParts, requireChunk } from "./verify.ts";

type Change = Partial<Pick<Restore, "status" | "finishedAt" | "counts" | "reason">> & {
  readonly progress: RestoreProgress | null;
};

/**
 * Takes the next step of a restore.
 *
 * @param advanceBackup  moves the safety backup on
 * @returns true where nothing is left to do
 */
export async function restoreStep(
  deps: BackupDeps,
  restore: Restore,
  advanceBackup: (id: string) => Promise<boolean>,
): Promise<boolean> {
  const { progress } = restore;
  if (!progress) return true;
  const change =
    progress.phase === "safety" ? await makeSafe(deps, restore, advanceBackup) : await take(deps, restore, progress);
  if (!(await changeRestore(deps.db, restore, change, deps.clock.now()))) return true;
  if (change.status !== "completed") return false;
  const { rows, installs } = change.counts ?? restore.counts;
  const { id, backupId, scope } = restore;
  await tell(deps, "backup.restored", { backupId, scope, restoreId: id, rows, installs });
  return true;
}

/** Nothing is changed before what there is can be brought back. */
async function makeSafe(
  deps: BackupDeps,
  restore: Restore,
  advanceBackup: (id: string) => Promise<boolean>,
): Promise<Change> {
  const { safetyBackupId } = restore;
  let safety = await getBackup(deps.db, safetyBackupId);
  if (safety?.status === "running") {
    await advanceBackup(safetyBackupId);
    safety = await getBackup(deps.db, safetyBackupId);
  }
  if (safety?.status === "running") return { progress: { phase: "safety", chunk: 0, after: "" } };
  if (safety && safety.status !== "failed") return { progress: { phase: "blobs", chunk: 0, after: "" } };
  throw new PlatformError(
    "BACKUP_UNREADABLE",
    `Nothing was restored: the backup before it failed: ${safety?.reason ?? "it is gone"}.`,
  );
}

async function take(deps: BackupDeps, restore: Restore, progress: RestoreProgress): Promise<Change> {
  const backup = await getBackup(deps.db, restore.backupId);
  if (!backup) throw new PlatformError("BACKUP_UNREADABLE", "The backup was deleted while it was restored.");
  const manifest = await readManifest(deps, backup.id, backup.manifestDigest ?? undefined);
  const scope = scopeOf(restore);
  const { chunks } = manifest;
  const erased = erasedOf(manifest, await listErased(deps));
  if (progress.phase === "compile") {
    const done = await compileNext(deps, restore, progress, tenantsWithin(manifest, scope, erased));
    return done.status === "completed" ? { ...done, reason: reasonWith(null, erased) } : done;
  }
  const wanted = ({ part }: { readonly part: string }): boolean =>
    progress.phase === "blobs" ? part === "blobs" : isWithin(part, scope) && !isErased(part, erased);
  const index = chunks.findIndex((chunk, at) => at >= progress.chunk && wanted(chunk));
  if (index === -1) {
    const phase = progress.phase === "blobs" ? "parts" : "compile";
    return { progress: { phase, chunk: 0, after: "" } };
  }
  if (progress.phase === "blobs") {
    const tables = await readRows(deps, manifest, index, index + 1);
    const rows = tables.flatMap((table) => table.rows);
    const blobs = await putBack(deps, rows);
    return {
      counts: { ...restore.counts, blobs: restore.counts.blobs + blobs },
      progress: { ...progress, chunk: index + 1 },
    };
  }
  const objects = objectParts(chunks, index).filter(({ from }) => wanted(requireChunk(chunks, from)));
  if (objects.length > 0) {
    await allDone(objects.map(({ from, to }) => restoreObjects(deps, manifest, from, to)));
    const counts = { ...restore.counts, installs: restore.counts.installs + objects.length };
    return { counts, progress: { ...progress, chunk: objects.at(-1)?.to ?? index } };
  }
  const { id: runId } = restore;
  const at = { runId, from: index, aside: progress.aside ?? 0 };
  const done = await restorePart(deps, await readSchema(deps.env.DB), manifest, scope, erased, at);
  const counts = {
    ...restore.counts,
    tenants: restore.counts.tenants + done.tenants,
    rows: restore.counts.rows + done.rows,
  };
  const aside = done.isAside ? at.aside + 1 : 0;
  return { counts, progress: { ...progress, chunk: done.next, aside } };
}

/** Packages that are missing in the store; files come back with the state of their installs. */
async function putBack(deps: BackupDeps, rows: readonly (readonly unknown[])[]): Promise<number> {
  let count = 0;
  for (const [digest, key] of rows) {
    if (String(key).startsWith("plugin-files/") || (await deps.env.STORE.head(String(key)))) continue;
    const restored = await restoreBlob(deps, { digest: String(digest), key: String(key) });
    if (restored === "restored") count += 1;
    if (restored === "lost")
      throw new PlatformError("BACKUP_UNREADABLE", `The copy of ${String(key)} is missing or damaged.`);
  }
  return count;
}

async function compileNext(
  deps: BackupDeps,
  restore: Restore,
  progress: RestoreProgress,
  tenants: readonly string[],
): Promise<Change> {
  const tenantId = tenants[tenants.indexOf(progress.after) + 1];
  if (progress.after === "") await dropAside(deps.env.DB, restore.id);
  if (tenantId === undefined) return { status: "completed", finishedAt: deps.clock.now(), progress: null };
  const stored = await deps.env.STORE.head(snapshotKey(tenantId));
  // Where the database was lost and the store was not, the snapshot there is newer than the database that came back.
  await raiseRevision(deps.env.DB, tenantId, Number(stored?.customMetadata?.["revision"] ?? 0));
  await compileSnapshot(deps, tenantId);
  return { progress: { ...progress, after: tenantId } };
}

export async function failRestore(deps: BackupDeps, restore: Restore, reason: string): Promise<void> {
  const finishedAt = deps.clock.now();
  if (!(await changeRestore(deps.db, restore, { status: "failed", reason, finishedAt, progress: null }, finishedAt)))
    return;
  const { id, backupId, scope } = restore;
  await tell(deps, "backup.failed", { backupId, scope, reason, restoreId: id });
}
