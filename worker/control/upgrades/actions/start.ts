import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { Actor } from "../../../lib/actor.ts";
import type { BackupDeps } from "../../backups/actions/context.ts";
import type { InstallStateDeps } from "../../backups/install-state-store.ts";
import { additionsIn, requestConsent } from "../../grants/actions/version-change.ts";
import { consentRequired } from "../../grants/consent-rules.ts";
import { audited, change, requireInstall, together } from "../../installs/actions/change.ts";
import { versionFor } from "../../installs/actions/update.ts";
import { nextState } from "../../installs/rules.ts";
import type { Install } from "../../installs/schema.ts";
import { changeInstall } from "../../installs/store.ts";
import { aroundChange, type LifecycleDeps } from "../../lifecycle/actions.ts";
import type { VersionHead } from "../../plugins/rules.ts";
import { listVersionHeads } from "../../plugins/store.ts";
import { countVerdicts, DEFAULT_FUEL_BAND, DEFAULT_REPLAYS } from "../gate-rules.ts";
import { newestInChannel } from "../policy-rules.ts";
import { forgetStorage, keepStorage, type Keeping } from "../storage-store.ts";
import { getLastUpgrade, getPolicy, insertUpgrade } from "../store.ts";
import type { CanaryStep, GateOutcome, Upgrade } from "../upgrade-record.ts";
import { backUpCritical } from "./back-up.ts";
import { planCandidateConfig, readTargets, targetOf, type CandidateChanges } from "./candidate.ts";
import { runGate, upgradeRefused, whyRefused, type GateDeps, type GateOptions } from "./gate.ts";
import { requireMovable } from "./keep.ts";
import { planVersionMove } from "./move-version.ts";
import { upgradeEvent } from "./tell.ts";

export type UpgradeDeps = GateDeps & LifecycleDeps & InstallStateDeps & BackupDeps;

export interface UpgradeInput extends GateOptions {
  /** Absent: the newest of the channel. */
  readonly version?: string | undefined;
  /** Absent: the install's own. */
  readonly channel?: string | undefined;
  /** Empty: the candidate takes all calls once the gate lets it pass. */
  readonly steps: readonly CanaryStep[];
  readonly assignBy: "call" | "subject";
  /** Whether what the install has stored is kept, so that a rollback can bring it back. */
  readonly keepStorage: boolean;
  /** Why the candidate goes on although the gate says no. */
  readonly force?: string | undefined;
}

const SALT_BYTES = 12;

/**
 * Begins to move an install to another version: recorded calls are replayed against it, and if they come out alike it takes a
 * share of the calls, or all of them where no canary is asked for. What does not pass is noted, and nothing else changes.
 *
 * @throws {PlatformError} UPGRADE_REFUSED; CONSENT_REQUIRED, INSTALL_NOT_FOUND, VERSION_NOT_FOUND, SCAN_REFUSED, STATE_CONFLICT,
 *   CONFIG_INCOMPATIBLE, BACKUP_FAILED
 */
export async function startUpgrade(
  deps: UpgradeDeps,
  actor: Actor,
  pluginId: string,
  input: UpgradeInput,
): Promise<void> {
  const install = await requireInstall(deps, actor, pluginId);
  nextState(install.state, "update");
  const version = await chooseTarget(deps, actor, install, input);
  await requireMovable(deps, install);
  await requireConsented(deps, actor, install, version);
  const upgrade = await rehearse(deps, actor, install, version, input);
  if (upgrade.state !== "refused") await backUpCritical(deps, actor, pluginId);
  const kept = upgrade.state === "refused" ? upgrade : await withStorage(deps, upgrade, input.keepStorage);
  const caller = { tenantId: actor.tenantId, subject: actor.subject, traceId: actor.traceId ?? "" };
  const write = () => change(deps, actor, pluginId, () => commitUpgrade(deps, actor, install, version, kept));
  try {
    await (upgrade.state === "promoted" ? aroundChange(deps, caller, pluginId, write) : write());
  } catch (error) {
    await forgetUncommitted(deps, kept);
    throw error;
  }
  if (upgrade.state === "refused") throw upgradeRefused(install, version.version, upgrade.reason ?? "", upgrade.id);
}

