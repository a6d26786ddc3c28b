import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { errorText } from "../../../lib/error-text.ts";
import { logError } from "../../../lib/json-log.ts";
import { changeBackup, getBackup, getRestore, type Backup, type BackupChange } from "../store.ts";
import { tell, type BackupDeps } from "./context.ts";
import { failRestore, restoreStep } from "./restore-steps.ts";
import { deleteOldBackups, deleteUnneededBlobs } from "./retention.ts";
import { endTrial, verifyStep } from "./verify.ts";
import { writeStep } from "./write.ts";

/** What is under way, as its Workflow is told. */
export interface Run {
  readonly kind: "backup" | "restore" | "erasure";
  /** Of an erasure its tenant. */
  readonly id: string;
}

/** Runs without a step for so long are taken up by the cron job. */
export const ABANDONED_MS = 10 * 60_000;

/**
 * Takes one step, of bounded size. Where it is comes from the row, and goes back into it: whoever takes the next step need know
 * nothing of the one before, and a step that was cut off is taken again.
 *
 * @returns true where nothing is left to do, or somebody else is at it
 * @throws what is worth another try; what never comes right ends the run instead
 */
export async function advance(deps: BackupDeps, run: Run): Promise<boolean> {
  if (run.kind === "backup") return advanceBackup(deps, run.id);
  const restore = await getRestore(deps.db, run.id);
  if (restore?.status !== "running") return true;
  try {
    return await restoreStep(deps, restore, (id) => advanceBackup(deps, id));
  } catch (error) {
    if (!isFinal(error)) throw error;
    await failRestore(deps, restore, error.message);
    return true;
  }
}

async function advanceBackup(deps: BackupDeps, id: string): Promise<boolean> {
  const backup = await getBackup(deps.db, id);
  if (!backup?.progress || backup.status === "failed") return true;
  let change: BackupChange;
  try {
    const { progress } = backup;
    change = await (progress.phase === "write"
      ? writeStep(deps, backup, progress)
      : verifyStep(deps, backup, progress));
  } catch (error) {
    if (!isFinal(error)) throw error;
    await failBackup(deps, backup, error.message);
    return true;
  }
  if (!(await changeBackup(deps.db, backup, change, deps.clock.now()))) return true;
  if (change.status === "verified") await afterVerified(deps, { ...backup, ...change });
  return change.progress === null;
}

async function afterVerified(deps: BackupDeps, backup: Backup): Promise<void> {
  const { id, scope, counts, bytes } = backup;
  await tell(deps, "backup.verified", { backupId: id, scope, rows: counts.rows, bytes });
  try {
    await endTrial(deps, id);
    const gone = await deleteOldBackups(deps, backup);
    if (gone.length > 0 && scope === "system") await deleteUnneededBlobs(deps);
  } catch (error) {
    logError("backup.retention-failed", { backupId: id, error: errorText(error) });
  }
}

/** What was whole once and is not any more is damaged; what never was has failed. */
export async function failBackup(deps: BackupDeps, backup: Backup, reason: string): Promise<void> {
  const { id, scope, manifestDigest } = backup;
  const finishedAt = backup.finishedAt ?? deps.clock.now();
  const change = { status: "failed", reason, finishedAt, verifiedAt: null, progress: null } as const;
  if (!(await changeBackup(deps.db, backup, change, deps.clock.now()))) return;
  await tell(deps, manifestDigest === null ? "backup.failed" : "backup.corrupted", { backupId: id, scope, reason });
}

/** After the last try of a step. */
export async function giveUp(deps: BackupDeps, run: Run, error: unknown): Promise<void> {
  logError("backup.given-up", { ...run, error: errorText(error) });
  const reason = errorText(error).slice(0, 1_000);
  const [backup, restore] = [
    run.kind === "backup" ? await getBackup(deps.db, run.id) : undefined,
    run.kind === "restore" ? await getRestore(deps.db, run.id) : undefined,
  ];
  if (backup?.progress) await failBackup(deps, backup, reason);
  if (restore?.status === "running") await failRestore(deps, restore, reason);
}

function isFinal(error: unknown): error is PlatformError {
  return error instanceof PlatformError && error.code.startsWith("BACKUP_");
}
