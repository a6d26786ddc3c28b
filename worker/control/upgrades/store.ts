import { and, asc, desc, eq, inArray, isNotNull, lt, ne, or, sql, type SQL } from "drizzle-orm";
import { ERRORS, type ErrorCode } from "../../../sdk/contract/errors.ts";
import type { Grants } from "../../../sdk/contract/grants.ts";
import type { Database, Statement } from "../../db/client.ts";
import {
  pluginExecutions,
  pluginInstances,
  pluginKeptVersions,
  pluginUpgrades,
  updatePolicies,
} from "../../db/schema.ts";
import type { ExecutionRecord } from "../../execution/settle.ts";
import type { InstallScope } from "../grants/store.ts";
import { DEFAULT_POLICY, type UpdatePolicy, type Upgrade, type UpgradeState } from "./upgrade-record.ts";

/** Versions kept of an install beside the one that runs, the last left first. */
export const VERSIONS_KEPT = 10;

function ofInstall({ tenantId, installId }: InstallScope): SQL | undefined {
  return and(eq(pluginUpgrades.tenantId, tenantId), eq(pluginUpgrades.installId, installId));
}

/** The install's last upgrade, running or not. */
export async function getLastUpgrade(db: Database, scope: InstallScope): Promise<Upgrade | undefined> {
  const rows = await db.select().from(pluginUpgrades).where(ofInstall(scope)).orderBy(desc(pluginUpgrades.id)).limit(1);
  return rows[0];
}

export async function getRunningUpgrade(db: Database, scope: InstallScope): Promise<Upgrade | undefined> {
  const rows = await db
    .select()
    .from(pluginUpgrades)
    .where(and(ofInstall(scope), eq(pluginUpgrades.state, "canary")));
  return rows[0];
}

/** Running upgrades that wait the longest for a decision. */
export async function listRunningUpgrades(db: Database, limit: number): Promise<Upgrade[]> {
  return db
    .select()
    .from(pluginUpgrades)
    .where(eq(pluginUpgrades.state, "canary"))
    .orderBy(asc(pluginUpgrades.stepStartedAt))
    .limit(limit);
}

/** Versions that did not prove themselves at the install. */
export async function listFailedVersions(db: Database, scope: InstallScope): Promise<ReadonlySet<string>> {
  const [tried, left] = await db.batch([
    db
      .selectDistinct({ version: pluginUpgrades.version })
      .from(pluginUpgrades)
      .where(and(ofInstall(scope), inArray(pluginUpgrades.state, ["refused", "returned", "aborted"]))),
    db
      .select({ version: pluginKeptVersions.version })
      .from(pluginKeptVersions)
      .where(and(keptOf(scope), eq(pluginKeptVersions.rolledBack, true))),
  ]);
  return new Set([...tried, ...left].map(({ version }) => version));
}

function keptOf({ tenantId, installId }: InstallScope): SQL | undefined {
  return and(eq(pluginKeptVersions.tenantId, tenantId), eq(pluginKeptVersions.installId, installId));
}

export function insertUpgrade(db: Database, upgrade: Upgrade, when: SQL): Statement {
  const json = JSON.stringify({ ...upgrade, forced: upgrade.forced ? 1 : 0 });
  const fields = [
    "id",
    "tenantId",
    "installId",
    "pluginId",
    "fromVersion",
    "version",
    "versionId",
    "state",
    "reason",
    "forced",
    "gate",
    "steps",
    "step",
    "stepStartedAt",
    "assignBy",
    "salt",
    "candidateCalls",
    "candidateFaults",
    "incumbentCalls",
    "incumbentFaults",
    "effective",
    "secrets",
    "startedBy",
    "startedAt",
    "endedAt",
    "storageSegments",
  ] as const satisfies readonly (keyof Upgrade)[];
  const values = fields.map((field) => sql.raw(`json_extract(value, '$.${field}')`));
  return db
    .insert(pluginUpgrades)
    .select(sql`SELECT ${sql.join(values, sql`, `)} FROM json_each(${`[${json}]`}) WHERE ${when}`);
}

