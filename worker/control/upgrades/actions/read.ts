import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type * as v from "valibot";
import type { Actor } from "../../../lib/actor.ts";
import { additionsOf } from "../../grants/consent-rules.ts";
import { asksOf, entriesOf } from "../../grants/rules.ts";
import { requireInstall, type InstallDeps } from "../../installs/actions/change.ts";
import type { Install } from "../../installs/schema.ts";
import { getInstall } from "../../installs/store.ts";
import { listPluginVersions } from "../../packages/actions/versions.ts";
import { describeSummary } from "../../packages/schema.ts";
import { readVersionFacts } from "../../snapshots/store.ts";
import { channelOf } from "../policy-rules.ts";
import type { VersionStanding } from "../schema.ts";
import { getLastUpgrade, getPolicy, getRunningUpgrade, listFailedVersions, listKeptVersions } from "../store.ts";
import type { UpdatePolicy, Upgrade } from "../upgrade-record.ts";

/** @throws {PlatformError} INSTALL_NOT_FOUND; UPGRADE_NOT_FOUND where there never was one */
export async function readUpgrade(deps: InstallDeps, actor: Actor, pluginId: string): Promise<Upgrade> {
  const install = await requireInstall(deps, actor, pluginId);
  const upgrade = await getLastUpgrade(deps.db, { tenantId: install.tenantId, installId: install.id });
  if (upgrade) return upgrade;
  throw new PlatformError("UPGRADE_NOT_FOUND", `"${pluginId}" was never upgraded.`);
}

/** @throws {PlatformError} INSTALL_NOT_FOUND */
export async function readPolicy(
  deps: InstallDeps,
  actor: Actor,
  pluginId: string,
): Promise<UpdatePolicy & { readonly pluginId: string; readonly version: string }> {
  const install = await requireInstall(deps, actor, pluginId);
  const policy = await getPolicy(deps.db, { tenantId: install.tenantId, installId: install.id });
  return { pluginId, version: install.version, ...policy };
}

type Standing = v.InferInput<typeof VersionStanding>;

/**
 * Versions side by side, newest first.
 *
 * @param page  as of {@link listPluginVersions}
 * @throws {PlatformError} PLUGIN_NOT_FOUND
 */
export async function listStandings(
  deps: InstallDeps,
  actor: Actor,
  pluginId: string,
  page: { readonly limit: number; readonly after: string | undefined },
): Promise<Standing[]> {
  const [versions, known] = await Promise.all([
    listPluginVersions(deps, actor, pluginId, page),
    getInstall(deps.db, actor.tenantId, pluginId),
  ]);
  const install = known?.state === "uninstalled" ? undefined : known;
  const ids = versions.map(({ id }) => id);
  const [facts, standingOf] = await Promise.all([
    readVersionFacts(deps.db, install ? [...ids, install.versionId] : ids),
    readStandings(deps, install),
  ]);
  const installed = install && facts.get(install.versionId);
  return versions.map((version) => {
    const asking = facts.get(version.id)?.asking;
    const asks = asking ? asksOf(asking) : {};
    return {
      ...describeSummary(version),
      channel: channelOf(version.version),
      ...standingOf(version.version),
      asks: entriesOf(asks).map(([capability]) => capability),
      needsConsent: installed !== undefined && additionsOf(asksOf(installed.asking), asks).length > 0,
    };
  });
}

async function readStandings(
  deps: InstallDeps,
  install: Install | undefined,
): Promise<(version: string) => Pick<Standing, "standing" | "pinned">> {
  if (!install) return () => ({ standing: [], pinned: false });
  const scope = { tenantId: install.tenantId, installId: install.id };
  const [kept, failed, running, { pinned }] = await Promise.all([
    listKeptVersions(deps.db, scope),
    listFailedVersions(deps.db, scope),
    getRunningUpgrade(deps.db, scope),
    getPolicy(deps.db, scope),
  ]);
  const others = kept.map(({ version }) => version).filter((version) => version !== install.version);
  const previous = others.find((version) => !failed.has(version));
  return (version) => {
    const isCurrent = version === install.version;
    return {
      standing: [
        ...(isCurrent ? (["current"] as const) : []),
        ...(version === running?.version ? (["candidate"] as const) : []),
        ...(version === previous ? (["previous"] as const) : []),
        ...(others.includes(version) ? (["kept"] as const) : []),
        ...(failed.has(version) ? (["failed"] as const) : []),
      ],
      pinned: isCurrent && pinned,
    };
  };
}
