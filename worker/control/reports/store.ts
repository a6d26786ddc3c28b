import { sql, type SQL } from "drizzle-orm";
import { PLANS, type Plan } from "../../../sdk/contract/plans.ts";
import type { Database } from "../../db/client.ts";
import { RULES, SILENCES } from "../alerts/limit-rules.ts";
import { getChainState, verifySeals } from "../audit-log/chain-store.ts";
import { EMAILS } from "../alerts/mail-rules.ts";
import { DAY_MS, RETENTION } from "../retention-rules.ts";
import { WEBHOOKS } from "../webhooks/rules.ts";
import type { ReportScope, Row, SectionName } from "./report-record.ts";
import { withTrends } from "./trend-rules.ts";

/** Rows of one section. */
export const SECTION_ROWS = 500;
/** Executions that percentiles are made of. */
const EXECUTIONS = 100_000;

/** Rows of the audit log whose chain a report checks. */
const CHAIN_ROWS = 5_000;

type Query = (db: Database, scope: ReportScope) => Promise<Row[]>;

const rows =
  (text: (scope: ReportScope) => SQL): Query =>
  (db, scope) =>
    db.all<Row>(sql`${text(scope)} LIMIT ${SECTION_ROWS + 1}`);

const logged = ({ tenantId, from, to }: ReportScope): SQL =>
  sql`FROM audit_log WHERE tenant_id = ${tenantId} AND at >= ${from} AND at < ${to}`;
const days = ({ from, to }: ReportScope): SQL =>
  sql`day BETWEEN ${Math.floor(from / DAY_MS)} AND ${Math.floor((to - 1) / DAY_MS)}`;

