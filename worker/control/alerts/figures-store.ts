import { and, eq, gt, inArray, sql, type SQL } from "drizzle-orm";
import type { Database } from "../../db/client.ts";
import { pluginExecutions, pluginInstances, tenants } from "../../db/schema.ts";
import { NOTHING, type ExecutionFigures } from "./condition-rules.ts";

/** Plugins of all tenants together that one look at a window tells of. */
const GROUPS = 10_000;

export interface TenantFigures extends ExecutionFigures {
  readonly tenantId: string;
}

/**
 * The executions of a window, by tenant and plugin, and with an empty plugin those of each tenant together: one query,
 * whatever the number of tenants and rules.
 *
 * @param since  milliseconds since the epoch
 * @param p95    whether to sort durations, which costs the most
 */
export async function executionFigures(
  db: Database,
  since: number,
  { p95, findings }: { readonly p95: boolean; readonly findings: boolean },
): Promise<TenantFigures[]> {
  const within = sql`FROM ${pluginExecutions} WHERE ${gt(pluginExecutions.startedAt, since)}`;
  const rows = await db.all<TenantFigures>(
    sql`${sums("plugin_id")} ${within} GROUP BY tenant_id, plugin_id UNION ALL ${sums("''")} ${within} GROUP BY tenant_id LIMIT ${GROUPS}`,
  );
  const counted = findings ? await withFindings(db, rows) : rows;
  if (!p95) return counted;
  const ranked = (plugin: string) =>
    sql`SELECT tenant_id, ${sql.raw(plugin)} AS plugin, duration_ms, row_number() OVER (PARTITION BY tenant_id, ${sql.raw(plugin)} ORDER BY duration_ms) AS place, count(*) OVER (PARTITION BY tenant_id, ${sql.raw(plugin)}) AS size ${within}`;
  // Nearest rank: the smallest duration that 95 % of the executions do not exceed.
  const nearest = (plugin: string) =>
    sql`SELECT tenant_id AS tenantId, plugin AS pluginId, duration_ms AS p95 FROM (${ranked(plugin)}) WHERE place = (size * 95 + 99) / 100`;
  const latencies = await db.all<{ tenantId: string; pluginId: string; p95: number }>(
    sql`${nearest("plugin_id")} UNION ALL ${nearest("''")} LIMIT ${GROUPS}`,
  );
  const byScope = new Map(latencies.map((row) => [`${row.tenantId} ${row.pluginId}`, row.p95]));
  return counted.map((row) => ({ ...row, p95: byScope.get(`${row.tenantId} ${row.pluginId}`) ?? 0 }));
}

/** The figures with the open findings of audits, also of plugins without executions. */
async function withFindings(db: Database, rows: readonly TenantFigures[]): Promise<TenantFigures[]> {
  const found = await db.all<Pick<TenantFigures, "tenantId" | "pluginId" | "openFindings">>(
    sql`${openFindings("plugin_id")} AND plugin_id <> '' GROUP BY tenant_id, plugin_id UNION ALL ${openFindings("''")} GROUP BY tenant_id LIMIT ${GROUPS}`,
  );
  const byScope = new Map(rows.map((row) => [`${row.tenantId} ${row.pluginId}`, row]));
  for (const row of found) {
    const key = `${row.tenantId} ${row.pluginId}`;
    byScope.set(key, { ...NOTHING, ...byScope.get(key), ...row });
  }
  return [...byScope.values()];
}

function openFindings(plugin: string): SQL {
  return sql.raw(
    `SELECT tenant_id AS tenantId, ${plugin} AS pluginId, count(*) AS openFindings FROM audit_findings WHERE state = 'open'`,
  );
}

function sums(plugin: string): SQL {
  return sql.raw(
    `SELECT tenant_id AS tenantId, ${plugin} AS pluginId, count(*) AS executions, sum(status = 'failed') AS failed, sum(fuel) AS fuel, max(memory_bytes) AS memoryPeak, sum(host_calls) AS hostCalls, 0 AS openFindings`,
  );
}

/** Plugins that active tenants run, by tenant: some may have done nothing, which a rule may be about. */
export async function listWatched(db: Database, tenantIds: readonly string[]): Promise<Map<string, string[]>> {
  if (tenantIds.length === 0) return new Map();
  const rows = await db
    .select({ tenantId: pluginInstances.tenantId, pluginId: pluginInstances.pluginId })
    .from(pluginInstances)
    .innerJoin(tenants, eq(tenants.id, pluginInstances.tenantId))
    .where(
      and(
        sql`${pluginInstances.tenantId} IN (SELECT value FROM json_each(${JSON.stringify(tenantIds)}))`,
        inArray(pluginInstances.state, ["active", "error"]),
      ),
    )
    .limit(GROUPS);
  const byTenant = Map.groupBy(rows, ({ tenantId }) => tenantId);
  return new Map([...byTenant].map(([tenantId, list]) => [tenantId, list.map(({ pluginId }) => pluginId)]));
}
