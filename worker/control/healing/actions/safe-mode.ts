import type { Deps } from "../../../deps.ts";
import { newEvent } from "../../events/rules.ts";
import { audited, change, requireInstall } from "../../installs/actions/change.ts";
import { nextState } from "../../installs/rules.ts";
import { changeInstall } from "../../installs/store.ts";
import type { Applied, RemedyRequest } from "./remedy.ts";

/**
 * Lets an install run on without capabilities and with half its limits, until somebody takes it out again.
 *
 * @throws {PlatformError} STATE_CONFLICT for what is quarantined
 */
export async function enterSafeMode(deps: Deps, request: RemedyRequest): Promise<Applied> {
  await setSafeMode(deps, request, true);
  return {
    done: "It runs without capabilities and with half its limits.",
    undo: () => setSafeMode(deps, { ...request, reason: "it did not help" }, false),
  };
}

/** Gives an install its capabilities and limits back. */
export async function leaveSafeMode(deps: Deps, request: RemedyRequest): Promise<Applied> {
  await setSafeMode(deps, request, false);
  return {
    done: "It has its capabilities and limits again.",
    undo: () => setSafeMode(deps, { ...request, reason: "it went on failing" }, true),
  };
}

async function setSafeMode(deps: Deps, { actor, install, reason }: RemedyRequest, enabled: boolean): Promise<void> {
  const { pluginId } = install;
  await change(deps, actor, pluginId, async () => {
    const known = await requireInstall(deps, actor, pluginId);
    nextState(known.state, "update");
    if ((known.safeMode !== null) === enabled) return true;
    const now = deps.clock.now();
    const safeMode = enabled ? { reason, by: actor.subject, since: now } : null;
    const event = newEvent({
      id: deps.newId(),
      tenantId: actor.tenantId,
      pluginId,
      type: enabled ? "plugin.safe-mode-entered" : "plugin.safe-mode-left",
      data: { installId: known.id, version: known.version, reason },
      subject: actor.subject,
      createdAt: now,
    });
    const further = audited(deps, actor, {
      action: enabled ? "install.enter-safe-mode" : "install.leave-safe-mode",
      resourceId: pluginId,
      before: { safeMode: known.safeMode },
      after: { safeMode, reason },
    });
    return changeInstall(deps.db, known, { set: { safeMode }, events: [event], now, further });
  });
}
