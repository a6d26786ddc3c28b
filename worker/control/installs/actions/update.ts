import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { Actor } from "../../../lib/actor.ts";
import { planConfigUpdate } from "../../config/actions/version-change.ts";
import { additionsIn, carryGrantsOver, requestConsent } from "../../grants/actions/version-change.ts";
import { consentRequired } from "../../grants/consent-rules.ts";
import { chooseVersion, type VersionHead } from "../../plugins/rules.ts";
import { requireMovable, requireNoUpgrade } from "../../upgrades/actions/keep.ts";
import type { Proof } from "../../upgrades/gate-schema.ts";
import { listVersionHeads } from "../../plugins/store.ts";
import { changesOf, requireNarrower } from "../request-rules.ts";
import { nextState } from "../rules.ts";
import type { Install, InstallChange, UpdateInput } from "../schema.ts";
import { auditedStandIns } from "../stand-in-rules.ts";
import { changeInstall, type Events } from "../store.ts";
import { requireStandIns } from "./stand-ins.ts";
import { audited, change, eventsOf, requireInstall, requirePlan, together, type InstallDeps } from "./change.ts";

/**
 * Changes version, configuration, limits, reuse, persistVariables, hooks, fallback or validate of an install; each that is given replaces what was set before. An update
 * that changes nothing writes no event. A version that asks for more than the installed one waits for an admin's consent:
 * nothing is changed then.
 *
 * @throws {PlatformError} CONSENT_REQUIRED, INSTALL_NOT_FOUND, VERSION_NOT_FOUND, SCAN_REFUSED, STATE_CONFLICT, CONFIG_INVALID,
 *   CONFIG_INCOMPATIBLE, REQUEST_INVALID
 */
export async function updateInstall(
  deps: InstallDeps,
  actor: Actor,
  pluginId: string,
  input: UpdateInput,
  proof?: Proof,
): Promise<Install> {
  let refusal: PlatformError | undefined;
  const install = await change(deps, actor, pluginId, async () => {
    refusal = undefined;
    const known = await requireInstall(deps, actor, pluginId);
    nextState(known.state, "update");
    requireStill(known, proof);
    const version = await versionFor(deps, actor, known, input);
    if (version.id !== known.versionId) await requireMovable(deps, known);
    else if (input.config) await requireNoUpgrade(deps, known);
    const moved: Install = { ...known, versionId: version.id, version: version.version };
    const additions = await additionsIn(deps, known, moved);
    if (additions.length > 0) {
      refusal = consentRequired(pluginId, { from: known.version, to: version.version }, additions);
      return requestConsent(deps, actor, known, version.version, additions);
    }
    await requireStandIns(deps, moved, input);
    const fields = changesOf(known, input, version);
    const config = await planConfigUpdate(deps, actor, known, moved, input.config);
    const changed = namesOf(fields, config !== undefined && input.config !== undefined);
    if (changed.length === 0) return true;
    const told = { changed: changed.join(","), previousVersion: known.version };
    const events: Events = [
      ...eventsOf(deps, actor, moved, ["update"], told),
      ...(config?.changes ? [config.event] : []),
    ];
    const set = { ...fields, ...(config ? { configRevision: config.configRevision } : {}) };
    const further = together(
      await carryGrantsOver(deps, actor, known, moved),
      config?.further,
      audited(deps, actor, {
        action: "install.update",
        resourceId: pluginId,
        before: auditedState(known),
        after: { ...auditedState({ ...moved, ...set }), changed, configChanged: config?.changed, gate: proof?.gate },
      }),
    );
    return changeInstall(deps.db, known, { set, events, now: deps.clock.now(), further });
  });
  if (refusal) throw refusal;
  return install;
}

/** @throws {PlatformError} STATE_CONFLICT where the install has left the version that another was held against */
export function requireStill(install: Install, proof: Proof | undefined): void {
  if (!proof || proof.from === install.versionId) return;
  const detail = `"${install.pluginId}" was moved to version ${install.version} while recorded calls were replayed; try again.`;
  throw new PlatformError("STATE_CONFLICT", detail);
}

function namesOf(fields: InstallChange, configChanges: boolean): string[] {
  const others = ["limits", "reuse", "persistVariables", "hooks", "fallback", "validate"] as const;
  return [
    ...(fields.versionId === undefined ? [] : ["version"]),
    ...(configChanges ? ["config"] : []),
    ...others.filter((name) => fields[name] !== undefined),
  ];
}

/** What an update may change, for the log; of the configuration, which revision. */
function auditedState({ version, limits, reuse, persistVariables, validate, configRevision, ...rest }: Install) {
  return { version, limits, reuse, persistVariables, validate, ...auditedStandIns(rest), configRevision };
}

/** The version the install will have. Limits asked for must be narrower than what it gives. */
export async function versionFor(
  deps: InstallDeps,
  actor: Actor,
  known: Install,
  input: Pick<UpdateInput, "version" | "limits">,
): Promise<VersionHead> {
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
