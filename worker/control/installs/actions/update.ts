import type { Actor } from "../../../lib/actor.ts";
import { chooseVersion, type VersionHead } from "../../plugins/rules.ts";
import { listVersionHeads } from "../../plugins/store.ts";
import { changesOf, requireNarrower } from "../request-rules.ts";
import { nextState } from "../rules.ts";
import type { Install, UpdateInput } from "../schema.ts";
import { changeInstall } from "../store.ts";
import { change, eventsOf, requireInstall, requirePlan, type InstallDeps } from "./change.ts";

/**
 * Changes version, configuration or limits of an install; each that is given replaces what was set before. An update
 * that changes nothing writes no event.
 *
 * @throws {PlatformError} INSTALL_NOT_FOUND, VERSION_NOT_FOUND, SCAN_REFUSED, STATE_CONFLICT, REQUEST_INVALID
 */
export async function updateInstall(
  deps: InstallDeps,
  actor: Actor,
  pluginId: string,
  input: UpdateInput,
): Promise<Install> {
  return change(deps, actor, pluginId, async () => {
    const known = await requireInstall(deps, actor, pluginId);
    nextState(known.state, "update");
    const version = await versionFor(deps, actor, known, input);
    const set = changesOf(known, input, version);
    const changed = Object.keys(set).map((name) => (name === "versionId" ? "version" : name));
    if (changed.length === 0) return true;
    const data = { changed: changed.join(","), previousVersion: known.version };
    const events = eventsOf(deps, actor, { ...known, version: version.version }, ["update"], data);
    return changeInstall(deps.db, known, { set, events, now: deps.clock.now() });
  });
}

/** The version the install will have. Limits asked for must be narrower than what it gives. */
async function versionFor(deps: InstallDeps, actor: Actor, known: Install, input: UpdateInput): Promise<VersionHead> {
  const [versions, { plan }] = await Promise.all([
    listVersionHeads(deps.db, actor.tenantId, [known.pluginId]),
    requirePlan(deps, actor.tenantId),
  ]);
  const offered = versions.filter((version) => version.tenantId === known.ownerTenantId);
  const current = offered.find((version) => version.id === known.versionId);
  const keeps = input.version === undefined || input.version === current?.version;
  const version = current && keeps ? current : chooseVersion(offered, known.pluginId, input.version);
  requireNarrower(version, input.limits, plan);
  return version;
}
