import type * as v from "valibot";
import type { BackupAnswer, RestoreAnswer } from "../schema.ts";
import type { Backup, Restore } from "../store.ts";

/** Backups and restores as answers show them. */

export function describeBackup({
  progress: _progress,
  updatedAt: _updatedAt,
  ...backup
}: Backup): v.InferInput<typeof BackupAnswer> {
  return { ...backup, counts: { ...backup.counts } };
}

export function describeRestore({
  progress,
  updatedAt: _updatedAt,
  ...restore
}: Restore): v.InferInput<typeof RestoreAnswer> {
  return { ...restore, phase: progress?.phase ?? null, counts: { ...restore.counts } };
}