/** What each section of {@link REPORTS} holds: one query, and always of the one tenant. */
export const SECTION_QUERIES: Readonly<Record<SectionName, Query>> = {
  actions: rows(
    (scope) =>
      sql`SELECT action, count(*) AS count, count(DISTINCT subject) AS subjects, min(at) AS firstAt, max(at) AS lastAt ${logged(scope)} GROUP BY action ORDER BY 2 DESC, 1`,
  ),
  subjects: rows(
    (scope) =>
      sql`SELECT subject, actor_tenant_id AS tenantId, count(*) AS count, count(DISTINCT action) AS actions, count(DISTINCT resource || ' ' || resource_id) AS resources, max(at) AS lastAt ${logged(scope)} GROUP BY subject, actor_tenant_id ORDER BY 3 DESC, 1`,
  ),
  matrix: rows(
    (scope) =>
      sql`SELECT subject, action, count(*) AS count, max(at) AS lastAt ${logged(scope)} GROUP BY subject, action ORDER BY subject, action`,
  ),
  integrity: async (db, scope) => {
    const [found] = await db.all<Row & { first: number | null; last: number | null }>(
      sql`SELECT min(sequence) AS first, max(sequence) AS last, count(*) AS rows, coalesce(max(sequence) - min(sequence) + 1 - count(*), 0) AS missing ${logged(scope)}`,
    );
    if (!found) return [];
    const { first, last } = found;
    const range = first === null || last === null ? undefined : { after: first - 1, through: last };
    return [{ ...found, chain: await chainText(db, scope.tenantId, range) }];
  },
  grants: rows(
    (
      scope,
    ) => sql`SELECT p.plugin_id AS pluginId, p.capability, p.version, p.granted_by AS grantedBy, p.granted_at AS grantedAt,
      coalesce(u.executions, 0) AS executions, coalesce(u.calls, 0) AS calls, coalesce(u.refused, 0) AS refused, u.lastUsedAt,
      CASE WHEN coalesce(u.calls, 0) > coalesce(u.refused, 0) THEN 'used' ELSE 'unused' END AS verdict
      FROM plugin_permissions AS p LEFT JOIN (
        SELECT install_id, capability, sum(executions) AS executions, sum(calls) AS calls, sum(refused) AS refused, max(last_used_at) AS lastUsedAt
        FROM plugin_capability_usage WHERE tenant_id = ${scope.tenantId} AND scope = '' AND ${days(scope)} GROUP BY install_id, capability
      ) AS u ON u.install_id = p.install_id AND u.capability = p.capability
      WHERE p.tenant_id = ${scope.tenantId} AND p.ended_at IS NULL ORDER BY verdict DESC, p.plugin_id, p.capability`,
  ),
  consents: rows(
    ({ tenantId, from, to }) =>
      sql`SELECT plugin_id AS pluginId, from_version AS fromVersion, version, requested_by AS requestedBy, requested_at AS requestedAt, coalesce(decision, 'waiting') AS decision, decided_by AS decidedBy, decided_at AS decidedAt
      FROM plugin_consents WHERE tenant_id = ${tenantId} AND (decided_at IS NULL OR (decided_at >= ${from} AND decided_at < ${to})) ORDER BY requested_at DESC`,
  ),
  secrets: rows(
    ({ tenantId, now }) => sql`SELECT *, CAST((${now} - changedAt) / ${DAY_MS} AS INTEGER) AS ageDays FROM (
        SELECT 'api-key' AS kind, '' AS owner, name, created_at AS changedAt, expires_at AS expiresAt FROM api_keys
          WHERE tenant_id = ${tenantId} AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ${now})
        UNION ALL SELECT s.kind, i.plugin_id, s.name, s.updated_at, NULL FROM install_secrets AS s
          JOIN plugin_instances AS i ON i.id = s.install_id AND i.tenant_id = s.tenant_id WHERE s.tenant_id = ${tenantId}
        UNION ALL SELECT 'webhook-secret', id, '', created_at, NULL FROM webhooks WHERE tenant_id = ${tenantId}
      ) ORDER BY changedAt`,
  ),
  quarantines: rows(
    ({ tenantId, from, to }) =>
      sql`SELECT plugin_id AS pluginId, type AS event, subject, json_extract(data, '$.reason') AS reason, created_at AS at
      FROM plugin_events WHERE tenant_id = ${tenantId} AND type IN ('plugin.quarantined', 'plugin.released') AND created_at >= ${from} AND created_at < ${to} ORDER BY created_at DESC`,
  ),
  findings: rows(
    ({ tenantId, from, to }) =>
      sql`SELECT plugin_id AS pluginId, severity, sum(state = 'open') AS open, sum(state = 'acknowledged') AS acknowledged, sum(state = 'fixed') AS fixed, min(CASE WHEN state = 'open' THEN first_seen_at END) AS oldestAt
      FROM audit_findings WHERE tenant_id = ${tenantId} AND (state <> 'fixed' OR (state_since >= ${from} AND state_since < ${to})) GROUP BY plugin_id, severity ORDER BY plugin_id, severity`,
  ),
  retention: () => Promise.resolve(RETENTION.map((row): Row => ({ ...row }))),
  plugins: async (db, scope) => {
    const [found, daily] = await Promise.all([
      db.all<Row>(sql`${loads(scope, sql`NULL`)} LIMIT ${SECTION_ROWS + 1}`),
      db.all<{ pluginId: string; day: number; executions: number }>(
        sql`SELECT plugin_id AS pluginId, CAST(started_at / ${DAY_MS} AS INTEGER) AS day, count(*) AS executions FROM (${recent(scope)}) GROUP BY 1, 2`,
      ),
    ]);
    return withTrends(found, daily, scope);
  },
  days: rows((scope) => loads(scope, sql`date(started_at / 1000, 'unixepoch')`)),
  capabilities: rows(
    (scope) =>
      sql`SELECT plugin_id AS pluginId, capability, sum(executions) AS executions, sum(calls) AS calls, sum(refused) AS refused, sum(bytes) AS bytes
      FROM plugin_capability_usage WHERE tenant_id = ${scope.tenantId} AND scope = '' AND ${days(scope)} GROUP BY plugin_id, capability ORDER BY plugin_id, capability`,
  ),
  packages: rows(
    ({ tenantId }) =>
      sql`SELECT plugin_id AS pluginId, count(*) AS versions, sum(package_bytes) AS bytes FROM plugin_versions WHERE tenant_id = ${tenantId} GROUP BY plugin_id ORDER BY 3 DESC`,
  ),
  limits: tenantLimits,
};

