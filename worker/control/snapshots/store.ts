import { and, eq, isNull, ne, sql, type SQL } from "drizzle-orm";
import type { DeploymentEnvironment } from "../../../sdk/contract/config/environments.ts";
import type { JsonObject } from "../../../sdk/contract/config/json-values.ts";
import type { Limits } from "../../../sdk/contract/limits.ts";
import type { Validation } from "../../../sdk/contract/payloads/validate-payload.ts";
import type { PluginParts } from "../../../sdk/contract/plugin-parts.ts";
import type { Database, Statement } from "../../db/client.ts";
import {
  apiKeys,
  members,
  pluginConfigurations,
  pluginInstances,
  pluginPermissions,
  pluginUpgrades,
  pluginVersions,
  plugins,
  tenants,
} from "../../db/schema.ts";
import { secretsIn } from "../config/configuration-record.ts";
import type { AskingManifest } from "../grants/rules.ts";
import type { SnapshotListing } from "../../execution/snapshot.ts";
import type { CanaryRecord, InstallRecord, TenantRecord, VersionFacts } from "../snapshot-rules.ts";

/** D1 side of the snapshot compiler: what it reads of a tenant, and the revision that every change must raise. */

/**
 * Marks the tenant's snapshot as outdated. Belongs in the batch of each change that execution must see; compileSnapshot
 * follows once the batch is committed.
 *
 * @param when  raise it only if this holds, for batches whose change is conditional
 */
export function bumpRevision(db: Database, tenantId: string, when?: SQL): Statement {
  return db
    .update(tenants)
    .set({ snapshotRevision: sql`${tenants.snapshotRevision} + 1` })
    .where(and(eq(tenants.id, tenantId), when));
}

/** @returns the tenant in one consistent read (one batch is one transaction), or undefined where there is none */
export async function readTenantRecord(
  db: Database,
  tenantId: string,
  environment: DeploymentEnvironment,
): Promise<TenantRecord | undefined> {
  const [tenantRows, installRows, grantRows, keyRows, memberRows, canaryRows] = await db.batch([
    db.select().from(tenants).where(eq(tenants.id, tenantId)),
    selectInstalls(db, tenantId, environment),
    selectGrants(db, tenantId),
    db
      .select({
        keyId: apiKeys.id,
        secretHash: apiKeys.secretHash,
        roles: apiKeys.roles,
        expiresAt: apiKeys.expiresAt,
        revokedAt: apiKeys.revokedAt,
      })
      .from(apiKeys)
      .where(and(eq(apiKeys.tenantId, tenantId), isNull(apiKeys.revokedAt))),
    db.select({ subject: members.subject, roles: members.roles }).from(members).where(eq(members.tenantId, tenantId)),
    selectCanaries(db, tenantId),
  ]);
  const tenant = tenantRows[0];
  if (!tenant) return undefined;
  const canaries = new Map(canaryRows.map((row) => [row.installId, row]));
  const grants = Map.groupBy(grantRows as GrantRow[], (row) => row.installId); // the column holds only names of the table
  return {
    id: tenant.id,
    plan: tenant.plan,
    status: tenant.status,
    revision: tenant.snapshotRevision,
    installs: installRows.map((row) => {
      const canary = canaries.get(row.installId);
      const record = installRecord(row, grants.get(row.installId) ?? [], environment);
      return canary ? { ...record, canary: canaryRecord(canary, record, environment) } : record;
    }),
    keys: keyRows,
    members: memberRows,
  };
}

/**
 * Manifests and module reports can be large, so only the few values needed leave the database. Column names must differ
 * from one another: a batch answers rows by name.
 */
