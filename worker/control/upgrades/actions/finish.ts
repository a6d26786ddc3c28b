import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { Actor } from "../../../lib/actor.ts";
import type { BackupDeps } from "../../backups/actions/context.ts";
import { audited, change, requireInstall, together, type InstallDeps } from "../../installs/actions/change.ts";
import { versionFor } from "../../installs/actions/update.ts";
import { nextState } from "../../installs/rules.ts";
import type { Install } from "../../installs/schema.ts";
import { changeInstall } from "../../installs/store.ts";
import { aroundChange, type LifecycleDeps } from "../../lifecycle/actions.ts";
import { beginStep, endUpgrade, getRunningUpgrade } from "../store.ts";
import type { Upgrade } from "../upgrade-record.ts";
import { backUpCritical } from "./back-up.ts";
import { planVersionMove } from "./move-version.ts";
import { upgradeEvent } from "./tell.ts";

/** How running upgrades go on and end. Each is one batch, and whoever comes second finds nothing left to do. */

/** Which upgrade is meant: the running one, unless it must be a certain one, or one at a certain step. */
export interface Meant {
  readonly id: string;
  readonly step?: number;
}

/**
 * Lets the candidate take all calls from now on.
 *
 * @param meant  absent: whichever runs
 * @throws {PlatformError} STATE_CONFLICT where none runs and none is meant; CONFIG_INCOMPATIBLE, VERSION_NOT_FOUND,
 *   BACKUP_FAILED
 */
export async function promoteUpgrade(
  deps: InstallDeps & LifecycleDeps & BackupDeps,
  actor: Actor,
  pluginId: string,
  meant?: Meant,
): Promise<void> {
  const caller = { tenantId: actor.tenantId, subject: actor.subject, traceId: actor.traceId ?? "" };
  // What the candidate has stored since it took its first share is in none of the backups before.
  if (await isRunning(deps, actor, pluginId, meant)) await backUpCritical(deps, actor, pluginId);
  await aroundChange(deps, caller, pluginId, () =>
    withRunning(deps, actor, pluginId, meant, async (install, upgrade) => {
      nextState(install.state, "update");
      const head = await versionFor(deps, actor, install, { version: upgrade.version });
      const move = await planVersionMove(deps, actor, install, head);
      return changeInstall(deps.db, install, {
        set: move.set,
        events: [upgradeEvent(deps, actor, upgrade, "upgrade.promoted", {}), ...move.events],
        now: deps.clock.now(),
        further: together(
          move.further,
          ending(deps, upgrade, "promoted", upgrade.reason),
          auditedEnd(deps, actor, upgrade, "upgrade.promote"),
        ),
      });
    }),
  );
}

/**
 * Takes the candidate's calls away from it; the installed version has them all again.
 *
 * @param state  `returned`: because it failed; `aborted`: because somebody said so
 * @throws {PlatformError} STATE_CONFLICT where none runs and none is meant
 */
export async function takeBackUpgrade(
  deps: InstallDeps,
  actor: Actor,
  pluginId: string,
  state: "returned" | "aborted",
  reason: string | undefined,
  meant?: Meant,
): Promise<void> {
  await withRunning(deps, actor, pluginId, meant, (install, upgrade) =>
    changeInstall(deps.db, install, {
      set: {},
      events: [upgradeEvent(deps, actor, upgrade, `upgrade.${state}`, { reason })],
      now: deps.clock.now(),
      further: together(
        ending(deps, upgrade, state, reason ?? null),
        auditedEnd(deps, actor, upgrade, state === "returned" ? "upgrade.return" : "upgrade.abort", reason),
      ),
    }),
  );
}

/** Gives the candidate the next larger share. */
export async function stepUpgrade(deps: InstallDeps, actor: Actor, pluginId: string, meant: Meant): Promise<void> {
  await withRunning(deps, actor, pluginId, meant, (install, upgrade) => {
    const step = upgrade.step + 1;
    const share = upgrade.steps[step]?.share ?? 0;
    return changeInstall(deps.db, install, {
      set: {},
      events: [upgradeEvent(deps, actor, upgrade, "upgrade.canary-stepped", { step, share })],
      now: deps.clock.now(),
      further: (happened) => [beginStep(deps.db, upgrade, deps.clock.now(), happened)],
    });
  });
}

async function isRunning(
  deps: InstallDeps,
  actor: Actor,
  pluginId: string,
  meant: Meant | undefined,
): Promise<boolean> {
  const { tenantId, id: installId } = await requireInstall(deps, actor, pluginId);
  const running = await getRunningUpgrade(deps.db, { tenantId, installId });
  return running !== undefined && isMeant(running, meant);
}

function isMeant(running: Upgrade, meant: Meant | undefined): boolean {
  return !meant || (running.id === meant.id && running.step === (meant.step ?? running.step));
}

async function withRunning(
  deps: InstallDeps,
  actor: Actor,
  pluginId: string,
  meant: Meant | undefined,
  write: (install: Install, upgrade: Upgrade) => Promise<boolean>,
): Promise<Install> {
  return change(deps, actor, pluginId, async () => {
    const install = await requireInstall(deps, actor, pluginId);
    const running = await getRunningUpgrade(deps.db, { tenantId: install.tenantId, installId: install.id });
    if (meant && !(running && isMeant(running, meant))) return true;
    if (running) return write(install, running);
    throw new PlatformError("STATE_CONFLICT", `No upgrade of "${pluginId}" is running.`);
  });
}

function ending(deps: InstallDeps, { id }: Upgrade, state: "promoted" | "returned" | "aborted", reason: string | null) {
  const end = { state, reason, at: deps.clock.now() };
  return (happened: Parameters<typeof endUpgrade>[3]) => [endUpgrade(deps.db, id, end, happened)];
}

function auditedEnd(
  deps: InstallDeps,
  actor: Actor,
  { id, pluginId, fromVersion, version }: Upgrade,
  action: "upgrade.promote" | "upgrade.return" | "upgrade.abort",
  reason?: string,
) {
  const after = { upgradeId: id, version: action === "upgrade.promote" ? version : fromVersion, reason };
  return audited(deps, actor, {
    action,
    resourceId: pluginId,
    before: { version: fromVersion, candidate: version },
    after,
  });
}
