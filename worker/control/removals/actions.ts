import { inboxOf } from "../../../durable-objects/message-inbox/client.ts";
import { databaseOf } from "../../../durable-objects/plugin-database/client.ts";
import { contentKey, filesOf } from "../../../durable-objects/plugin-files/client.ts";
import { healthOf } from "../../../durable-objects/plugin-health/client.ts";
import { storageOf } from "../../../durable-objects/plugin-storage/client.ts";
import type { Deps } from "../../deps.ts";
import { deletePrefix } from "../../lib/bucket-pages.ts";
import { errorText } from "../../lib/error-text.ts";
import { logError } from "../../lib/json-log.ts";
import { newEvent, SYSTEM_SUBJECT, type NewEvent } from "../events/rules.ts";
import { afterFailure, afterPass, REPORTED_FAILURES, type Removal } from "./rules.ts";
import { deleteInstallRows, finishRemoval, getRemoval, listDueRemovals, postponeRemoval } from "./store.ts";

export interface RemovalDeps extends Pick<Deps, "db" | "clock" | "newId"> {
  readonly env: Pick<Env, "PLUGIN_HEALTH" | "MESSAGE_INBOX">;
  readonly capabilities: Pick<Deps["capabilities"], "storage" | "databases" | "files" | "bucket">;
}

/** Installs cleared by one run of the cron job. */
const INSTALLS_PER_RUN = 50;
/** Listings of up to 1,000 files that one pass deletes; what is left comes with the next. */
const FILE_PAGES = 50;

/**
 * Deletes the data of removed installs whose time has come: at once after the removal, and once more when nobody can write any
 * more. What fails is tried again later, ever more seldom.
 *
 * @returns how many passes succeeded, and how many failed
 */
export async function clearRemovedInstalls(deps: RemovalDeps): Promise<{ cleared: number; failed: number }> {
  const due = await listDueRemovals(deps.db, deps.clock.now(), INSTALLS_PER_RUN);
  const count = { cleared: 0, failed: 0 };
  for (const removal of due) count[(await clear(deps, removal)) ? "cleared" : "failed"] += 1;
  return count;
}

/** The same for one plugin of a tenant, where it was removed just now. */
export async function clearRemovedInstall(deps: RemovalDeps, tenantId: string, pluginId: string): Promise<void> {
  const removal = await getRemoval(deps.db, { tenantId, pluginId });
  if (removal && removal.dueAt <= deps.clock.now()) await clear(deps, removal);
}

/** @returns false where it is to be tried again */
async function clear(deps: RemovalDeps, removal: Removal): Promise<boolean> {
  const { db, clock } = deps;
  try {
    await deleteData(deps, removal);
    const next = afterPass(removal, clock.now());
    if (next) await postponeRemoval(db, next);
    else await finishRemoval(db, removal, eventOf(deps, removal, "plugin.data-deleted"));
    return true;
  } catch (error) {
    const { tenantId, installId } = removal;
    const next = afterFailure(removal, clock.now());
    logError("removals.failed", { tenantId, installId, failures: next.failures, error: errorText(error) });
    const tells = next.failures === REPORTED_FAILURES;
    // One that cannot be put off either is due still.
    await postponeRemoval(db, next, tells ? eventOf(deps, next, "plugin.data-not-deleted") : undefined).catch(
      (cause: unknown) => logError("removals.not-postponed", { tenantId, installId, error: errorText(cause) }),
    );
    return false;
  }
}

async function deleteData(deps: RemovalDeps, removal: Removal): Promise<void> {
  await destroyInstall(deps, removal);
  await deleteInstallRows(deps.db, removal);
}

/** Everything that an install keeps outside the database. Bytes before the register that names them: one that is gone could not say what is left. */
export async function destroyInstall(
  { env, capabilities }: Pick<RemovalDeps, "env" | "capabilities">,
  owner: Pick<Removal, "tenantId" | "installId">,
): Promise<void> {
  const { storage, databases, files, bucket } = capabilities;
  const { more } = await deletePrefix(bucket, contentKey(owner, ""), FILE_PAGES);
  if (more) throw new Error(`There are more than ${FILE_PAGES} listings of files.`);
  await Promise.all([
    storageOf(storage, owner).destroy(),
    databaseOf(databases, owner).destroy(),
    filesOf(files, owner).destroy(),
    healthOf(env.PLUGIN_HEALTH, owner.installId).destroy(),
    inboxOf(env.MESSAGE_INBOX, owner.tenantId, owner.installId).destroy(),
  ]);
}

function eventOf(
  deps: RemovalDeps,
  removal: Removal,
  type: "plugin.data-deleted" | "plugin.data-not-deleted",
): NewEvent {
  const { tenantId, pluginId, installId, removedAt, failures } = removal;
  const shared = { id: deps.newId(), tenantId, pluginId, subject: SYSTEM_SUBJECT, createdAt: deps.clock.now() };
  return type === "plugin.data-deleted"
    ? newEvent({ ...shared, type, data: { installId, removedAt } })
    : newEvent({ ...shared, type, data: { installId, removedAt, failures } });
}
