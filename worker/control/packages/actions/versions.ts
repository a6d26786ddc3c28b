import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { PLATFORM_TENANT } from "../../../../sdk/contract/identifiers.ts";
import type { Deps } from "../../../deps.ts";
import type { Actor } from "../../../lib/actor.ts";
import { listVersions } from "../store.ts";
import type { VersionSummary } from "../version-record.ts";

/**
 * Versions of a plugin as the actor's tenant sees it: its own package, or else the built-in, newest first.
 *
 * @param page  `after` is the id of the last version of the page before
 * @returns up to `limit` + 1 of them
 * @throws PlatformError PLUGIN_NOT_FOUND
 */
export async function listPluginVersions(
  { db }: Pick<Deps, "db">,
  { tenantId }: Actor,
  pluginId: string,
  page: { readonly limit: number; readonly after: string | undefined },
): Promise<readonly VersionSummary[]> {
  const visible = await listVersions(db, [tenantId, PLATFORM_TENANT], pluginId);
  const own = visible.filter((version) => version.tenantId === tenantId);
  const versions = own.length > 0 ? own : visible;
  if (versions.length === 0) throw new PlatformError("PLUGIN_NOT_FOUND", `There is no plugin "${pluginId}".`);
  const start = page.after === undefined ? 0 : versions.findIndex(({ id }) => id === page.after) + 1;
  return versions.slice(start, start + page.limit + 1);
}