function selectInstalls(db: Database, tenantId: string, environment: DeploymentEnvironment) {
  const { effective } = pluginConfigurations;
  return db
    .select({
      installId: pluginInstances.id,
      pluginId: pluginInstances.pluginId,
      state: sql<InstallRecord["state"]>`${pluginInstances.state}`.as("install_state"),
      config:
        sql<string>`coalesce(json_extract(${effective}, ${`$.${environment}`}), json_extract(${effective}, '$.default'), ${pluginInstances.config})`.as(
          "effective_config",
        ),
      configRevision: pluginInstances.configRevision,
      secrets: pluginConfigurations.secrets,
      limits: pluginInstances.limits,
      reuse: pluginInstances.reuse,
      persistVariables: pluginInstances.persistVariables,
      safeMode: sql<number>`${pluginInstances.safeMode} IS NOT NULL`.as("in_safe_mode"),
      generation: pluginInstances.generation,
      hooks: pluginInstances.hooks,
      fallback: pluginInstances.fallback,
      validate: pluginInstances.validate,
      updatedAt: pluginInstances.updatedAt,
      ...versionColumns(),
      described: describedWhere(sql`${pluginInstances.validate} <> 'off'`),
      listing:
        sql<string>`(SELECT json_object('ownerTenantId', tenant_id, 'name', name, 'description', description, 'type', type, 'category', category, 'createdAt', created_at, 'updatedAt', updated_at) FROM ${plugins} WHERE ${plugins.tenantId} = ${pluginVersions.tenantId} AND ${plugins.id} = ${pluginVersions.pluginId})`.as(
          "listing",
        ),
    })
    .from(pluginInstances)
    .innerJoin(pluginVersions, eq(pluginVersions.id, pluginInstances.versionId))
    .leftJoin(
      pluginConfigurations,
      and(
        eq(pluginConfigurations.installId, pluginInstances.id),
        eq(pluginConfigurations.revision, pluginInstances.configRevision),
      ),
    )
    .where(and(eq(pluginInstances.tenantId, tenantId), ne(pluginInstances.state, "uninstalled")));
}

/** Column names must differ from one another. */
function versionColumns() {
  return {
    version: pluginVersions.version,
    versionState: sql<InstallRecord["versionState"]>`${pluginVersions.state}`.as("version_state"),
    rewrittenDigest: pluginVersions.rewrittenDigest,
    rewriterVersion: pluginVersions.rewriterVersion,
    moduleBytes: sql<number>`json_extract(${pluginVersions.module}, '$.rewriting.bytes')`.as("module_bytes"),
    functions: sql<string>`json_extract(${pluginVersions.module}, '$.functions')`.as("functions"),
    suspends: sql<number>`json_extract(${pluginVersions.module}, '$.suspends')`.as("suspends"),
    streams: sql<number | null>`json_extract(${pluginVersions.module}, '$.streams')`.as("streams"),
    parts: sql<string | null>`json_extract(${pluginVersions.module}, '$.parts')`.as("parts"),
    manifestFunction: sql<string | null>`json_extract(${pluginVersions.manifest}, '$.defaultFunction')`.as(
      "manifest_function",
    ),
    manifestLimits: sql<string | null>`json_extract(${pluginVersions.manifest}, '$.limits')`.as("manifest_limits"),
    asking: manifestParts("permissions", "events", "services").as("asking"),
    offering: manifestParts("hooks", "middleware", "services", "api", "lifecycle", "webhooks").as("offering"),
  };
}

/** What the manifest says of functions can be large, so it is read only where calls are held against it. */
function describedWhere(condition: SQL): SQL.Aliased<string | null> {
  const functions = sql`json_extract(${pluginVersions.manifest}, '$.functions')`;
  const types = sql`json_extract(${pluginVersions.manifest}, '$.types')`;
  const both = sql`json_object('functions', ${functions}, 'types', ${types})`;
  return sql<string | null>`CASE WHEN ${condition} AND ${functions} IS NOT NULL THEN ${both} END`.as("described");
}

function manifestParts(...names: readonly string[]): SQL<string> {
  const parts = names.map(
    (name) => sql`${sql.raw(`'${name}'`)}, json_extract(${pluginVersions.manifest}, ${sql.raw(`'$.${name}'`)})`,
  );
  return sql<string>`json_object(${sql.join(parts, sql`, `)})`;
}

type GrantRow = InstallRecord["granted"][number] & { readonly installId: string };

/** Grants in force, of all the tenant's installs. */
function selectGrants(db: Database, tenantId: string) {
  return db
    .select({
      installId: pluginPermissions.installId,
      capability: pluginPermissions.capability,
      asked: pluginPermissions.asked,
      granted: pluginPermissions.granted,
    })
    .from(pluginPermissions)
    .where(and(eq(pluginPermissions.tenantId, tenantId), isNull(pluginPermissions.endedAt)));
}