/** The last upgrade from a version of which storage is kept. */
export async function findKeptStorage(
  db: Database,
  scope: InstallScope,
  fromVersion: string,
): Promise<{ readonly upgradeId: string; readonly segments: number } | undefined> {
  const rows = await db
    .select({ upgradeId: pluginUpgrades.id, segments: pluginUpgrades.storageSegments })
    .from(pluginUpgrades)
    .where(
      and(ofInstall(scope), eq(pluginUpgrades.fromVersion, fromVersion), isNotNull(pluginUpgrades.storageSegments)),
    )
    .orderBy(desc(pluginUpgrades.id))
    .limit(1);
  const [row] = rows;
  return row && { upgradeId: row.upgradeId, segments: row.segments ?? 0 };
}

/** Upgrades whose kept storage is to go: begun before a time, or of installs that were removed. */
export async function listOutlivedStorage(db: Database, before: number, limit: number) {
  const isInstalled = sql`EXISTS (SELECT 1 FROM ${pluginInstances} WHERE ${pluginInstances.id} = ${pluginUpgrades.installId} AND ${pluginInstances.state} <> 'uninstalled')`;
  const { id: upgradeId, tenantId, installId, storageSegments } = pluginUpgrades;
  return db
    .select({ upgradeId, tenantId, installId, segments: storageSegments })
    .from(pluginUpgrades)
    .where(and(isNotNull(storageSegments), or(lt(pluginUpgrades.startedAt, before), sql`NOT ${isInstalled}`)))
    .limit(limit);
}

export async function markStorageForgotten(db: Database, upgradeId: string): Promise<void> {
  await db.update(pluginUpgrades).set({ storageSegments: null }).where(eq(pluginUpgrades.id, upgradeId));
}

/** Ends a running upgrade. */
export function endUpgrade(
  db: Database,
  id: string,
  end: { readonly state: Exclude<UpgradeState, "canary">; readonly reason: string | null; readonly at: number },
  when: SQL,
): Statement {
  return db
    .update(pluginUpgrades)
    .set({ state: end.state, reason: end.reason, endedAt: end.at })
    .where(and(eq(pluginUpgrades.id, id), eq(pluginUpgrades.state, "canary"), when));
}

/** Ends whatever upgrade of an install runs, because the install is removed. */
export function endUpgradeOf(db: Database, scope: InstallScope, at: number, when: SQL): Statement {
  return db
    .update(pluginUpgrades)
    .set({ state: "aborted", reason: "The install was removed.", endedAt: at })
    .where(and(ofInstall(scope), eq(pluginUpgrades.state, "canary"), when));
}

/** Notes that an install left the version that its last upgrade had brought. */
export function markRolledBack(
  db: Database,
  scope: InstallScope,
  version: string,
  reason: string | null,
  when: SQL,
): Statement {
  return db
    .update(pluginUpgrades)
    .set({ state: "rolled-back", reason })
    .where(and(ofInstall(scope), eq(pluginUpgrades.version, version), eq(pluginUpgrades.state, "promoted"), when));
}

/** The next step begins, with nothing counted yet. */
export function beginStep(db: Database, { id, step }: Pick<Upgrade, "id" | "step">, now: number, when: SQL): Statement {
  return db
    .update(pluginUpgrades)
    .set({
      step: step + 1,
      stepStartedAt: now,
      candidateCalls: 0,
      candidateFaults: 0,
      incumbentCalls: 0,
      incumbentFaults: 0,
    })
    .where(and(eq(pluginUpgrades.id, id), eq(pluginUpgrades.step, step), when));
}

/** True while the upgrade is at this step; the condition of whatever moves it on. */
export function isAtStep({ id, step }: Pick<Upgrade, "id" | "step">): SQL {
  return sql`EXISTS (SELECT 1 FROM ${pluginUpgrades} WHERE ${pluginUpgrades.id} = ${id} AND ${pluginUpgrades.state} = 'canary' AND ${pluginUpgrades.step} = ${step})`;
}

