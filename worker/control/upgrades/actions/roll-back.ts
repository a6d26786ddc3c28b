import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { Actor } from "../../../lib/actor.ts";
import { newEvent } from "../../events/rules.ts";
import { audited, change, requireInstall, together, type InstallDeps } from "../../installs/actions/change.ts";
import { versionFor } from "../../installs/actions/update.ts";
import { nextState } from "../../installs/rules.ts";
import type { Install } from "../../installs/schema.ts";
import { changeInstall } from "../../installs/store.ts";
import { aroundChange, type LifecycleDeps } from "../../lifecycle/actions.ts";
import { getRunningUpgrade, listFailedVersions, listKeptVersions, markRolledBack, type KeptVersion } from "../store.ts";
import { takeBackUpgrade } from "./finish.ts";
import { requireNoUpgrade } from "./keep.ts";
import { planVersionMove } from "./move-version.ts";

export interface RollBackInput {
  /** Absent: the version before, or the installed one while an upgrade runs. */
  readonly version?: string | undefined;
  readonly reason?: string | undefined;
}

/**
 * Moves an install back to a version that it had. No package is read or written: rows and the snapshot name another version.
 * While an upgrade runs and no version is named, the candidate is taken back.
 *
 * @throws {PlatformError} INSTALL_NOT_FOUND; STATE_CONFLICT where there is no such version to go back to; SCAN_REFUSED,
 *   CONFIG_INCOMPATIBLE
 */
export async function rollBack(
  deps: InstallDeps & LifecycleDeps,
  actor: Actor,
  pluginId: string,
  input: RollBackInput,
): Promise<void> {
  const install = await requireInstall(deps, actor, pluginId);
  const running = await getRunningUpgrade(deps.db, { tenantId: install.tenantId, installId: install.id });
  if (running && input.version === undefined) {
    await takeBackUpgrade(deps, actor, pluginId, "aborted", input.reason, { id: running.id });
    return;
  }
  const caller = { tenantId: actor.tenantId, subject: actor.subject, traceId: actor.traceId ?? "" };
  await aroundChange(deps, caller, pluginId, () =>
    change(deps, actor, pluginId, () => commitRollBack(deps, actor, pluginId, input)),
  );
}

async function commitRollBack(
  deps: InstallDeps,
  actor: Actor,
  pluginId: string,
  { version: asked, reason }: RollBackInput,
): Promise<boolean> {
  const install = await requireInstall(deps, actor, pluginId);
  nextState(install.state, "update");
  await requireNoUpgrade(deps, install);
  if (asked === install.version) return true;
  const kept = await chooseKept(deps, install, asked);
  const head = await versionFor(deps, actor, install, { version: kept.version });
  const move = await planVersionMove(deps, actor, install, head, kept);
  const scope = { tenantId: install.tenantId, installId: install.id };
  const event = newEvent({
    id: deps.newId(),
    tenantId: install.tenantId,
    pluginId,
    type: "upgrade.rolled-back",
    data: { installId: install.id, fromVersion: install.version, version: kept.version, reason },
    subject: actor.subject,
    createdAt: deps.clock.now(),
  });
  return changeInstall(deps.db, install, {
    set: move.set,
    events: [event, ...move.events],
    now: deps.clock.now(),
    further: together(
      move.further,
      (happened) => [markRolledBack(deps.db, scope, install.version, reason ?? null, happened)],
      audited(deps, actor, {
        action: "upgrade.roll-back",
        resourceId: pluginId,
        before: { version: install.version },
        after: { version: kept.version, reason },
      }),
    ),
  });
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
