import type { Actor } from "../../../lib/actor.ts";
import { chooseVersion, ownFirst } from "../../plugins/rules.ts";
import { listVersionHeads } from "../../plugins/store.ts";
import { requireNarrower, requireRoom, requireSame } from "../request-rules.ts";
import { nextState } from "../rules.ts";
import type { Install, InstallInput } from "../schema.ts";
import { changeInstall, getInstall, insertInstall } from "../store.ts";
import { change, eventsOf, requirePlan, type InstallDeps } from "./change.ts";

/**
 * Installs a plugin for the actor's tenant, and activates it unless told not to. What is installed like that already
 * stays as it is.
 *
 * @returns the install, and whether this call made it
 * @throws {PlatformError} PLUGIN_NOT_FOUND, VERSION_NOT_FOUND, SCAN_REFUSED, STATE_CONFLICT, QUOTA_EXCEEDED,
 *   REQUEST_INVALID where limits are wider than the version's
 */
export async function installPlugin(
  deps: InstallDeps,
  actor: Actor,
  input: InstallInput,
): Promise<{ readonly install: Install; readonly created: boolean }> {
  let created = false;
  const install = await change(deps, actor, input.pluginId, async () => {
    const known = await getInstall(deps.db, actor.tenantId, input.pluginId);
    if (known && known.state !== "uninstalled") {
      requireSame(known, input);
      return true;
    }
    created = await tryInstall(deps, actor, input, known);
    return created;
  });
  return { install, created };
}

/** @param removed  the row of an earlier install, which is taken up again under its id with nothing else of it kept */
async function tryInstall(
  deps: InstallDeps,
  actor: Actor,
  input: InstallInput,
  removed: Install | undefined,
): Promise<boolean> {
  const [versions, { plan, installs }] = await Promise.all([
    listVersionHeads(deps.db, actor.tenantId, [input.pluginId]),
    requirePlan(deps, actor.tenantId),
  ]);
  const version = chooseVersion(ownFirst(versions, actor.tenantId), input.pluginId, input.version);
  requireNarrower(version, input.limits, plan);
  requireRoom(plan, installs);

  const now = deps.clock.now();
  const fields = {
    ownerTenantId: version.tenantId,
    versionId: version.id,
    state: input.activate ? "active" : "installed",
    config: input.config ?? {},
    limits: input.limits ?? {},
    installedBy: actor.subject,
  } as const;
  const row: Install = {
    ...fields,
    id: removed?.id ?? deps.newId(),
    tenantId: actor.tenantId,
    pluginId: input.pluginId,
    version: version.version,
    createdAt: removed?.createdAt ?? now,
    updatedAt: now,
  };
  const move = removed ? "reinstall" : "install";
  nextState(removed ? removed.state : "validated", move);
  const events = eventsOf(deps, actor, row, input.activate ? [move, "activate"] : [move], {});
  if (!removed) return insertInstall(deps.db, row, events, plan.installs);
  return changeInstall(deps.db, removed, { set: fields, events, now, quota: plan.installs });
}
