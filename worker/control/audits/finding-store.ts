import { and, desc, eq, inArray, lt, ne, sql, type SQL } from "drizzle-orm";
import type { Database } from "../../db/client.ts";
import { auditFindings } from "../../db/schema.ts";
import type { FindingRow, FindingSeverity, FindingState } from "./finding-record.ts";

/** Findings of an install that are neither fixed nor acknowledged, most recent first. */
export async function openFindings(db: Database, tenantId: string, installId: string): Promise<FindingRow[]> {
  return db
    .select()
    .from(auditFindings)
    .where(
      and(
        eq(auditFindings.tenantId, tenantId),
        eq(auditFindings.installId, installId),
        eq(auditFindings.state, "open"),
      ),
    )
    .orderBy(desc(auditFindings.id));
}

/** Every finding of the installs, fixed ones too: what is found again keeps its id. */
export async function listFindingsOf(
  db: Database,
  tenantId: string,
  installIds: readonly string[],
): Promise<FindingRow[]> {
  return db
    .select()
    .from(auditFindings)
    .where(
      and(
        eq(auditFindings.tenantId, tenantId),
        sql`${auditFindings.installId} IN (SELECT value FROM json_each(${JSON.stringify(installIds)}))`,
      ),
    );
}

/** Findings that are not fixed, of installs that were removed. */
export async function listOfRemoved(db: Database, tenantId: string): Promise<FindingRow[]> {
  return db
    .select()
    .from(auditFindings)
    .where(
      and(
        eq(auditFindings.tenantId, tenantId),
        inArray(auditFindings.state, ["open", "acknowledged"]),
        sql`${auditFindings.installId} IN (SELECT id FROM plugin_instances WHERE tenant_id = ${tenantId} AND state = 'uninstalled')`,
      ),
    );
}

/** A field of the data of an event of a list. */
function data(name: string): SQL {
  return sql.raw(`json_extract(json_extract(value, '$.data'), '$.${name}')`);
}

/** Condition for an event of a list: that the finding it tells of is known in one of the states before the batch changes it. */
export function isKnownAs(tenantId: string, states: readonly FindingState[]): SQL {
  const known = and(
    eq(auditFindings.tenantId, tenantId),
    sql`${auditFindings.installId} = ${data("installId")}`,
    sql`${auditFindings.rule} = ${data("rule")}`,
    sql`${auditFindings.dedupKey} = ${data("key")}`,
    inArray(auditFindings.state, [...states]),
  );
  return sql`EXISTS (SELECT 1 FROM ${auditFindings} WHERE ${known})`;
}

export interface FindingFilter {
  readonly state?: FindingState | undefined;
  readonly severity?: FindingSeverity | undefined;
  readonly rule?: string | undefined;
  readonly plugin?: string | undefined;
  readonly audit?: string | undefined;
}

/** Newest first. @param page  `before` is the id of the last finding of the page before */
export async function listFindings(
  db: Database,
  tenantId: string,
  filter: FindingFilter,
  page: { readonly limit: number; readonly before?: string | undefined },
): Promise<FindingRow[]> {
  const { state, severity, rule, plugin, audit } = filter;
  return db
    .select()
    .from(auditFindings)
    .where(
      and(
        eq(auditFindings.tenantId, tenantId),
        state === undefined ? undefined : eq(auditFindings.state, state),
        severity === undefined ? undefined : eq(auditFindings.severity, severity),
        rule === undefined ? undefined : eq(auditFindings.rule, rule),
        plugin === undefined ? undefined : eq(auditFindings.pluginId, plugin),
        audit === undefined ? undefined : eq(auditFindings.auditId, audit),
        page.before === undefined ? undefined : lt(auditFindings.id, page.before),
      ),
    )
    .orderBy(desc(auditFindings.id))
    .limit(page.limit);
}

/** @returns undefined where the tenant has no such finding */
export async function getFinding(db: Database, tenantId: string, id: string): Promise<FindingRow | undefined> {
  const rows = await db
    .select()
    .from(auditFindings)
    .where(and(eq(auditFindings.tenantId, tenantId), eq(auditFindings.id, id)));
  return rows[0];
}

/** How many findings of a tenant are open, by severity. */
export async function countOpen(db: Database, tenantId: string): Promise<Partial<Record<FindingSeverity, number>>> {
  const rows = await db
    .select({ severity: auditFindings.severity, count: sql<number>`count(*)` })
    .from(auditFindings)
    .where(and(eq(auditFindings.tenantId, tenantId), eq(auditFindings.state, "open")))
    .groupBy(auditFindings.severity);
  return Object.fromEntries(rows.map(({ severity, count }) => [severity, count]));
}

/** Condition that a finding is in a state, for the event in the batch that changes it. */
export function isInState({ tenantId, id }: FindingRow, states: readonly FindingState[]): SQL {
  const there = and(
    eq(auditFindings.tenantId, tenantId),
    eq(auditFindings.id, id),
    inArray(auditFindings.state, [...states]),
  );
  return sql`EXISTS (SELECT 1 FROM ${auditFindings} WHERE ${there})`;
}

