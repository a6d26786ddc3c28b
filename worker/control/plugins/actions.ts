import type { InferInput } from "valibot";
import type { Deps } from "../../deps.ts";
import type { Actor } from "../../lib/actor.ts";
import type { EventType } from "../../../sdk/contract/events.ts";
import { listEvents, summariseEvents, type PluginEvent } from "../events/store.ts";
import { describeInstall } from "../installs/schema.ts";
import { getInstall } from "../installs/store.ts";
import { newestInstallable, pluginNotFound, sortNewestFirst, type VersionHead } from "./rules.ts";
import type { PluginDetail, PluginFilter, PluginSummary } from "./schema.ts";
import { getManifest, getPlugin, listPlugins, listVersionHeads, type PluginRow } from "./store.ts";

export type PluginDeps = Pick<Deps, "db">;

/** Versions that the detail of a plugin shows; the rest is in the list of versions. */
const VERSIONS_SHOWN = 100;

/** @throws {PlatformError} PLUGIN_NOT_FOUND, the same for plugins of other tenants */
export async function requirePlugin(deps: PluginDeps, actor: Actor, pluginId: string): Promise<PluginRow> {
  const plugin = await getPlugin(deps.db, actor.tenantId, pluginId);
  if (!plugin) throw pluginNotFound(pluginId);
  return plugin;
}

/** What the tenant sees, by id, one more than `limit` where there are more. */
export async function listVisiblePlugins(
  deps: PluginDeps,
  actor: Actor,
  filter: PluginFilter,
  page: { readonly limit: number; readonly after?: string | undefined },
): Promise<InferInput<typeof PluginSummary>[]> {
  const { q, ...rest } = filter;
  const rows = await listPlugins(
    deps.db,
    actor.tenantId,
    { ...rest, text: q },
    {
      ...page,
      limit: page.limit + 1,
    },
  );
  const heads = await listVersionHeads(
    deps.db,
    actor.tenantId,
    rows.map((row) => row.id),
  );
  const byPlugin = Map.groupBy(heads, (head) => `${head.tenantId} ${head.pluginId}`);
  return rows.map((row) => summarise(row, byPlugin.get(`${row.ownerTenantId} ${row.id}`) ?? []));
}

/** @throws {PlatformError} PLUGIN_NOT_FOUND */
export async function readPlugin(
  deps: PluginDeps,
  actor: Actor,
  pluginId: string,
): Promise<InferInput<typeof PluginDetail>> {
  const scope = { tenantId: actor.tenantId, pluginId };
  const [plugin, heads, install, events] = await Promise.all([
    requirePlugin(deps, actor, pluginId),
    listVersionHeads(deps.db, actor.tenantId, [pluginId]),
    getInstall(deps.db, actor.tenantId, pluginId),
    summariseEvents(deps.db, scope),
  ]);
  const versions = sortNewestFirst(heads.filter((head) => head.tenantId === plugin.ownerTenantId));
  const isInstalled = install !== undefined && install.state !== "uninstalled";
  const shown = isInstalled ? install.versionId : (newestInstallable(versions) ?? versions[0])?.id;
  const manifest = shown === undefined ? undefined : await getManifest(deps.db, shown);
  if (!manifest) throw pluginNotFound(pluginId);
  return {
    ...summarise(plugin, versions),
    manifest,
    versions: versions.slice(0, VERSIONS_SHOWN).map(({ id, version, state, createdAt }) => ({
      id,
      version,
      state,
      createdAt,
    })),
    install: isInstalled ? describeInstall(install) : null,
    events,
  };
}

/** Newest first, one more than `limit` where there are more. @throws {PlatformError} PLUGIN_NOT_FOUND */
export async function listPluginEvents(
  deps: PluginDeps,
  actor: Actor,
  pluginId: string,
  filter: { readonly type?: EventType | undefined },
  page: { readonly limit: number; readonly before?: number | undefined },
): Promise<PluginEvent[]> {
  await requirePlugin(deps, actor, pluginId);
  const { limit, before } = page;
  return listEvents(deps.db, actor.tenantId, { ...filter, pluginId, before }, { limit: limit + 1, order: "newest" });
}

function summarise(row: PluginRow, versions: readonly VersionHead[]): InferInput<typeof PluginSummary> {
  return { ...row, latestVersion: newestInstallable(versions)?.version ?? null };
}
