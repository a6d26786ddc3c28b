import { and, eq, gt, gte, inArray, isNotNull, isNull, sql, type SQL } from "drizzle-orm";
import type { AnyColumn } from "drizzle-orm";
import type { Manifest } from "../../../sdk/contract/manifest.ts";
import type { ModuleSummary } from "../../../sdk/contract/package-report.ts";
import type { Database } from "../../db/client.ts";
import {
  apiKeys,
  capabilityUsage,
  installSecrets,
  pluginConfigurations,
  pluginEvents,
  pluginInstances,
  pluginPermissions,
  pluginVersions,
} from "../../db/schema.ts";
import type { SealedDocument } from "../config/configuration-record.ts";
import type { UsageSum } from "../grants/report-rules.ts";
import type { GrantRecord } from "../grants/rules.ts";
import type { ExpiryFact } from "./facts-record.ts";

/** What facts come from: a statement for all installs of a chunk, none for each. */

/** An install with its version and configuration. */
export interface AuditedInstall {
  readonly id: string;
  readonly tenantId: string;
  readonly pluginId: string;
  readonly ownerTenantId: string;
  readonly versionId: string;
  readonly state: string;
  readonly updatedAt: number;
  readonly version: string;
  readonly manifest: Manifest;
  readonly packageDigest: string;
  readonly moduleDigest: string;
  readonly rewrittenDigest: string;
  readonly parts: ModuleSummary["parts"];
  readonly linked: ModuleSummary["linked"];
  readonly yankedAt: number | null;
  readonly yankReason: string | null;
  readonly configRevision: number;
  readonly configuration: SealedDocument;
}

function within(column: AnyColumn, values: readonly string[]): SQL {
  return sql`${column} IN (SELECT value FROM json_each(${JSON.stringify(values)}))`;
}

