import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { Grants } from "../../../../sdk/contract/grants.ts";
import type { InstallDeps } from "../../installs/actions/change.ts";
import type { Install } from "../../installs/schema.ts";
import type { Further } from "../../installs/store.ts";
import { getPolicy, getRunningUpgrade, keepVersion } from "../store.ts";

/** What every change of an install's version or configuration has to ask and to leave behind. */

/**
 * Keeps the version that an install leaves, so that it can go back.
 *
 * @param grants   in force before the move
 * @param carried  in force after it
 * @param rolledBack  true where the install goes back to an earlier version
 */
export function keepLeft(
  deps: InstallDeps,
  install: Install,
  grants: Grants,
  carried: Grants,
  rolledBack = false,
): Further {
  const { tenantId, id: installId, versionId, version } = install;
  const kept = { versionId, version, grants, carried, leftAt: deps.clock.now(), rolledBack };
  return (happened) => keepVersion(deps.db, { tenantId, installId }, kept, happened);
}

/** @throws {PlatformError} STATE_CONFLICT while an upgrade runs */
export async function requireNoUpgrade(deps: Pick<InstallDeps, "db">, install: Install): Promise<void> {
  const running = await getRunningUpgrade(deps.db, { tenantId: install.tenantId, installId: install.id });
  if (!running) return;
  throw new PlatformError(
    "STATE_CONFLICT",
    `An upgrade of "${install.pluginId}" from ${running.fromVersion} to ${running.version} is running; promote or abort it first.`,
    { members: { upgradeId: running.id, version: running.version } },
  );
}

/** @throws {PlatformError} STATE_CONFLICT while an upgrade runs, or where the install is pinned */
export async function requireMovable(deps: Pick<InstallDeps, "db">, install: Install): Promise<void> {
  await requireNoUpgrade(deps, install);
  const { pinned } = await getPolicy(deps.db, { tenantId: install.tenantId, installId: install.id });
  if (!pinned) return;
  throw new PlatformError(
    "STATE_CONFLICT",
    `"${install.pluginId}" is pinned to version ${install.version}; unpin it with PUT /${install.pluginId}/update-policy first.`,
    { members: { pinned: install.version } },
  );
}