export interface StateChange {
  readonly state: FindingState;
  readonly at: number;
  readonly by: string;
  readonly reason: string;
}

/** Changes the state by somebody's decision, with a line of history. */
export function changeState(db: Database, { tenantId, id }: FindingRow, change: StateChange, when: SQL) {
  const { state, at, by, reason } = change;
  return db
    .update(auditFindings)
    .set({ state, stateBy: by, stateReason: reason, stateSince: at, history: withHistory(JSON.stringify(change)) })
    .where(and(eq(auditFindings.tenantId, tenantId), eq(auditFindings.id, id), when));
}

/** Lines of history kept of a finding: one that comes and goes needs no more to show that. */
const HISTORY_LENGTH = 50;

/** The history with one line more, without the oldest where it is full. */
function withHistory(line: string | SQL): SQL {
  const history = sql`${auditFindings.history}`;
  const kept = sql`CASE WHEN json_array_length(${history}) >= ${HISTORY_LENGTH} THEN json_remove(${history}, '$[0]') ELSE ${history} END`;
  return sql`json_insert(${kept}, '$[#]', json(${line}))`;
}

/** Fields of a row that is written as JSON, in the order of the table. */
const FIELDS = [
  "id",
  "tenantId",
  "installId",
  "pluginId",
  "rule",
  "dedupKey",
  "severity",
  "evidence",
  "remedy",
  "remedyText",
  "state",
  "stateBy",
  "stateReason",
  "firstSeenAt",
  "lastSeenAt",
  "stateSince",
  "count",
  "auditId",
  "recordingId",
  "history",
] as const satisfies readonly (keyof FindingRow)[];

/**
 * Writes what an audit found. What is known already is seen once more; what was fixed is open again, and its history says so.
 *
 * @param rows  of one audit; `history` holds the line that opens them
 */
export function upsertFindings(db: Database, rows: readonly FindingRow[], when: SQL) {
  const isBack = sql`${auditFindings.state} = 'fixed'`;
  const values = sql.join(
    FIELDS.map((name) => sql.raw(`json_extract(value, '$.${name}')`)),
    sql`, `,
  );
  return db
    .insert(auditFindings)
    .select(sql`SELECT ${values} FROM json_each(${JSON.stringify(rows)}) WHERE ${when}`)
    .onConflictDoUpdate({
      target: [auditFindings.tenantId, auditFindings.installId, auditFindings.rule, auditFindings.dedupKey],
      set: {
        severity: sql`excluded.severity`,
        evidence: sql`excluded.evidence`,
        remedy: sql`excluded.remedy`,
        remedyText: sql`excluded.remedy_text`,
        recordingId: sql`coalesce(excluded.recording_id, ${auditFindings.recordingId})`,
        lastSeenAt: sql`excluded.last_seen_at`,
        auditId: sql`excluded.audit_id`,
        count: sql`${auditFindings.count} + 1`,
        stateSince: sql`CASE WHEN ${isBack} THEN excluded.state_since ELSE ${auditFindings.stateSince} END`,
        stateBy: sql`CASE WHEN ${isBack} THEN NULL ELSE ${auditFindings.stateBy} END`,
        stateReason: sql`CASE WHEN ${isBack} THEN NULL ELSE ${auditFindings.stateReason} END`,
        history: sql`CASE WHEN ${isBack} THEN ${withHistory(sql`json_extract(excluded.history, '$[0]')`)} ELSE ${auditFindings.history} END`,
        state: sql`CASE WHEN ${isBack} THEN 'open' ELSE ${auditFindings.state} END`,
      },
    });
}

/** Marks findings as fixed by an audit that looked for them in vain. */
export function fixFindings(db: Database, tenantId: string, ids: readonly string[], at: number, by: string, when: SQL) {
  return db
    .update(auditFindings)
    .set({
      state: "fixed",
      stateBy: null,
      stateReason: null,
      stateSince: at,
      history: withHistory(JSON.stringify({ state: "fixed", at, by })),
    })
    .where(
      and(
        eq(auditFindings.tenantId, tenantId),
        ne(auditFindings.state, "fixed"),
        sql`${auditFindings.id} IN (SELECT value FROM json_each(${JSON.stringify(ids)}))`,
        when,
      ),
    );
}

/** Deletes findings that were fixed long ago. @returns how many were deleted, at most `limit` */
export async function deleteFixedBefore(db: Database, time: number, limit: number): Promise<number> {
  const result = await db.run(
    sql`DELETE FROM audit_findings WHERE id IN (SELECT id FROM audit_findings WHERE state = 'fixed' AND state_since < ${time} LIMIT ${limit})`,
  );
  return result.meta.changes;
}
