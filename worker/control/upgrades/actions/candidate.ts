import type { JsonObject } from "../../../../sdk/contract/config/json-values.ts";
import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { Limits } from "../../../../sdk/contract/limits.ts";
import { PLANS } from "../../../../sdk/contract/plans.ts";
import type { SnapshotInstall } from "../../../execution/snapshot.ts";
import type { Actor } from "../../../lib/actor.ts";
import { requireEnvironment } from "../../compile.ts";
import { secretsIn } from "../../config/configuration-record.ts";
import type { ConfigPlan } from "../../config/actions/plan.ts";
import { planConfigUpdate } from "../../config/actions/version-change.ts";
import type { InstallDeps } from "../../installs/actions/change.ts";
import { installNotFound } from "../../installs/request-rules.ts";
import type { Install } from "../../installs/schema.ts";
import type { VersionHead } from "../../plugins/rules.ts";
import { snapshotInstall, type InstallRecord, type VersionFacts } from "../../snapshot-rules.ts";
import { readTenantRecord, readVersionFacts } from "../../snapshots/store.ts";

/** An install as execution would know it in each of its versions. */
export interface Targets {
  readonly record: InstallRecord;
  readonly ceilings: Limits;
  readonly facts: ReadonlyMap<string, VersionFacts>;
}

/** @param versionIds  versions that targets will be asked for */
export async function readTargets(
  deps: InstallDeps,
  install: Install,
  versionIds: readonly string[],
): Promise<Targets> {
  const [tenant, facts] = await Promise.all([
    readTenantRecord(deps.db, install.tenantId, requireEnvironment(deps.env)),
    readVersionFacts(deps.db, versionIds),
  ]);
  const found = tenant?.installs.find(({ installId }) => installId === install.id);
  if (!tenant || !found) throw installNotFound(install.pluginId);
  const { canary: _running, ...record } = found;
  return { record, ceilings: PLANS[tenant.plan].ceilings, facts };
}

/** What a request changes of an install together with its version. */
export interface CandidateChanges {
  readonly config?: JsonObject | undefined;
  readonly granted?: InstallRecord["granted"] | undefined;
}

/**
 * @param changed  what the version has instead of the install's configuration and grants
 * @throws {PlatformError} VERSION_NOT_FOUND
 */
export function targetOf(
  { record, ceilings, facts }: Targets,
  versionId: string,
  changed?: Partial<Pick<InstallRecord, "config" | "secrets" | "configRevision" | "granted">>,
): SnapshotInstall {
  const version = facts.get(versionId);
  if (!version) throw new PlatformError("VERSION_NOT_FOUND", "The version is not there any more.");
  const { parts: _own, ...rest } = record;
  return snapshotInstall({ ...rest, ...version, ...changed }, ceilings);
}

/** The configuration of an install in another version, and as execution reads it. */
export async function planCandidateConfig(
  deps: InstallDeps,
  actor: Actor,
  install: Install,
  version: VersionHead,
  given?: JsonObject,
) {
  const moved = { version: version.version, versionId: version.id };
  const plan = await planConfigUpdate(deps, actor, install, moved, given);
  return { plan, config: plan && readableConfig(deps, plan) };
}

function readableConfig(deps: InstallDeps, { effective, secrets, configRevision }: ConfigPlan) {
  const environment = requireEnvironment(deps.env);
  return {
    config: effective[environment] ?? effective.default ?? {},
    secrets: secretsIn({ secrets }, environment),
    configRevision,
  };
}
