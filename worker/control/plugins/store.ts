import { and, eq, inArray, sql, type SQL } from "drizzle-orm";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import type { Limits } from "../../../sdk/contract/limits.ts";
import type { Manifest } from "../../../sdk/contract/manifest.ts";
import type { Database } from "../../db/client.ts";
import { pluginInstances, plugins, pluginVersions } from "../../db/schema.ts";
import type { PluginState } from "../installs/rules.ts";
import type { VersionHead } from "./rules.ts";

/** Owners whose packages a tenant sees: itself, and the platform for the built-ins. */
function visibleOwners(tenantId: string): string[] {
  return [tenantId, PLATFORM_TENANT];
}

/** Versions of the plugins, of all owners the tenant sees, without their manifests and reports, which can be large. */
export async function listVersionHeads(
  db: Database,
  tenantId: string,
  pluginIds: readonly string[],
): Promise<VersionHead[]> {
  const rows = await db
    .select({
      id: pluginVersions.id,
      tenantId: pluginVersions.tenantId,
      pluginId: pluginVersions.pluginId,
      version: pluginVersions.version,
      state: pluginVersions.state,
      verdict: sql<VersionHead["verdict"]>`json_extract(${pluginVersions.scan}, '$.verdict')`,
      limits: sql<string | null>`json_extract(${pluginVersions.manifest}, '$.limits')`,
      createdAt: pluginVersions.createdAt,
      yankReason: pluginVersions.yankReason,
    })
    .from(pluginVersions)
    .where(
      and(
        inArray(pluginVersions.tenantId, visibleOwners(tenantId)),
        sql`${pluginVersions.pluginId} IN (SELECT value FROM json_each(${JSON.stringify(pluginIds)}))`,
      ),
    );
  return rows.map(
    ({ limits, ...row }) =>
      Object.assign(row, { limits: limits === null ? {} : (JSON.parse(limits) as Partial<Limits>) }), // validated on upload
  );
}

export interface PluginFilter {
  readonly state?: Exclude<PluginState, "pending"> | undefined;
  readonly type?: string | undefined;
  readonly category?: string | undefined;
  /** Part of id, name or description, in any case. */
  readonly text?: string | undefined;
  readonly installed?: boolean | undefined;
}

export interface PluginRow {
  readonly id: string;
  readonly ownerTenantId: string;
  readonly name: string;
  readonly description: string;
  readonly type: string;
  readonly category: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** `validated` where the tenant never installed it. */
  readonly state: Exclude<PluginState, "pending">;
  readonly installedVersion: string | null;
}

const STATE = sql<PluginRow["state"]>`coalesce(${pluginInstances.state}, 'validated')`;
const IS_INSTALLED = sql`${STATE} NOT IN ('validated', 'uninstalled')`;

/**
 * Plugins the tenant sees, by id: its own, and the built-ins whose id it does not use itself.
 *
 * @param page  `after` is the id of the last plugin of the page before
 */
export async function listPlugins(
  db: Database,
  tenantId: string,
  filter: PluginFilter,
  page: { readonly limit: number; readonly after?: string | undefined },
): Promise<PluginRow[]> {
  const conditions = [
    isVisible(tenantId),
    page.after === undefined ? undefined : sql`${plugins.id} > ${page.after}`,
    filter.state === undefined ? undefined : sql`${STATE} = ${filter.state}`,
    filter.type === undefined ? undefined : eq(plugins.type, filter.type),
    filter.category === undefined ? undefined : eq(plugins.category, filter.category),
    filter.text === undefined ? undefined : contains(filter.text),
    filter.installed === undefined ? undefined : filter.installed ? IS_INSTALLED : sql`NOT (${IS_INSTALLED})`,
  ];
  return selectPlugins(db, tenantId)
    .where(and(...conditions))
    .orderBy(plugins.id)
    .limit(page.limit);
}

/** @returns undefined where there is no such plugin, or it belongs to another tenant */
export async function getPlugin(db: Database, tenantId: string, pluginId: string): Promise<PluginRow | undefined> {
  const rows = await selectPlugins(db, tenantId).where(and(isVisible(tenantId), eq(plugins.id, pluginId)));
  return rows[0];
}

/** The manifest of one version. */
export async function getManifest(db: Database, versionId: string): Promise<Manifest | undefined> {
  const rows = await db
    .select({ manifest: pluginVersions.manifest })
    .from(pluginVersions)
    .where(eq(pluginVersions.id, versionId));
  return rows[0]?.manifest;
}

function selectPlugins(db: Database, tenantId: string) {
  return db
    .select({
      id: plugins.id,
      ownerTenantId: plugins.tenantId,
      name: plugins.name,
      description: plugins.description,
      type: plugins.type,
      category: plugins.category,
      createdAt: plugins.createdAt,
      updatedAt: plugins.updatedAt,
      state: STATE,
      installedVersion: sql<string | null>`CASE WHEN ${IS_INSTALLED} THEN ${pluginVersions.version} END`,
    })
    .from(plugins)
    .leftJoin(pluginInstances, and(eq(pluginInstances.tenantId, tenantId), eq(pluginInstances.pluginId, plugins.id)))
    .leftJoin(pluginVersions, eq(pluginVersions.id, pluginInstances.versionId))
    .$dynamic();
}

function isVisible(tenantId: string): SQL {
  return sql`(${plugins.tenantId} = ${tenantId} OR (${plugins.tenantId} = ${PLATFORM_TENANT} AND NOT EXISTS (SELECT 1 FROM ${plugins} AS own WHERE own.tenant_id = ${tenantId} AND own.id = ${plugins.id})))`;
}

/** D1 allows LIKE patterns of 50 bytes only, and `%` and `_` would need escapes. */
function contains(text: string): SQL {
  return sql`instr(lower(${plugins.id} || char(10) || ${plugins.name} || char(10) || ${plugins.description}), lower(${text})) > 0`;
}
