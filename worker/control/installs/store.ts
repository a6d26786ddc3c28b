import { and, eq, ne, sql, type SQL } from "drizzle-orm";
import type { Plan } from "../../../sdk/contract/plans.ts";
import type { Database, Statement } from "../../db/client.ts";
import { pluginConfigurations, pluginInstances, pluginVersions, tenants } from "../../db/schema.ts";
import { eventRecorded, recordEventsWhere, type NewEvent } from "../events/store.ts";
import { bumpRevision } from "../snapshots/store.ts";
import { chooseDefaultFunction } from "../snapshot-rules.ts";
import type { Install, InstallChange } from "./schema.ts";
import type { StandIn } from "./stand-in-rules.ts";

/** @returns the install, removed ones included, or undefined where the tenant never installed the plugin */
export async function getInstall(db: Database, tenantId: string, pluginId: string): Promise<Install | undefined> {
  const rows = await db
    .select({
      id: pluginInstances.id,
      tenantId: pluginInstances.tenantId,
      pluginId: pluginInstances.pluginId,
      ownerTenantId: pluginInstances.ownerTenantId,
      versionId: pluginInstances.versionId,
      version: pluginVersions.version,
      state: pluginInstances.state,
      config: pluginInstances.config,
      configRevision: pluginInstances.configRevision,
      values: pluginConfigurations.values,
      secrets: pluginConfigurations.secrets,
      limits: pluginInstances.limits,
      reuse: pluginInstances.reuse,
      persistVariables: pluginInstances.persistVariables,
      safeMode: pluginInstances.safeMode,
      generation: pluginInstances.generation,
      hooks: pluginInstances.hooks,
      fallback: pluginInstances.fallback,
      validate: pluginInstances.validate,
      installedBy: pluginInstances.installedBy,
      createdAt: pluginInstances.createdAt,
      updatedAt: pluginInstances.updatedAt,
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
    .where(and(eq(pluginInstances.tenantId, tenantId), eq(pluginInstances.pluginId, pluginId)));
  const [row] = rows;
  if (!row) return undefined;
  const { config, values, secrets, ...install } = row;
  return { ...install, configuration: { values: values ?? { default: config }, secrets: secrets ?? {} } };
}

/** The tenant's installs, as others may name them to stand in for something. */
export async function listStandIns(db: Database, tenantId: string): Promise<StandIn[]> {
  const rows = await db
    .select({
      pluginId: pluginInstances.pluginId,
      hooks: pluginInstances.hooks,
      fallback: pluginInstances.fallback,
      functions: sql<string>`json_extract(${pluginVersions.module}, '$.functions')`,
      manifestFunction: sql<string | null>`json_extract(${pluginVersions.manifest}, '$.defaultFunction')`,
    })
    .from(pluginInstances)
    .innerJoin(pluginVersions, eq(pluginVersions.id, pluginInstances.versionId))
    .where(and(eq(pluginInstances.tenantId, tenantId), ne(pluginInstances.state, "uninstalled")));
  return rows.map(({ manifestFunction, functions: text, ...row }) => {
    const functions = JSON.parse(text) as string[]; // written by the package inspector
    return { ...row, functions, defaultFunction: chooseDefaultFunction(manifestFunction ?? undefined, functions) };
  });
}

/** Hooks that a version attaches to. */
export async function listHookNames(db: Database, versionId: string): Promise<string[]> {
  const rows = await db.all<{ name: string }>(
    sql`SELECT DISTINCT json_extract(h.value, '$.name') AS name FROM ${pluginVersions}, json_each(${pluginVersions.manifest}, '$.hooks') AS h WHERE ${pluginVersions.id} = ${versionId} ORDER BY name`,
  );
  return rows.map(({ name }) => name);
}

/** What the tenant's plan says, and how many installs it has; undefined where there is no such tenant. */
export async function getAllowance(
  db: Database,
  tenantId: string,
): Promise<{ readonly plan: Plan; readonly installs: number } | undefined> {
  const rows = await db
    .select({ plan: tenants.plan, installs: countInstalls(tenantId) })
    .from(tenants)
    .where(eq(tenants.id, tenantId));
  return rows[0];
}

/** Events of one change, oldest first; the first is the proof that the change happened. */
export type Events = readonly [NewEvent, ...NewEvent[]];

/** Statements of the same batch, each with the condition that holds only where the change happened. */
export type Further = (happened: SQL) => readonly Statement[];

/**
 * Writes a new install with its events, unless the tenant has the plugin already or its plan allows no more.
 *
 * @param quota    installs that the plan allows
 * @param further  what else the batch writes
 * @returns false where nothing was written, because somebody else was faster
 */
export async function insertInstall(
  db: Database,
  install: Install,
  events: Events,
  quota: number,
  further: Further = () => [],
): Promise<boolean> {
  const values = sql.join(
    [
      install.id,
      install.tenantId,
      install.pluginId,
      install.ownerTenantId,
      install.versionId,
      install.state,
      JSON.stringify({}),
      install.configRevision,
      JSON.stringify(install.limits),
      install.reuse,
      install.persistVariables ? 1 : 0,
      null, // safe mode
      install.generation,
      JSON.stringify(install.hooks),
      install.fallback && JSON.stringify(install.fallback),
      install.validate,
      install.installedBy,
      install.createdAt,
      install.updatedAt,
    ].map((value) => sql`${value}`),
    sql`, `,
  );
  const insert = db
    .insert(pluginInstances)
    .select(sql`SELECT ${values} WHERE ${countInstalls(install.tenantId)} < ${quota}`)
    .onConflictDoNothing();
  const written = sql`EXISTS (SELECT 1 FROM ${pluginInstances} WHERE ${pluginInstances.id} = ${install.id})`;
  const claim = recordEventsWhere(db, events, written);
  const happened = eventRecorded(events[0].id);
  const bump = bumpRevision(db, install.tenantId, happened);
  const results = await db.batch([insert, claim, ...further(happened), bump]);
  return results[1].length === events.length;
}

/**
 * Changes an install with its events, unless it changed since it was read.
 *
 * @param known    the install as read
 * @param now      milliseconds since the epoch
 * @param quota    given where the change adds to the tenant's installs: how many the plan allows
 * @param further  what else the batch writes
 * @returns false where nothing was written, because somebody else was faster
 */
export async function changeInstall(
  db: Database,
  known: Install,
  change: {
    readonly set: InstallChange;
    readonly events: Events;
    readonly now: number;
    readonly quota?: number;
    readonly further?: Further | undefined;
  },
): Promise<boolean> {
  const { set, events, now, quota, further = () => [] } = change;
  const unchanged = sql`EXISTS (SELECT 1 FROM ${pluginInstances} WHERE ${pluginInstances.id} = ${known.id} AND ${pluginInstances.state} = ${known.state} AND ${pluginInstances.updatedAt} = ${known.updatedAt})`;
  const guard = quota === undefined ? unchanged : sql`${unchanged} AND ${countInstalls(known.tenantId)} < ${quota}`;
  const proof = eventRecorded(events[0].id);
  const claim = recordEventsWhere(db, events, guard);
  const update = db
    .update(pluginInstances)
    .set({ ...set, updatedAt: Math.max(now, known.updatedAt + 1) })
    .where(and(eq(pluginInstances.id, known.id), proof));
  const bump = bumpRevision(db, known.tenantId, proof);
  const results = await db.batch([claim, update, ...further(proof), bump]);
  return results[0].length === events.length;
}

function countInstalls(tenantId: string): SQL<number> {
  return sql<number>`(SELECT count(*) FROM ${pluginInstances} WHERE ${and(eq(pluginInstances.tenantId, tenantId), ne(pluginInstances.state, "uninstalled"))})`;
}
