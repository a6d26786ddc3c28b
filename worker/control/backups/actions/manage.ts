import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { Actor } from "../../../lib/actor.ts";
import { errorText } from "../../../lib/error-text.ts";
import { logError } from "../../../lib/json-log.ts";
import { auditRow } from "../../audit-log/rules.ts";
import { recordAudit } from "../../audit-log/store.ts";
import { SYSTEM_SUBJECT } from "../../events/rules.ts";
import { getInstall } from "../../installs/store.ts";
import { getTenant } from "../../tenants/store.ts";
import { readSettings } from "../../settings/store.ts";
import { NO_COUNTS, type BackupTrigger } from "../backup-record.ts";
import { isBackupDue } from "../retention-rules.ts";
import {
  changeBackup,
  getBackup,
  insertBackup,
  listAbandoned,
  listBackups,
  scopeColumns,
  wasAskedSince,
  type Backup,
} from "../store.ts";
import { dropForgotten } from "../staged-row-store.ts";
import type { Scope } from "../table-rules.ts";
import { readSchema } from "../schema-store.ts";
import { readLastRows } from "../table-store.ts";
import type { BackupDeps } from "./context.ts";
import { deleteOutlived } from "./retention.ts";
import { ABANDONED_MS, advance, type Run } from "./run.ts";

/** Steps of a backup that is waited for: more than any install or tenant has, so that a fault ends. */
const MOST_STEPS = 10_000;
/** Verified backups are tried again after so long: what is stored may be damaged later. */
const VERIFY_AGAIN_MS = 24 * 3_600_000;

/** Backups of a tenant or an install are not followed by others of the same, so their age ends them. */
const OTHERS_KEPT_MS = 30 * 24 * 3_600_000;

/** A backup that is about to be written. */
export async function newBackup(
  deps: BackupDeps,
  scope: Scope,
  trigger: BackupTrigger,
  requestedBy: string,
): Promise<Backup> {
  const { tables } = await readSchema(deps.env.DB);
  const history = scope.kind === "system" ? tables.filter(({ kind }) => kind === "history") : [];
  const startedAt = deps.clock.now();
  return {
    id: deps.newId(),
    ...scopeColumns(scope),
    trigger,
    status: "running",
    reason: null,
    requestedBy,
    startedAt,
    finishedAt: null,
    readFrom: startedAt,
    readTo: null,
    verifiedAt: null,
    schemaVersion: null,
    keyId: null,
    manifestDigest: null,
    counts: NO_COUNTS,
    bytes: 0,
    progress: {
      phase: "write",
      step: { at: "tenant", after: "" },
      last: await readLastRows(deps.env.DB, history),
    },
    updatedAt: startedAt,
  };
}

/** Begins a backup; it is written and verified in the background. */
export async function startBackup(
  deps: BackupDeps,
  actor: Actor | undefined,
  scope: Scope,
  trigger: BackupTrigger,
): Promise<Backup> {
  if (scope.kind !== "system" && !(await getTenant(deps.db, scope.tenantId))) {
    throw new PlatformError("TENANT_NOT_FOUND", `There is no tenant "${scope.tenantId}".`);
  }
  const backup = await newBackup(deps, scope, trigger, actor?.subject ?? SYSTEM_SUBJECT);
  const insert = insertBackup(deps.db, backup);
  const after = { scope: scope.kind, tenantId: backup.tenantId, installId: backup.installId, trigger };
  const audit =
    actor && auditRow(actor, { action: "backup.create", resourceId: backup.id, after }, deps.newId(), backup.startedAt);
  await (audit ? deps.db.batch([insert, recordAudit(deps.db, [audit])]) : deps.db.batch([insert]));
  await launch(deps, { kind: "backup", id: backup.id });
  return backup;
}

/**
 * Makes a backup and waits until it is whole, before something that cannot be undone; its verification goes on in the background.
 *
 * @throws {PlatformError} BACKUP_FAILED: then do not go on
 */