/** What the install has stored is kept before the candidate can write. */
async function withStorage(deps: UpgradeDeps, upgrade: Upgrade, wanted: boolean): Promise<Upgrade> {
  return wanted ? { ...upgrade, storageSegments: await keepStorage(deps, keepingOf(upgrade)) } : upgrade;
}

async function forgetUncommitted(deps: UpgradeDeps, upgrade: Upgrade): Promise<void> {
  const written = await getLastUpgrade(deps.db, upgrade);
  if (upgrade.storageSegments === null || written?.id === upgrade.id) return;
  await forgetStorage(deps, keepingOf(upgrade), upgrade.storageSegments);
}

function keepingOf({ id, tenantId, installId }: Upgrade): Keeping {
  return { tenantId, installId, upgradeId: id };
}

async function chooseTarget(
  deps: UpgradeDeps,
  actor: Actor,
  install: Install,
  input: UpgradeInput,
): Promise<VersionHead> {
  const version = input.version ?? (await newestFor(deps, install, input.channel));
  if (version !== install.version) return versionFor(deps, actor, install, { version });
  throw new PlatformError("STATE_CONFLICT", `"${install.pluginId}" is in version ${version} already.`, {
    members: { version },
  });
}

async function newestFor(deps: UpgradeDeps, install: Install, asked: string | undefined): Promise<string> {
  const scope = { tenantId: install.tenantId, installId: install.id };
  const [versions, policy] = await Promise.all([
    listVersionHeads(deps.db, install.tenantId, [install.pluginId]),
    getPolicy(deps.db, scope),
  ]);
  const channel = asked ?? policy.channel;
  const offered = versions.filter(({ tenantId }) => tenantId === install.ownerTenantId);
  const newest = newestInChannel(offered, channel);
  if (newest) return newest.version;
  throw new PlatformError("VERSION_NOT_FOUND", `"${install.pluginId}" has no version in the channel ${channel}.`);
}

async function requireConsented(
  deps: UpgradeDeps,
  actor: Actor,
  install: Install,
  version: VersionHead,
): Promise<void> {
  const moved = { ...install, versionId: version.id, version: version.version };
  const additions = await additionsIn(deps, install, moved);
  if (additions.length === 0) return;
  await change(deps, actor, install.pluginId, async () => {
    const known = await requireInstall(deps, actor, install.pluginId);
    return requestConsent(deps, actor, known, version.version, additions);
  });
  throw consentRequired(install.pluginId, { from: install.version, to: version.version }, additions);
}

const WITHOUT_CANARY: UpgradeInput = {
  replays: DEFAULT_REPLAYS,
  fuelBand: DEFAULT_FUEL_BAND,
  steps: [],
  assignBy: "call",
  keepStorage: false,
};

/**
 * Holds a version against recorded calls before an install moves to it at once. Where too little was recorded to compare, nothing
 * speaks against it.
 *
 * @returns what the gate says
 * @throws {PlatformError} UPGRADE_REFUSED, with the report noted as a refused upgrade; CONFIG_INCOMPATIBLE, CONFIG_INVALID
 */
export async function requireProof(
  deps: UpgradeDeps,
  actor: Actor,
  install: Install,
  version: VersionHead,
  changes: CandidateChanges,
): Promise<GateOutcome> {
  const proof = await rehearse(deps, actor, install, version, WITHOUT_CANARY, changes);
  const { outcome } = proof.gate;
  if (outcome !== "refused") return outcome;
  await change(deps, actor, install.pluginId, () => commitUpgrade(deps, actor, install, version, proof));
  throw upgradeRefused(install, version.version, proof.reason ?? "", proof.id);
}

