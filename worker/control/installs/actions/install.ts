import type { Grants } from "../../../../sdk/contract/grants.ts";
import type { Actor } from "../../../lib/actor.ts";
import {
  grantEvents,
  grantStatements,
  requireAsked,
  requireGranter,
  requireManifest,
} from "../../grants/actions/change.ts";
import { changesTo, type GrantChanges, type GrantRecord } from "../../grants/rules.ts";
import { listGrants } from "../../grants/store.ts";
import { openDocument } from "../../config/actions/present.ts";
import { overTemplate } from "../../config/actions/templates.ts";
import { planFirstConfig } from "../../config/actions/version-change.ts";
import { chooseVersion, ownFirst, type VersionHead } from "../../plugins/rules.ts";
import { listVersionHeads } from "../../plugins/store.ts";
import { requireNarrower, requireRoom, requireSame } from "../request-rules.ts";
import { nextState } from "../rules.ts";
import type { Install, InstallInput } from "../schema.ts";
import { auditedStandIns } from "../stand-in-rules.ts";
import { changeInstall, getInstall, insertInstall, type Events } from "../store.ts";
import { requireStandIns } from "./stand-ins.ts";
import { audited, change, eventsOf, requirePlan, together, type InstallDeps } from "./change.ts";

/**
 * Installs a plugin for the actor's tenant, and activates it unless told not to. What is installed like that already
 * stays as it is. Whatever the manifest asks for, nothing is granted but what the request of an admin says.
 *
 * @returns the install, and whether this call made it
 * @throws {PlatformError} PERMISSION_DENIED where somebody else gives grants; PLUGIN_NOT_FOUND, VERSION_NOT_FOUND, SCAN_REFUSED, STATE_CONFLICT, QUOTA_EXCEEDED,
 *   CONFIG_TEMPLATE_NOT_FOUND; CONFIG_INVALID where the configuration does not fit the version; REQUEST_INVALID where limits or grants are wider than the version's
 */
export async function installPlugin(
  deps: InstallDeps,
  actor: Actor,
  input: InstallInput,
): Promise<{ readonly install: Install; readonly created: boolean }> {
  if (input.grants) requireGranter(actor);
  let created = false;
  const install = await change(deps, actor, input.pluginId, async () => {
    const given = await givenConfig(deps, actor, input);
    const known = await getInstall(deps.db, actor.tenantId, input.pluginId);
    if (known && known.state !== "uninstalled") {
      const { default: config = {} } = given ? await openDocument(deps, known) : {};
      requireSame(known, { ...input, config: given }, config, await grantsOf(deps, known));
      return true;
    }
    created = await tryInstall(deps, actor, { ...input, config: given }, known);
    return created;
  });
  return { install, created };
}

/** @param removed  the row of an earlier install, which the new one takes over: with an id of its own it finds nothing of the other */
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
  const fields = fieldsOf(actor, input, version);
  const row: Install = {
    ...fields,
    id: deps.newId(),
    tenantId: actor.tenantId,
    pluginId: input.pluginId,
    version: version.version,
    // Isolates of the plugin before are not met again.
    generation: removed?.generation ?? 0,
    configRevision: 0,
    configuration: { values: {}, secrets: {} },
    createdAt: now,
    updatedAt: now,
  };
  await requireStandIns(deps, row, input);
  const move = removed ? "reinstall" : "install";
  nextState(removed ? removed.state : "validated", move);
  const events = eventsOf(deps, actor, row, input.activate ? [move, "activate"] : [move], {});
  const changes = await grantsFor(deps, row, input.grants);
  const config = await planFirstConfig(deps, actor, row, input.config);
  const configRevision = config?.configRevision ?? row.configRevision;
  const further = together(
    grantStatements(deps, actor, row, changes, () => "replaced"),
    config?.further,
    auditedInstall(deps, actor, { ...row, configRevision }, input),
  );
  const all: Events = [...events, ...grantEvents(deps, actor, row, changes)];
  if (!removed) return insertInstall(deps.db, { ...row, configRevision }, all, plan.installs, further);
  const set = { ...fields, id: row.id, createdAt: now, config: {}, configRevision };
  return changeInstall(deps.db, removed, { set, events: all, now, quota: plan.installs, further });
}

/** Over the values of the template that is named. */
async function givenConfig(deps: InstallDeps, { tenantId }: Actor, input: InstallInput) {
  const { pluginId, template, config } = input;
  return template === undefined ? config : overTemplate(deps, { tenantId, pluginId }, template, config ?? {});
}

/** What is not asked for is as a new install has it. */
function fieldsOf(actor: Actor, input: InstallInput, version: VersionHead) {
  const {
    limits = {},
    reuse = "fresh",
    persistVariables = false,
    hooks = {},
    fallback = null,
    validate = "off",
  } = input;
  return {
    ownerTenantId: version.tenantId,
    versionId: version.id,
    state: input.activate ? "active" : "installed",
    limits,
    reuse,
    persistVariables,
    hooks,
    fallback,
    validate,
    safeMode: null,
    installedBy: actor.subject,
  } as const;
}

function auditedInstall(deps: InstallDeps, actor: Actor, install: Install, { config = {}, grants = {} }: InstallInput) {
  const { pluginId, version, state, limits, reuse, persistVariables, validate, configRevision } = install;
  const after = {
    version,
    state,
    limits,
    reuse,
    persistVariables,
    validate,
    ...auditedStandIns(install),
    configRevision,
    configKeys: Object.keys(config).sort(),
    grants,
  };
  return audited(deps, actor, { action: "install.create", resourceId: pluginId, after });
}

function grantsOf(deps: InstallDeps, install: Install): Promise<GrantRecord[]> {
  return listGrants(deps.db, { tenantId: install.tenantId, installId: install.id });
}

/** The grants of a new install; an uninstall ended those of an earlier one. */
async function grantsFor(deps: InstallDeps, install: Install, wanted: Grants = {}): Promise<GrantChanges> {
  if (Object.keys(wanted).length === 0) return { ended: [], begun: [] };
  return changesTo([], requireAsked(await requireManifest(deps, install), wanted), wanted);
}