export async function backUpBefore(
  deps: BackupDeps,
  actor: Actor,
  scope: Scope,
  trigger: BackupTrigger,
): Promise<Backup> {
  const backup = await newBackup(deps, scope, trigger, actor.subject);
  try {
    await deps.db.batch([insertBackup(deps.db, backup)]);
    for (let step = 0; step < MOST_STEPS; step++) {
      const known = await getBackup(deps.db, backup.id);
      if (known?.status === "written" || known?.status === "verified") {
        await launch(deps, { kind: "backup", id: known.id });
        return known;
      }
      if (known?.status !== "running") throw new Error(known?.reason ?? "it is gone");
      await advance(deps, { kind: "backup", id: backup.id });
    }
    throw new Error(`it was not done after ${MOST_STEPS} steps`);
  } catch (cause) {
    const why = errorText(cause);
    throw new PlatformError("BACKUP_FAILED", `Nothing was changed, because the backup before it failed: ${why}`, {
      cause,
    });
  }
}

/** The same for an install of the actor's tenant, with what it stores; nothing where there is none. */
export async function backUpInstallBefore(
  deps: BackupDeps,
  actor: Actor,
  pluginId: string,
  trigger: BackupTrigger,
): Promise<Backup | undefined> {
  const install = await getInstall(deps.db, actor.tenantId, pluginId);
  if (!install || install.state === "uninstalled") return undefined;
  return backUpBefore(deps, actor, { kind: "install", tenantId: actor.tenantId, installId: install.id }, trigger);
}

/** Begins a trial restore of a backup that is whole. */
export async function verifyBackup(deps: BackupDeps, actor: Actor, id: string): Promise<Backup> {
  const backup = await requireBackup(deps, id);
  if (backup.manifestDigest === null || backup.progress) {
    throw new PlatformError(
      "STATE_CONFLICT",
      `The backup is ${backup.status}: there is nothing to verify, or it is being verified.`,
    );
  }
  const audit = auditRow(
    actor,
    { action: "backup.verify", resourceId: id, before: { status: backup.status, verifiedAt: backup.verifiedAt } },
    deps.newId(),
    deps.clock.now(),
  );
  await recheck(deps, backup);
  await deps.db.batch([recordAudit(deps.db, [audit])]);
  return requireBackup(deps, id);
}

async function recheck(deps: BackupDeps, backup: Backup): Promise<void> {
  const change = { status: "written", progress: { phase: "verify", chunk: 0 } } as const;
  await changeBackup(deps.db, backup, change, deps.clock.now());
  await launch(deps, { kind: "backup", id: backup.id });
}

/** @throws {PlatformError} BACKUP_NOT_FOUND */
export async function requireBackup(deps: Pick<BackupDeps, "db">, id: string): Promise<Backup> {
  const backup = await getBackup(deps.db, id);
  if (backup) return backup;
  throw new PlatformError("BACKUP_NOT_FOUND", `There is no backup "${id}".`);
}

/** What the cron job does: a backup where one is due or emergency mode asked for one, runs that were abandoned, and the oldest trial anew. */
export async function keepBackups(deps: BackupDeps): Promise<void> {
  const now = deps.clock.now();
  const { backupIntervalMinutes } = (await readSettings(deps.db)).migration;
  const backups = await listBackups(deps.db, { scope: { kind: "system" } }, { limit: 100 });
  const latest = backups.find(({ status }) => status !== "failed")?.startedAt;
  const asked = await wasAskedSince(deps.db, latest ?? 0);
  if (asked || isBackupDue(latest, backupIntervalMinutes, now))
    await startBackup(deps, undefined, { kind: "system" }, asked ? "emergency" : "scheduled");
  for (const run of await listAbandoned(deps.db, now - ABANDONED_MS)) await launch(deps, run);
  const stale = backups
    .filter(({ status, verifiedAt }) => status === "verified" && (verifiedAt ?? 0) < now - VERIFY_AGAIN_MS)
    .toSorted((one, other) => (one.verifiedAt ?? 0) - (other.verifiedAt ?? 0));
  if (stale[0]) await recheck(deps, stale[0]);
  await deleteOutlived(deps, now - OTHERS_KEPT_MS);
  await dropForgotten(deps.env.DB);
}

/** Lets a Workflow take the steps. Where none can be made the cron job tries again. */
export async function launch(deps: BackupDeps, run: Run): Promise<void> {
  try {
    await deps.env.BACKUP_RUNS.create({ id: `${run.kind}-${run.id}-${deps.newId()}`, params: run });
  } catch (error) {
    logError("backup.launch-failed", { ...run, error: errorText(error) });
  }
}
