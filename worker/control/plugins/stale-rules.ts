import type { Snapshot, SnapshotInstall } from "../../execution/snapshot.ts";
import type { PluginFilter, StalePluginDetail, StalePluginSummary } from "./schema.ts";

/** Lists of plugins by the tenant's snapshot, for when the database is away: what is installed, and less of it. */

/** By id, one more than `limit` where there are more. */
export function listInstalled(
  snapshot: Snapshot,
  filter: PluginFilter,
  page: { readonly limit: number; readonly after?: string | undefined },
): StalePluginSummary[] {
  const { q, state, type, category, installed } = filter;
  if (installed === false) return [];
  const text = q?.toLowerCase();
  return Object.values(snapshot.installs)
    .map(summarise)
    .filter((item) => page.after === undefined || item.id > page.after)
    .filter((item) => (state === undefined || item.state === state) && (type === undefined || item.type === type))
    .filter((item) => category === undefined || item.category === category)
    .filter(({ id, name, description }) => !text || `${id}\n${name}\n${description}`.toLowerCase().includes(text))
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .slice(0, page.limit + 1);
}

/** @returns undefined where it is not installed: whether there is such a plugin cannot be told */
export function showInstalled(snapshot: Snapshot, pluginId: string): Omit<StalePluginDetail, "stale"> | undefined {
  const install = Object.hasOwn(snapshot.installs, pluginId) ? snapshot.installs[pluginId] : undefined;
  if (!install) return undefined;
  const { installId: id, version, state, configRevision = 0 } = install;
  return { ...summarise(install), install: { id, version, state, configRevision } };
}

function summarise({ pluginId, version, state, listing }: SnapshotInstall): StalePluginSummary {
  const { ownerTenantId = null, name = pluginId, description = "", type = null, category = null } = listing ?? {};
  const { createdAt = null, updatedAt = null } = listing ?? {};
  return {
    id: pluginId,
    ownerTenantId,
    name,
    description,
    type,
    category,
    state,
    installedVersion: version,
    createdAt,
    updatedAt,
  };
}
