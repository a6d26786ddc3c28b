import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { Actor } from "../../../lib/actor.ts";
import type { InstallStateDeps } from "../../backups/install-state-store.ts";
import { newEvent } from "../../events/rules.ts";
import { audited, change, requireInstall, together, type InstallDeps } from "../../installs/actions/change.ts";
import { versionFor } from "../../installs/actions/update.ts";
import { nextState } from "../../installs/rules.ts";
import type { Install } from "../../installs/schema.ts";
import { changeInstall } from "../../installs/store.ts";
import { aroundChange, type LifecycleDeps } from "../../lifecycle/actions.ts";
import { restoreStorage } from "../storage-store.ts";
import {
  findKeptStorage,
  getRunningUpgrade,
  listFailedVersions,
  listKeptVersions,
  markRolledBack,
  type KeptVersion,
} from "../store.ts";
import { takeBackUpgrade } from "./finish.ts";
import { requireNoUpgrade } from "./keep.ts";
import { planVersionMove, type VersionMove } from "./move-version.ts";

export interface RollBackInput {
  /** Absent: the version before, or the installed one while an upgrade runs. */
  readonly version?: string | undefined;
  readonly reason?: string | undefined;
  /** Brings back what the install had stored before it left the version. */
  readonly restoreStorage?: boolean;
}

/**
 * Moves an install back to a version that it had. No package is read or written: rows and the snapshot name another version.
 * While an upgrade runs and no version is named, the candidate is taken back.
 *
 * @throws {PlatformError} INSTALL_NOT_FOUND; STATE_CONFLICT where there is no such version to go back to; SCAN_REFUSED,
 *   CONFIG_INCOMPATIBLE
 */
export async function rollBack(
  deps: InstallDeps & LifecycleDeps & InstallStateDeps,
  actor: Actor,
  pluginId: string,
  input: RollBackInput,
): Promise<void> {
  const install = await requireInstall(deps, actor, pluginId);
  const scope = { tenantId: install.tenantId, installId: install.id };
  const running = await getRunningUpgrade(deps.db, scope);
  const isStopped = running !== undefined && input.version === undefined;
  const target = isStopped ? install.version : (input.version ?? (await chooseKept(deps, install, undefined)).version);
  const kept = input.restoreStorage ? await requireKeptStorage(deps, install, target) : undefined;
  const restore = async (): Promise<void> => {
    if (kept) await restoreStorage(deps, { ...scope, upgradeId: kept.upgradeId }, kept.segments);
  };
  if (isStopped) {
    await takeBackUpgrade(deps, actor, pluginId, "aborted", input.reason, { id: running.id });
    if (!kept) return;
  }
  const caller = { tenantId: actor.tenantId, subject: actor.subject, traceId: actor.traceId ?? "" };
  await aroundChange(deps, caller, pluginId, async () => {
    await change(deps, actor, pluginId, () => commitRollBack(deps, actor, pluginId, { ...input, version: target }));
    // The version that runs from now on is to find it before it starts.
    await restore();
  });
}

/** Asked for before anything is moved. */
async function requireKeptStorage(deps: InstallDeps, install: Install, version: string) {
  const kept = await findKeptStorage(deps.db, { tenantId: install.tenantId, installId: install.id }, version);
  if (kept) return kept;
  throw new PlatformError(
    "STATE_CONFLICT",
    `Nothing is kept of what "${install.pluginId}" had stored before it left version ${version}.`,
    { members: { version } },
  );
}

async function commitRollBack(
  deps: InstallDeps,
  actor: Actor,
  pluginId: string,
  { version, reason, restoreStorage: storageRestored = false }: RollBackInput & { readonly version: string },
): Promise<boolean> {
  const install = await requireInstall(deps, actor, pluginId);
  nextState(install.state, "update");
  await requireNoUpgrade(deps, install);
  if (version === install.version && !storageRestored) return true;
  const move = version === install.version ? undefined : await planMoveBack(deps, actor, install, version);
  const scope = { tenantId: install.tenantId, installId: install.id };
  const event = newEvent({
    id: deps.newId(),
    tenantId: install.tenantId,
    pluginId,
    type: "upgrade.rolled-back",
    data: {
      installId: install.id,
      fromVersion: install.version,
      version,
      reason,
      storageRestored,
    },
    subject: actor.subject,
    createdAt: deps.clock.now(),
  });
  return changeInstall(deps.db, install, {
    set: move?.set ?? {},
    events: [event, ...(move?.events ?? [])],
    now: deps.clock.now(),
    further: together(
      move?.further,
      (happened) => (move ? [markRolledBack(deps.db, scope, install.version, reason ?? null, happened)] : []),
      audited(deps, actor, {
        action: "upgrade.roll-back",
        resourceId: pluginId,
        before: { version: install.version },
        after: { version, reason, storageRestored },
      }),
    ),
  });
}

async function planMoveBack(deps: InstallDeps, actor: Actor, install: Install, version: string): Promise<VersionMove> {
  const kept = await chooseKept(deps, install, version);
  const head = await versionFor(deps, actor, install, { version });
  return planVersionMove(deps, actor, install, head, kept);
}

/** Where none is named: the version left last that did not fail here. */
async function chooseKept(deps: InstallDeps, install: Install, asked: string | undefined): Promise<KeptVersion> {
  const scope = { tenantId: install.tenantId, installId: install.id };
  const [kept, failed] = await Promise.all([listKeptVersions(deps.db, scope), listFailedVersions(deps.db, scope)]);
  const others = kept.filter(({ version }) => version !== install.version);
  const chosen = others.find(({ version }) => (asked === undefined ? !failed.has(version) : version === asked));
  if (chosen) return chosen;
  const names = others.map(({ version }) => version);
  throw new PlatformError(
    "STATE_CONFLICT",
    `"${install.pluginId}" cannot go back${asked === undefined ? "" : ` to ${asked}`}; it kept: ${names.join(", ") || "none"}.`,
    { members: { version: install.version, kept: names } },
  );
}