function installRecord(
  row: Awaited<ReturnType<typeof selectInstalls>>[number],
  granted: InstallRecord["granted"],
  environment: DeploymentEnvironment,
): InstallRecord {
  const { parts: _text, described: _described, ...rest } = row;
  return {
    ...rest,
    ...versionFacts(row),
    safeMode: row.safeMode === 1,
    config: JSON.parse(row.config) as JsonObject, // written by the actions of configurations
    secrets: secretsIn({ secrets: row.secrets ?? {} }, environment),
    granted,
    listing: JSON.parse(row.listing) as SnapshotListing, // made by the statement
  };
}

/** Versions of running upgrades. */
function selectCanaries(db: Database, tenantId: string) {
  return db
    .select({
      installId: pluginUpgrades.installId,
      share: sql<number>`json_extract(${pluginUpgrades.steps}, '$[' || ${pluginUpgrades.step} || '].share')`.as(
        "share",
      ),
      salt: pluginUpgrades.salt,
      assignBy: pluginUpgrades.assignBy,
      effective: pluginUpgrades.effective,
      candidateSecrets: pluginUpgrades.secrets,
      ...versionColumns(),
      described: describedWhere(
        sql`EXISTS (SELECT 1 FROM ${pluginInstances} WHERE ${pluginInstances.id} = ${pluginUpgrades.installId} AND ${pluginInstances.validate} <> 'off')`,
      ),
    })
    .from(pluginUpgrades)
    .innerJoin(pluginVersions, eq(pluginVersions.id, pluginUpgrades.versionId))
    .where(and(eq(pluginUpgrades.tenantId, tenantId), eq(pluginUpgrades.state, "canary")));
}

function canaryRecord(
  row: Awaited<ReturnType<typeof selectCanaries>>[number],
  { configRevision }: InstallRecord,
  environment: DeploymentEnvironment,
): CanaryRecord {
  const { share, salt, assignBy, effective, candidateSecrets } = row;
  const config = effective && {
    config: effective[environment] ?? effective.default ?? {},
    secrets: secretsIn({ secrets: candidateSecrets ?? {} }, environment),
    configRevision: configRevision + 1,
  };
  return { share, salt, assignBy, facts: versionFacts(row), ...(config ? { config } : {}) };
}

type VersionRow = Pick<Awaited<ReturnType<typeof selectCanaries>>[number], keyof ReturnType<typeof versionColumns>>;

/** @returns what the version says, and of the row nothing else */
function versionFacts({ described, ...row }: VersionRow & { readonly described?: string | null }): VersionFacts {
  return {
    ...(described ? { described: describedOf(described) } : {}),
    version: row.version,
    versionState: row.versionState,
    rewrittenDigest: row.rewrittenDigest,
    rewriterVersion: row.rewriterVersion,
    moduleBytes: row.moduleBytes,
    ...(row.parts === null ? {} : { parts: JSON.parse(row.parts) as PluginParts }), // written by the upload
    asking: JSON.parse(row.asking) as AskingManifest, // validated on upload
    offering: JSON.parse(row.offering) as InstallRecord["offering"], // validated on upload
    functions: JSON.parse(row.functions) as string[], // written by the package inspector
    suspends: row.suspends === 1,
    streams: row.streams === 1,
    manifestFunction: row.manifestFunction ?? undefined,
    manifestLimits: row.manifestLimits === null ? {} : (JSON.parse(row.manifestLimits) as Partial<Limits>), // validated on upload
  };
}

function describedOf(text: string): Omit<Validation, "mode"> {
  const { functions, types } = JSON.parse(text) as Nullable<Validation, "types">; // validated on upload
  return types ? { functions, types } : { functions };
}

type Nullable<Whole, Name extends keyof Whole> = Omit<Whole, Name> & { readonly [Key in Name]: Whole[Key] | null };

/** What a version says, for a call that no snapshot knows of. */
export async function readVersionFacts(
  db: Database,
  versionIds: readonly string[],
): Promise<ReadonlyMap<string, VersionFacts>> {
  const rows = await db
    .select({ versionId: pluginVersions.id, ...versionColumns() })
    .from(pluginVersions)
    .where(sql`${pluginVersions.id} IN (SELECT value FROM json_each(${JSON.stringify(versionIds)}))`);
  return new Map(rows.map((row) => [row.versionId, versionFacts(row)]));
}

/** Revision of every tenant's state in D1, by tenant id. */
export async function readRevisions(db: Database): Promise<ReadonlyMap<string, number>> {
  const rows = await db.select({ id: tenants.id, revision: tenants.snapshotRevision }).from(tenants);
  return new Map(rows.map((row) => [row.id, row.revision]));
}
