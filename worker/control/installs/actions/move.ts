import type { Actor } from "../../../lib/actor.ts";
import type { EventData } from "../../events/store.ts";
import { requireConfigured } from "../../config/actions/version-change.ts";
import { forgetSecrets } from "../../config/store.ts";
import { decideConsent } from "../../grants/consent-store.ts";
import { endGrants } from "../../grants/store.ts";
import { forgetInstallSecrets } from "../../install-secrets/store.ts";
import { chooseVersion } from "../../plugins/rules.ts";
import { listVersionHeads } from "../../plugins/store.ts";
import { insertRemoval } from "../../removals/store.ts";
import { endUpgradeOf } from "../../upgrades/store.ts";
import { isAlreadyDone, nextState, type InstallState, type PluginMove } from "../rules.ts";
import type { Install } from "../schema.ts";
import { changeInstall, type Further } from "../store.ts";
import { audited, change, eventsOf, requireInstall, together, type InstallDeps } from "./change.ts";

/** Moves between the states of an install that need nothing but the install. */
export type SimpleMove = Exclude<PluginMove, "validate" | "install" | "reinstall" | "update">;

/**
 * Moves an install to another state. A move whose result holds already changes nothing and writes no event.
 *
 * @param data  further facts for the event, such as the reason of a quarantine
 * @throws {PlatformError} INSTALL_NOT_FOUND; STATE_CONFLICT where the state does not allow the move, or the version may
 *   not run any more
 */
export async function moveInstall(
  deps: InstallDeps,
  actor: Actor,
  pluginId: string,
  move: SimpleMove,
  data: EventData = {},
): Promise<Install> {
  return change(deps, actor, pluginId, async () => {
    const known = await requireInstall(deps, actor, pluginId);
    if (isAlreadyDone(known.state, move)) return true;
    const state = nextState(known.state, move) as InstallState; // only `validate` leads to a state that no row can hold
    if (state === "active") {
      await requireRunnable(deps, known);
      await requireConfigured(deps, known);
    }
    const events = eventsOf(deps, actor, known, [move], { from: known.state, to: state, ...data });
    const further = together(
      audited(deps, actor, {
        action: `install.${move}`,
        resourceId: pluginId,
        before: { state: known.state },
        after: { state, ...data },
      }),
      move === "uninstall" ? endWhatWasGiven(deps, actor, known) : undefined,
    );
    return changeInstall(deps.db, known, { set: { state }, events, now: deps.clock.now(), further });
  });
}

/** Grants and secrets end with the install; its data is deleted behind it. An install that comes back is another one. */
function endWhatWasGiven(deps: InstallDeps, actor: Actor, install: Install): Further {
  const scope = { tenantId: install.tenantId, installId: install.id };
  const [by, at] = [actor.subject, deps.clock.now()];
  const removal = { ...scope, pluginId: install.pluginId, removedAt: at, dueAt: at, failures: 0 };
  return (happened) => [
    insertRemoval(deps.db, removal, happened),
    endGrants(deps.db, scope, undefined, { by, at, ending: "uninstalled" }, happened),
    decideConsent(deps.db, scope, { by, at, decision: "superseded" }, happened),
    forgetSecrets(deps.db, scope, happened),
    forgetInstallSecrets(deps.db, scope, happened),
    endUpgradeOf(deps.db, scope, at, happened),
  ];
}

async function requireRunnable(deps: InstallDeps, install: Install): Promise<void> {
  const versions = await listVersionHeads(deps.db, install.tenantId, [install.pluginId]);
  const offered = versions.filter((version) => version.tenantId === install.ownerTenantId);
  chooseVersion(offered, install.pluginId, install.version);
}