/** What the report says of the chain: what was found of the whole log, and of the report's rows as they are now. */
async function chainText(db: Database, tenantId: string, range?: { after: number; through: number }): Promise<string> {
  const { brokenSequence, brokenFault } = await getChainState(db, tenantId);
  if (brokenFault !== null) return `broken at ${brokenSequence}: ${brokenFault}`;
  if (!range) return "no rows";
  const { through, sealed, firstBroken } = await verifySeals(db, tenantId, { ...range, most: CHAIN_ROWS });
  if (firstBroken) return `broken at ${firstBroken.sequence}: ${firstBroken.fault}`;
  if (through >= range.through) return "intact";
  if (through === range.after) return "not sealed yet";
  return `intact up to ${through}, later rows ${through >= sealed ? "are not sealed yet" : "were not checked"}`;
}

const recent = ({ tenantId, from, to }: ReportScope): SQL =>
  sql`SELECT plugin_id, started_at, status, fuel, duration_ms, host_calls, memory_bytes FROM plugin_executions WHERE tenant_id = ${tenantId} AND started_at >= ${from} AND started_at < ${to} ORDER BY started_at DESC LIMIT ${EXECUTIONS}`;

/** Sums and percentiles (nearest rank) by plugin and day. @param day  an expression of an execution's row */
function loads(scope: ReportScope, day: SQL): SQL {
  const group = sql.raw("PARTITION BY plugin_id, day");
  return sql`SELECT plugin_id AS pluginId, day, count(*) AS executions, sum(status = 'failed') AS failed, sum(fuel) AS fuel, ${rank(50)}, ${rank(95)}, ${rank(99)}, sum(host_calls) AS hostCalls, max(memory_bytes) AS memoryPeak
    FROM (SELECT *, row_number() OVER (${group} ORDER BY duration_ms) AS place, count(*) OVER (${group}) AS size
      FROM (SELECT *, ${day} AS day FROM (${recent(scope)})))
    GROUP BY plugin_id, day ORDER BY plugin_id, day`;
}

function rank(percent: number): SQL {
  return sql.raw(`max(CASE WHEN place = (size * ${percent} + 99) / 100 THEN duration_ms END) AS p${percent}`);
}

async function tenantLimits(db: Database, { tenantId, now }: ReportScope): Promise<Row[]> {
  const counted = (table: string, more = ""): SQL =>
    sql`(SELECT count(*) FROM ${sql.raw(table)} WHERE tenant_id = ${tenantId}${sql.raw(more)})`;
  const [found] = await db.all<Record<string, number> & { readonly plan: Plan }>(
    sql`SELECT plan, ${counted("plugin_instances", " AND state <> 'uninstalled'")} AS installs, ${counted("plugin_versions")} AS versions, ${counted("webhooks")} AS webhooks, ${counted("alert_rules")} AS rules, (SELECT count(*) FROM alert_silences WHERE tenant_id = ${tenantId} AND until_time > ${now}) AS silences, ${counted("alert_emails")} AS emails FROM tenants WHERE id = ${tenantId}`,
  );
  if (!found) return [];
  const { installs, versions } = PLANS[found.plan];
  const allowed = { installs, versions, webhooks: WEBHOOKS, rules: RULES, silences: SILENCES, emails: EMAILS };
  const titles: Partial<Record<string, string>> = { rules: "rules of alerts", emails: "addresses for alerts" };
  return Object.entries(allowed).map(([name, most]): Row => {
    const used = found[name] ?? 0;
    return { limit: titles[name] ?? name, used, allowed: most, share: Math.round((used / most) * 1_000) / 10 };
  });
}