/** Installs that were not removed. */
export async function listAudited(db: Database, tenantId: string, ids: readonly string[]): Promise<AuditedInstall[]> {
  const rows = await db
    .select({
      id: pluginInstances.id,
      tenantId: pluginInstances.tenantId,
      pluginId: pluginInstances.pluginId,
      ownerTenantId: pluginInstances.ownerTenantId,
      versionId: pluginInstances.versionId,
      state: pluginInstances.state,
      updatedAt: pluginInstances.updatedAt,
      version: pluginVersions.version,
      manifest: pluginVersions.manifest,
      packageDigest: pluginVersions.packageDigest,
      moduleDigest: pluginVersions.moduleDigest,
      rewrittenDigest: pluginVersions.rewrittenDigest,
      parts: sql<string | null>`json_extract(${pluginVersions.module}, '$.parts')`,
      linked: sql<string | null>`json_extract(${pluginVersions.module}, '$.linked')`,
      yankedAt: pluginVersions.yankedAt,
      yankReason: pluginVersions.yankReason,
      configRevision: pluginInstances.configRevision,
      config: pluginInstances.config,
      values: pluginConfigurations.values,
      secrets: pluginConfigurations.secrets,
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
    .where(
      and(
        eq(pluginInstances.tenantId, tenantId),
        within(pluginInstances.id, ids),
        sql`${pluginInstances.state} <> 'uninstalled'`,
      ),
    );
  return rows.map(({ config, values, secrets, parts, linked, ...row }) => ({
    ...row,
    parts: parts === null ? undefined : (JSON.parse(parts) as ModuleSummary["parts"]), // written by the upload
    linked: linked === null ? undefined : (JSON.parse(linked) as ModuleSummary["linked"]), // written by the upload
    configuration: { values: values ?? { default: config }, secrets: secrets ?? {} },
  }));
}

/** Grants in force, by install. */
export async function grantsOf(db: Database, tenantId: string, ids: readonly string[]) {
  const rows = await db
    .select({
      installId: pluginPermissions.installId,
      id: pluginPermissions.id,
      capability: pluginPermissions.capability,
      version: pluginPermissions.version,
      asked: pluginPermissions.asked,
      granted: pluginPermissions.granted,
      grantedBy: pluginPermissions.grantedBy,
      grantedAt: pluginPermissions.grantedAt,
    })
    .from(pluginPermissions)
    .where(
      and(
        eq(pluginPermissions.tenantId, tenantId),
        within(pluginPermissions.installId, ids),
        isNull(pluginPermissions.endedAt),
      ),
    );
  return Map.groupBy(rows as (GrantRecord & { readonly installId: string })[], ({ installId }) => installId); // the column holds only names of the table
}

/** What the installs used from a day on, by install. @param day  days since the epoch */
export async function usageOf(db: Database, tenantId: string, ids: readonly string[], day: number) {
  const rows = await db
    .select({
      installId: capabilityUsage.installId,
      capability: capabilityUsage.capability,
      scope: capabilityUsage.scope,
      executions: sql<number>`sum(${capabilityUsage.executions})`,
      calls: sql<number>`sum(${capabilityUsage.calls})`,
      refused: sql<number>`sum(${capabilityUsage.refused})`,
      bytes: sql<number>`sum(${capabilityUsage.bytes})`,
      peakCalls: sql<number>`max(${capabilityUsage.peakCalls})`,
      peakBytes: sql<number>`max(${capabilityUsage.peakBytes})`,
      lastUsedAt: sql<number>`max(${capabilityUsage.lastUsedAt})`,
    })
    .from(capabilityUsage)
    .where(
      and(
        eq(capabilityUsage.tenantId, tenantId),
        within(capabilityUsage.installId, ids),
        gte(capabilityUsage.day, day),
      ),
    )
    .groupBy(capabilityUsage.installId, capabilityUsage.capability, capabilityUsage.scope);
  return Map.groupBy(rows as (UsageSum & { readonly installId: string })[], ({ installId }) => installId); // as above
}

/** How often breakers opened since a time, by plugin. The type stands in the text, as the index has it. */
export async function breakersOpened(db: Database, tenantId: string, since: number): Promise<Map<string, number>> {
  const rows = await db
    .select({ pluginId: pluginEvents.pluginId, opened: sql<number>`count(*)` })
    .from(pluginEvents)
    .where(
      and(eq(pluginEvents.tenantId, tenantId), sql.raw("type = 'breaker.opened'"), gt(pluginEvents.createdAt, since)),
    )
    .groupBy(pluginEvents.pluginId);
  return new Map(rows.map(({ pluginId, opened }) => [pluginId, opened]));
}

export interface InstalledVersion {
  readonly pluginId: string;
  readonly version: string;
  readonly yankedAt: number | null;
}

/** What a tenant has installed of some plugins. */
export async function installedVersions(
  db: Database,
  tenantId: string,
  pluginIds: readonly string[],
): Promise<InstalledVersion[]> {
  return db
    .select({
      pluginId: pluginInstances.pluginId,
      version: pluginVersions.version,
      yankedAt: pluginVersions.yankedAt,
    })
    .from(pluginInstances)
    .innerJoin(pluginVersions, eq(pluginVersions.id, pluginInstances.versionId))
    .where(
      and(
        eq(pluginInstances.tenantId, tenantId),
        within(pluginInstances.pluginId, pluginIds),
        sql`${pluginInstances.state} <> 'uninstalled'`,
      ),
    );
}

/** Secrets of webhooks that were replaced, with the time until which they sign, by install. @param signsFor  milliseconds */
export async function replacedSecretsOf(
  db: Database,
  tenantId: string,
  ids: readonly string[],
  signsFor: number,
): Promise<ReadonlyMap<string, readonly ExpiryFact[]>> {
  const rows = await db
    .select({ installId: installSecrets.installId, updatedAt: installSecrets.updatedAt })
    .from(installSecrets)
    .where(
      and(
        eq(installSecrets.tenantId, tenantId),
        within(installSecrets.installId, ids),
        inArray(installSecrets.kind, ["webhook-signing"]),
        gt(installSecrets.revision, 1), // the first replaced none
      ),
    );
  return new Map(
    rows.map(({ installId, updatedAt }) => [
      installId,
      [{ id: "webhook-signing", name: "", expiresAt: updatedAt + signsFor }],
    ]),
  );
}

/** API keys of a tenant that are in force and expire. */
export async function expiringKeys(db: Database, tenantId: string): Promise<ExpiryFact[]> {
  const rows = await db
    .select({ id: apiKeys.id, name: apiKeys.name, expiresAt: apiKeys.expiresAt })
    .from(apiKeys)
    .where(and(eq(apiKeys.tenantId, tenantId), isNull(apiKeys.revokedAt), isNotNull(apiKeys.expiresAt)));
  return rows.flatMap(({ expiresAt, ...key }) => (expiresAt === null ? [] : [{ ...key, expiresAt }]));
}
