import { and, eq, getTableColumns, gt, inArray, sql, type SQL } from "drizzle-orm";
import type { Plan } from "../../../sdk/contract/plans.ts";
import { compareVersions, parseVersion } from "../../../sdk/contract/version.ts";
import type { Database } from "../../db/client.ts";
import { plugins, pluginVersions, tenants } from "../../db/schema.ts";
import type { VersionRecord, VersionSummary } from "./version-record.ts";
import type { NewAuditRow } from "../audit-log/rules.ts";
import { recordAudit } from "../audit-log/store.ts";
import { eventRecorded, recordEventsWhere, type NewEvent } from "../events/store.ts";

export { sweepIncoming } from "./incoming-store.ts";

/** @returns undefined where the tenant owns no such version */
export async function getVersion(
  db: Database,
  tenantId: string,
  versionId: string,
): Promise<VersionRecord | undefined> {
  const rows = await db
    .select()
    .from(pluginVersions)
    .where(and(eq(pluginVersions.tenantId, tenantId), eq(pluginVersions.id, versionId)));
  return rows[0];
}

/**
 * One version of a plugin, of the first tenant in the list that has the plugin.
 *
 * @param visibleTenantIds  owners whose packages may be seen, the preferred first
 * @param version           undefined: the newest by precedence, releases before prereleases
 */
export async function findVersion(
  db: Database,
  visibleTenantIds: readonly string[],
  pluginId: string,
  version?: string,
): Promise<VersionRecord | undefined> {
  const heads = await db
    .select({ id: pluginVersions.id, tenantId: pluginVersions.tenantId, version: pluginVersions.version })
    .from(pluginVersions)
    .where(and(inArray(pluginVersions.tenantId, [...visibleTenantIds]), eq(pluginVersions.pluginId, pluginId)));
  const owner = visibleTenantIds.find((tenantId) => heads.some((head) => head.tenantId === tenantId));
  const owned = heads.filter((head) => head.tenantId === owner).sort(newestFirst);
  const chosen =
    version === undefined
      ? (owned.find((head) => parseVersion(head.version)?.prerelease.length === 0) ?? owned[0])
      : owned.find((head) => head.version === version);
  return chosen && getVersion(db, chosen.tenantId, chosen.id);
}

/** The version with this package of the tenant, whatever it is called. */
export async function findPackage(
  db: Database,
  tenantId: string,
  packageDigest: string,
): Promise<VersionRecord | undefined> {
  const rows = await db
    .select()
    .from(pluginVersions)
    .where(and(eq(pluginVersions.tenantId, tenantId), eq(pluginVersions.packageDigest, packageDigest)))
    .limit(1);
  return rows[0];
}

/** Versions in the order of their ids. @param after  id of the last one of the page before. @param tenantId  absent: of all */
export async function listVersionsAfter(
  db: Database,
  after: string,
  limit: number,
  tenantId?: string,
): Promise<readonly VersionRecord[]> {
  const owner = tenantId === undefined ? undefined : eq(pluginVersions.tenantId, tenantId);
  const later = and(gt(pluginVersions.id, after), owner);
  return db.select().from(pluginVersions).where(later).orderBy(pluginVersions.id).limit(limit);
}

/** Versions of a plugin of the tenants, newest first by precedence. */
export async function listVersions(
  db: Database,
  visibleTenantIds: readonly string[],
  pluginId: string,
): Promise<VersionSummary[]> {
  const { id, tenantId, version, packageDigest, packageBytes, state, uploadedBy, createdAt, yankedAt, yankReason } =
    getTableColumns(pluginVersions);
  const rows = await db
    .select({
      id,
      tenantId,
      pluginId: pluginVersions.pluginId,
      version,
      packageDigest,
      packageBytes,
      state,
      uploadedBy,
      createdAt,
      yankedAt,
      yankReason,
      verdict: sql<VersionSummary["verdict"]>`json_extract(${pluginVersions.scan}, '$.verdict')`,
    })
    .from(pluginVersions)
    .where(and(inArray(pluginVersions.tenantId, [...visibleTenantIds]), eq(pluginVersions.pluginId, pluginId)));
  return rows.sort(newestFirst);
}

function newestFirst(a: { readonly version: string }, b: { readonly version: string }): number {
  const [left, right] = [parseVersion(a.version), parseVersion(b.version)];
  return left && right ? compareVersions(right, left) : 0; // only versions that parse are stored
}

/** What the tenant's plan is, and how many versions it has; undefined where there is no such tenant. */
export async function getAllowance(
  db: Database,
  tenantId: string,
): Promise<{ readonly plan: Plan; readonly versions: number } | undefined> {
  const rows = await db
    .select({ plan: tenants.plan, versions: countVersions(tenantId) })
    .from(tenants)
    .where(eq(tenants.id, tenantId));
  return rows[0];
}

/**
 * Writes a version with its events, and the plugin's listing, in one batch; nothing where the version exists already or
 * the plan allows no more.
 *
 * @param quota  versions that the plan allows
 * @param audit  row of the log
 * @returns false where nothing was written
 */
export async function insertVersion(
  db: Database,
  record: VersionRecord,
  events: readonly [NewEvent, ...NewEvent[]],
  quota: number,
  audit: NewAuditRow,
): Promise<boolean> {
  const columns = getTableColumns(pluginVersions);
  const values = sql.join(
    Object.entries(columns).map(([field, column]) => {
      const value = record[field as keyof VersionRecord]; // the table's own fields
      return sql`${column.mapToDriverValue(value)}`;
    }),
    sql`, `,
  );
  const insert = db
    .insert(pluginVersions)
    .select(sql`SELECT ${values} WHERE ${countVersions(record.tenantId)} < ${quota}`)
    .onConflictDoNothing();
  const written = sql`EXISTS (SELECT 1 FROM ${pluginVersions} WHERE ${pluginVersions.id} = ${record.id})`;
  const results = await db.batch([
    insert,
    recordEventsWhere(db, events, written),
    upsertPlugin(db, record, eventRecorded(events[0].id)),
    recordAudit(db, [audit], eventRecorded(events[0].id)),
  ]);
  return results[1].length === events.length;
}

/** The listing takes its texts from the version uploaded last. */
function upsertPlugin(db: Database, { tenantId, pluginId, manifest, createdAt }: VersionRecord, guard: SQL) {
  const { name, description, type, category } = manifest;
  const values = sql.join([tenantId, pluginId, name, description, type, category, createdAt, createdAt], sql`, `);
  return db
    .insert(plugins)
    .select(sql`SELECT ${values} WHERE ${guard}`)
    .onConflictDoUpdate({
      target: [plugins.tenantId, plugins.id],
      set: { name, description, type, category, updatedAt: createdAt },
    });
}

function countVersions(tenantId: string): SQL<number> {
  return sql<number>`(SELECT count(*) FROM ${pluginVersions} WHERE ${eq(pluginVersions.tenantId, tenantId)})`;
}