const TRIPPING = (Object.keys(ERRORS) as ErrorCode[]).filter((code) => ERRORS[code].trips); // Object.keys loses the key type

/**
 * Adds calls to the counts of running upgrades, candidate and installed version apart.
 *
 * @returns a statement that answers the upgrades that were added to
 */
export function countCanaryCalls(db: Database, records: readonly ExecutionRecord[], when: SQL) {
  const counted = [...Map.groupBy(records, ({ installId, version }) => JSON.stringify([installId, version])).values()];
  const calls = counted.map((group) => ({
    installId: group[0]?.installId,
    version: group[0]?.version,
    calls: group.length,
    faults: group.filter(({ errorCode }) => TRIPPING.some((code) => code === errorCode)).length,
  }));
  const json = JSON.stringify(calls);
  const sum = (field: "calls" | "faults", column: "version" | "from_version"): SQL =>
    sql`coalesce((SELECT sum(json_extract(value, ${`$.${field}`})) FROM json_each(${json}) WHERE json_extract(value, '$.installId') = ${pluginUpgrades.installId} AND json_extract(value, '$.version') = ${sql.raw(column)}), 0)`;
  return db
    .update(pluginUpgrades)
    .set({
      candidateCalls: sql`${pluginUpgrades.candidateCalls} + ${sum("calls", "version")}`,
      candidateFaults: sql`${pluginUpgrades.candidateFaults} + ${sum("faults", "version")}`,
      incumbentCalls: sql`${pluginUpgrades.incumbentCalls} + ${sum("calls", "from_version")}`,
      incumbentFaults: sql`${pluginUpgrades.incumbentFaults} + ${sum("faults", "from_version")}`,
    })
    .where(
      and(
        eq(pluginUpgrades.state, "canary"),
        sql`${pluginUpgrades.installId} IN (SELECT json_extract(value, '$.installId') FROM json_each(${json}))`,
        when,
      ),
    )
    .returning();
}

/** A version that an install had. */
export interface KeptVersion {
  readonly versionId: string;
  readonly version: string;
  readonly grants: Grants;
  readonly carried: Grants;
  readonly leftAt: number;
}

/** Versions that the install had, the last left first. */
export async function listKeptVersions(db: Database, scope: InstallScope): Promise<KeptVersion[]> {
  return db
    .select({
      versionId: pluginKeptVersions.versionId,
      version: pluginKeptVersions.version,
      grants: pluginKeptVersions.grants,
      carried: pluginKeptVersions.carried,
      leftAt: pluginKeptVersions.leftAt,
    })
    .from(pluginKeptVersions)
    .where(keptOf(scope))
    .orderBy(desc(pluginKeptVersions.leftAt))
    .limit(VERSIONS_KEPT);
}

/** Keeps the version that an install leaves, and forgets those left before the last {@link VERSIONS_KEPT}. */
export function keepVersion(
  db: Database,
  { tenantId, installId }: InstallScope,
  kept: KeptVersion & { readonly rolledBack: boolean },
  when: SQL,
): Statement[] {
  const { versionId, version, leftAt, rolledBack } = kept;
  const [grants, carried] = [JSON.stringify(kept.grants), JSON.stringify(kept.carried)];
  return [
    db
      .insert(pluginKeptVersions)
      .select(
        sql`SELECT ${tenantId}, ${installId}, ${versionId}, ${version}, ${grants}, ${carried}, ${rolledBack ? 1 : 0}, ${leftAt} WHERE ${when}`,
      )
      .onConflictDoUpdate({
        target: [pluginKeptVersions.tenantId, pluginKeptVersions.installId, pluginKeptVersions.versionId],
        set: { grants: kept.grants, carried: kept.carried, leftAt, rolledBack },
      }),
    db
      .delete(pluginKeptVersions)
      .where(
        and(
          keptOf({ tenantId, installId }),
          lt(
            pluginKeptVersions.leftAt,
            sql`(SELECT left_at FROM ${pluginKeptVersions} WHERE tenant_id = ${tenantId} AND install_id = ${installId} ORDER BY left_at DESC LIMIT 1 OFFSET ${VERSIONS_KEPT - 1})`,
          ),
          when,
        ),
      ),
  ];
}

