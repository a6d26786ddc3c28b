import { listPages } from "../../../lib/bucket-pages.ts";
import { deleteBackup, readManifest } from "../archive-store.ts";
import { blobKey, placesOf } from "../blob-store.ts";
import { TenantKeys } from "../tenant-key-store.ts";
import { beyondRetention } from "../retention-rules.ts";
import { deleteBackupRow, listBackups, listOutlived, scopeOf, type Backup } from "../store.ts";
import { readSettings } from "../../settings/store.ts";
import type { BackupDeps } from "./context.ts";
import { readRows } from "./parts.ts";

/** Backups of one scope that are looked at. */
const LISTED = 1_000;
const OUTLIVED_PER_RUN = 20;
/** Copies that no backup needs stay for so long: for backups under way, and for what keeps its own snapshots of an install. */
const UNNEEDED_MS = 30 * 24 * 3_600_000;

/** Deletes what is beyond the retention, of the scope of the backup that was just verified. */
export async function deleteOldBackups(deps: BackupDeps, latest: Backup): Promise<readonly string[]> {
  const { retention } = (await readSettings(deps.db)).migration;
  const backups = await listBackups(deps.db, { scope: scopeOf(latest) }, { limit: LISTED });
  const gone = beyondRetention(backups, retention);
  for (const id of gone) {
    await deleteBackup(deps, id);
    await deleteBackupRow(deps.db, id);
  }
  return gone;
}

/** Deletes backups of tenants and installs that began before a time. */
export async function deleteOutlived(deps: BackupDeps, time: number): Promise<void> {
  for (const { id } of await listOutlived(deps.db, time, OUTLIVED_PER_RUN)) {
    await deleteBackup(deps, id);
    await deleteBackupRow(deps.db, id);
  }
}

/**
 * Deletes copies that no backup needs any more. Where a backup cannot be read nothing is deleted, since nobody knows what it
 * needs.
 */
export async function deleteUnneededBlobs(deps: BackupDeps): Promise<number> {
  const needed = new Set<string>();
  const tenantKeys = new TenantKeys(deps);
  for (const backup of await listBackups(deps.db, {}, { limit: LISTED })) {
    if (backup.manifestDigest === null) continue;
    const manifest = await readManifest(deps, backup.id, backup.manifestDigest);
    for (const [index, chunk] of manifest.chunks.entries()) {
      if (chunk.part !== "blobs") continue;
      for (const { rows } of await readRows(deps, manifest, index, index + 1, tenantKeys))
        for (const [digest, key] of rows)
          for (const place of placesOf({ digest: String(digest), key: String(key) })) needed.add(place);
    }
  }
  const before = deps.clock.now() - UNNEEDED_MS;
  let deleted = 0;
  for await (const page of listPages(deps.env.STORE, { prefix: blobKey("") })) {
    const keys = page
      .filter(({ key, uploaded }) => !needed.has(key) && uploaded.getTime() < before)
      .map(({ key }) => key);
    if (keys.length > 0) await deps.env.STORE.delete(keys);
    deleted += keys.length;
  }
  return deleted;
}