/** Replays what was recorded, and says what is to become of the candidate. */
async function rehearse(
  deps: UpgradeDeps,
  actor: Actor,
  install: Install,
  version: VersionHead,
  input: UpgradeInput,
  changes: CandidateChanges = {},
): Promise<Upgrade> {
  const [targets, { plan, config }] = await Promise.all([
    readTargets(deps, install, [install.versionId, version.id]),
    planCandidateConfig(deps, actor, install, version, changes.config),
  ]);
  const incumbent = targetOf(targets, install.versionId);
  const granted = changes.granted && { granted: changes.granted };
  const candidate = targetOf(targets, version.id, { ...config, ...granted });
  const gate = await runGate(deps, install, { incumbent, candidate }, input);
  // Only an install that takes calls can prove a candidate by them.
  const steps = install.state === "active" ? input.steps : [];
  const refusal = input.force === undefined ? whyRefused(gate, steps.length > 0) : undefined;
  const now = deps.clock.now();
  const state = refusal === undefined ? (steps.length > 0 ? "canary" : "promoted") : "refused";
  return {
    id: deps.newId(),
    tenantId: install.tenantId,
    installId: install.id,
    pluginId: install.pluginId,
    fromVersion: install.version,
    version: version.version,
    versionId: version.id,
    state,
    reason: refusal ?? input.force ?? null,
    forced: input.force !== undefined,
    gate,
    steps,
    step: 0,
    stepStartedAt: now,
    assignBy: input.assignBy,
    salt: Array.from(deps.randomBytes(SALT_BYTES), (byte) => byte.toString(16).padStart(2, "0")).join(""),
    candidateCalls: 0,
    candidateFaults: 0,
    incumbentCalls: 0,
    incumbentFaults: 0,
    effective: plan?.effective ?? null,
    secrets: plan?.secrets ?? null,
    startedBy: actor.subject,
    startedAt: now,
    endedAt: state === "canary" ? null : now,
    storageSegments: null,
  };
}

/** The gate spoke of the install as it was: one that changed meanwhile is not moved. */
async function commitUpgrade(
  deps: UpgradeDeps,
  actor: Actor,
  install: Install,
  version: VersionHead,
  upgrade: Upgrade,
): Promise<boolean> {
  const known = await requireInstall(deps, actor, install.pluginId);
  if (known.updatedAt !== install.updatedAt) {
    const detail = `"${install.pluginId}" was changed while recorded calls were replayed; try again.`;
    throw new PlatformError("STATE_CONFLICT", detail);
  }
  await requireMovable(deps, known);
  const move = upgrade.state === "promoted" ? await planVersionMove(deps, actor, known, version) : undefined;
  const { outcome, cases } = upgrade.gate;
  const events = [
    upgradeEvent(deps, actor, upgrade, "upgrade.started", { forced: upgrade.forced, steps: upgrade.steps.length }),
    upgradeEvent(deps, actor, upgrade, "upgrade.gated", { outcome, ...countVerdicts(cases) }),
  ] as const;
  const promoted = move ? [upgradeEvent(deps, actor, upgrade, "upgrade.promoted", {}), ...move.events] : [];
  return changeInstall(deps.db, known, {
    set: move?.set ?? {},
    events: [...events, ...promoted],
    now: deps.clock.now(),
    further: together(
      move?.further,
      (happened) => [insertUpgrade(deps.db, upgrade, happened)],
      audited(deps, actor, {
        action: "upgrade.start",
        resourceId: install.pluginId,
        before: { version: install.version },
        after: auditedUpgrade(upgrade),
      }),
    ),
  });
}

function auditedUpgrade({ id, version, state, forced, reason, gate, steps }: Upgrade) {
  return { upgradeId: id, version, state, forced, reason, gate: gate.outcome, steps };
}