export async function getPolicy(db: Database, { tenantId, installId }: InstallScope): Promise<UpdatePolicy> {
  const { policy, channel, pinned } = updatePolicies;
  const rows = await db
    .select({ policy, channel, pinned })
    .from(updatePolicies)
    .where(and(eq(updatePolicies.tenantId, tenantId), eq(updatePolicies.installId, installId)));
  return rows[0] ?? DEFAULT_POLICY;
}

export function setPolicy(
  db: Database,
  scope: InstallScope & { readonly pluginId: string },
  policy: UpdatePolicy,
  by: { readonly updatedBy: string; readonly updatedAt: number },
): Statement {
  const set = { ...policy, ...by };
  return db
    .insert(updatePolicies)
    .values({ ...scope, ...set, checkedAt: 0 })
    .onConflictDoUpdate({ target: [updatePolicies.tenantId, updatePolicies.installId], set: { ...set, checkedAt: 0 } });
}

export interface DuePolicy extends UpdatePolicy {
  readonly tenantId: string;
  readonly installId: string;
  readonly pluginId: string;
}

/** Policies of installs that run, those looked at the longest ago first, marked as looked at. */
export async function takeDuePolicies(db: Database, before: number, now: number, limit: number): Promise<DuePolicy[]> {
  const due = db
    .select({ installId: updatePolicies.installId })
    .from(updatePolicies)
    .innerJoin(pluginInstances, eq(pluginInstances.id, updatePolicies.installId))
    .where(
      and(
        ne(updatePolicies.policy, "none"),
        eq(updatePolicies.pinned, false),
        lt(updatePolicies.checkedAt, before),
        eq(pluginInstances.state, "active"),
      ),
    )
    .orderBy(asc(updatePolicies.checkedAt))
    .limit(limit);
  const { tenantId, installId, pluginId, policy, channel, pinned } = updatePolicies;
  return db
    .update(updatePolicies)
    .set({ checkedAt: now })
    .where(inArray(updatePolicies.installId, due))
    .returning({ tenantId, installId, pluginId, policy, channel, pinned });
}

/** Recorded calls of one version of an install, newest first. */
export async function listRecordedCalls(
  db: Database,
  { tenantId, installId }: InstallScope,
  version: string,
  recorded: "failure" | "sample",
  limit: number,
): Promise<string[]> {
  const rows = await db
    .select({ id: pluginExecutions.id })
    .from(pluginExecutions)
    .where(
      and(
        eq(pluginExecutions.tenantId, tenantId),
        eq(pluginExecutions.installId, installId),
        eq(pluginExecutions.version, version),
        isNotNull(pluginExecutions.recorded), // lets the index be used
        eq(pluginExecutions.recorded, recorded),
      ),
    )
    .orderBy(desc(pluginExecutions.id))
    .limit(limit);
  return rows.map(({ id }) => id);
}

/** Whether another install of the tenant needs the plugin, by its id or by one of the services that it provides. */
export async function hasDependents(
  db: Database,
  tenantId: string,
  pluginId: string,
  services: readonly string[],
): Promise<boolean> {
  const needing = await db.all(
    sql`SELECT 1 FROM plugin_instances i JOIN plugin_versions v ON v.id = i.version_id
      WHERE i.tenant_id = ${tenantId} AND i.plugin_id <> ${pluginId} AND i.state <> 'uninstalled' AND (
        EXISTS (SELECT 1 FROM json_each(v.manifest, '$.dependencies') WHERE key = ${pluginId}) OR
        EXISTS (SELECT 1 FROM json_each(v.manifest, '$.services.requires')
          WHERE NOT value ->> 'optional' AND value ->> 'name' IN (SELECT value FROM json_each(${JSON.stringify(services)}))))
      LIMIT 1`,
  );
  return needing.length > 0;
}
