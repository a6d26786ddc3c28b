import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { ToldEvent } from "../../../execution/outcome-reporter.ts";
import type { Actor } from "../../../lib/actor.ts";
import { errorText } from "../../../lib/error-text.ts";
import { logError } from "../../../lib/json-log.ts";
import { SYSTEM_SUBJECT } from "../../events/rules.ts";
import type { InstallScope } from "../../grants/store.ts";
import { listVersionHeads } from "../../plugins/store.ts";
import { getInstall } from "../../installs/store.ts";
import { DEFAULT_STEPS, judgeCanary, whyReturned } from "../canary-rules.ts";
import { DEFAULT_FUEL_BAND, DEFAULT_REPLAYS } from "../gate-rules.ts";
import { chooseUpdate } from "../policy-rules.ts";
import {
  getRunningUpgrade,
  listFailedVersions,
  listOutlivedStorage,
  listRunningUpgrades,
  markStorageForgotten,
  takeDuePolicies,
  type DuePolicy,
} from "../store.ts";
import { forgetStorage } from "../storage-store.ts";
import type { Upgrade } from "../upgrade-record.ts";
import { promoteUpgrade, stepUpgrade, takeBackUpgrade } from "./finish.ts";
import { startUpgrade, type UpgradeDeps } from "./start.ts";

/** What upgrades do by themselves: canaries step on and are taken back, and policies are applied. */

/** Running upgrades looked at in one run, those that wait the longest first. */
const UPGRADES_PER_RUN = 50;
/** Policies applied in one run, those looked at the longest ago first: each may replay recorded calls. */
const POLICIES_PER_RUN = 10;
const POLICY_PERIOD_MS = 10 * 60_000;
/** How long what was stored before an upgrade is kept. */
export const STORAGE_KEPT_MS = 14 * 24 * 3_600_000;

function platformActor(tenantId: string): Actor {
  return { tenantId, subject: SYSTEM_SUBJECT, roles: [] };
}

/** Decides on upgrades by their counts. One that fails stops no other, and the next run looks again. */
export async function judgeUpgrades(deps: UpgradeDeps, upgrades: readonly Upgrade[]): Promise<void> {
  for (const upgrade of upgrades) {
    // oxlint-disable-next-line no-await-in-loop -- few, and each writes
    await judgeUpgrade(deps, upgrade).catch((error: unknown) => {
      logError("upgrade.judge-failed", { upgradeId: upgrade.id, error: errorText(error) });
    });
  }
}

async function judgeUpgrade(deps: UpgradeDeps, upgrade: Upgrade): Promise<void> {
  const { tenantId, pluginId, id, step } = upgrade;
  const actor = platformActor(tenantId);
  const decision = judgeCanary(upgrade, deps.clock.now());
  if (decision === "return") await takeBackUpgrade(deps, actor, pluginId, "returned", whyReturned(upgrade), { id });
  if (decision === "step") await stepUpgrade(deps, actor, pluginId, { id, step });
  if (decision === "promote") await promoteUpgrade(deps, actor, pluginId, { id, step });
}

/** Steps canaries on whose calls are few or none. */
export async function judgeRunningUpgrades(deps: UpgradeDeps): Promise<void> {
  await judgeUpgrades(deps, await listRunningUpgrades(deps.db, UPGRADES_PER_RUN));
}

/** Takes candidates back whose circuit breakers opened. One that fails stops no other. */
export async function takeBackStopped(deps: UpgradeDeps, events: readonly ToldEvent[]): Promise<void> {
  for (const { type, tenantId, pluginId, data } of events) {
    const { installId, version } = data;
    if (type !== "breaker.opened" || pluginId === null || typeof installId !== "string") continue;
    // oxlint-disable-next-line no-await-in-loop -- few, and each writes
    await takeBack(deps, { tenantId, installId }, pluginId, version).catch((error: unknown) => {
      logError("upgrade.return-failed", { installId, error: errorText(error) });
    });
  }
}

async function takeBack(deps: UpgradeDeps, scope: InstallScope, pluginId: string, version: unknown): Promise<void> {
  const running = await getRunningUpgrade(deps.db, scope);
  if (running?.version !== version || !running) return;
  const reason = `Its circuit breaker opened: ${whyReturned(running)}`;
  await takeBackUpgrade(deps, platformActor(scope.tenantId), pluginId, "returned", reason, { id: running.id });
}

/** Begins the upgrades that policies ask for. */
export async function applyUpdatePolicies(deps: UpgradeDeps): Promise<number> {
  const now = deps.clock.now();
  const due = await takeDuePolicies(deps.db, now - POLICY_PERIOD_MS, now, POLICIES_PER_RUN);
  let begun = 0;
  for (const policy of due) {
    // oxlint-disable-next-line no-await-in-loop -- each may replay recorded calls, for which few isolates may be at work at once
    if (await applyPolicy(deps, policy)) begun++;
  }
  return begun;
}

/** Forgets what installs had stored before upgrades, once nobody goes back any more. @returns how many upgrades' */
export async function forgetOutlivedStorage(deps: UpgradeDeps): Promise<number> {
  const outlived = await listOutlivedStorage(deps.db, deps.clock.now() - STORAGE_KEPT_MS, UPGRADES_PER_RUN);
  for (const { segments, ...keeping } of outlived) {
    // oxlint-disable-next-line no-await-in-loop -- the row is the only trace of the objects, so it goes after them
    await forgetStorage(deps, keeping, segments ?? 0);
    // oxlint-disable-next-line no-await-in-loop -- see above
    await markStorageForgotten(deps.db, keeping.upgradeId);
  }
  return outlived.length;
}

/** What is refused, waits for consent or does not fit is no failure of the run. */
async function applyPolicy(deps: UpgradeDeps, policy: DuePolicy): Promise<boolean> {
  const { tenantId, pluginId, installId } = policy;
  try {
    const [install, versions, failed, running] = await Promise.all([
      getInstall(deps.db, tenantId, pluginId),
      listVersionHeads(deps.db, tenantId, [pluginId]),
      listFailedVersions(deps.db, policy),
      getRunningUpgrade(deps.db, policy),
    ]);
    if (install?.id !== installId || running) return false;
    const offered = versions.filter((version) => version.tenantId === install.ownerTenantId);
    const update = chooseUpdate(offered, install.version, policy, failed);
    if (!update) return false;
    await startUpgrade(deps, platformActor(tenantId), pluginId, {
      version: update.version,
      replays: DEFAULT_REPLAYS,
      fuelBand: DEFAULT_FUEL_BAND,
      steps: DEFAULT_STEPS,
      assignBy: "call",
      keepStorage: true,
    });
    return true;
  } catch (error) {
    if (!(error instanceof PlatformError) || error.code === "BACKUP_FAILED")
      logError("upgrade.policy-failed", { pluginId, error: errorText(error) });
    return false;
  }
}
