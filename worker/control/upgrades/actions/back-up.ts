import type { Actor } from "../../../lib/actor.ts";
import type { BackupDeps } from "../../backups/actions/context.ts";
import { backUpInstallBefore } from "../../backups/actions/manage.ts";
import { isCriticalPart, servicesFrom } from "../critical-rules.ts";
import { hasDependents } from "../store.ts";

/**
 * Before a critical plugin moves to another version its install is backed up, with what it stores. Critical is one whose failure
 * ends what others asked for (a hook or middleware function that says so), and one that another install needs.
 *
 * @throws {PlatformError} BACKUP_FAILED: then do not go on
 */
export async function backUpCritical(deps: BackupDeps, actor: Actor, pluginId: string): Promise<void> {
  const offers = (await deps.snapshots.read(actor.tenantId))?.offers;
  const isCritical =
    isCriticalPart(offers, pluginId) ||
    (await hasDependents(deps.db, actor.tenantId, pluginId, servicesFrom(offers, pluginId)));
  if (isCritical) await backUpInstallBefore(deps, actor, pluginId, "upgrade");
}
