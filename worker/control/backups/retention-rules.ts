import type { BackupState } from "./backup-record.ts";

/** Which backups are there no longer than they must, and when the next is due. Pure. */

export interface Kept {
  readonly id: string;
  readonly status: BackupState;
}

/**
 * Ids of backups to delete: all but the newest that are whole, and the last one that was verified whatever its age. Failed ones
 * go once they are older than all that stay, so that they are there to be looked at.
 *
 * @param backups  of one scope, newest first
 * @param most     how many are kept
 */
export function beyondRetention(backups: readonly Kept[], most: number): readonly string[] {
  const verified = backups.find(({ status }) => status === "verified");
  const whole = backups.filter(({ status }) => status === "verified" || status === "written");
  const kept = new Set(whole.slice(0, most));
  const oldest = whole.slice(0, most).at(-1);
  const from = oldest === undefined ? backups.length : backups.indexOf(oldest) + 1;
  return backups
    .slice(from)
    .filter((backup) => backup !== verified && !kept.has(backup) && backup.status !== "running")
    .map(({ id }) => id);
}

/** @param latest  when the last scheduled backup of the system began; undefined: never */
export function isBackupDue(latest: number | undefined, intervalMinutes: number, now: number): boolean {
  return latest === undefined || now - latest >= intervalMinutes * 60_000;
}
