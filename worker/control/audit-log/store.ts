import { and, desc, eq, gte, lt, sql, type SQL } from "drizzle-orm";
import type { AuditAction, AuditResource } from "../../../sdk/contract/audit.ts";
import type { Database, Statement } from "../../db/client.ts";
import { auditLog } from "../../db/schema.ts";
import type { NewAuditRow } from "./rules.ts";
import type { AuditRow } from "./schema.ts";

/** The log is append-only: there is a statement that adds rows, and none that changes or deletes them. */

/** The table's columns but for the number, in its order. */
const COLUMNS = [
  "id",
  "tenantId",
  "action",
  "resource",
  "resourceId",
  "subject",
  "actorTenantId",
  "roles",
  "before",
  "after",
  "traceId",
  "at",
] as const satisfies readonly (keyof NewAuditRow)[];

/**
 * Adds rows, each with the next number of its tenant. Belongs in the batch of the change: D1 runs one batch at a time, so
 * that change and row are there both or not at all, and numbers have neither gaps nor repetitions.
 *
 * @param when    the condition of the change this belongs to; absent: always
 * @param before  the state before as JSON, read by the statement itself, which then must come before the change
 */
export function recordAudit(
  db: Database,
  rows: readonly NewAuditRow[],
  when: SQL = sql`true`,
  before?: SQL,
): Statement {
  const last = sql`coalesce((SELECT max(${auditLog.sequence}) FROM ${auditLog} WHERE ${auditLog.tenantId} = ${field("tenantId")}), 0)`;
  const sequence = sql`${last} + row_number() OVER (PARTITION BY ${field("tenantId")} ORDER BY key)`;
  const columns = COLUMNS.map((name) => (name === "before" && before ? before : field(name)));
  return db
    .insert(auditLog)
    .select(
      sql`SELECT ${sql.join([...columns, sequence], sql`, `)} FROM json_each(${JSON.stringify(rows)}) WHERE ${when}`,
    );
}

/** A field of the row that json_each gives. */
function field(name: keyof NewAuditRow): SQL {
  return sql.raw(`json_extract(value, '$.${name}')`);
}

export interface AuditFilter {
  readonly action?: AuditAction | undefined;
  readonly resource?: AuditResource | undefined;
  readonly resourceId?: string | undefined;
  readonly subject?: string | undefined;
  /** Milliseconds since the epoch: at or after. */
  readonly from?: number | undefined;
  /** Milliseconds since the epoch: before. */
  readonly to?: number | undefined;
}

/**
 * Rows of a tenant's log, newest first.
 *
 * @param page  `before` is the number of the last row of the page before
 */
export async function listAudit(
  db: Database,
  tenantId: string,
  filter: AuditFilter,
  page: { readonly limit: number; readonly before?: number | undefined },
): Promise<AuditRow[]> {
  const { action, resource, resourceId, subject, from, to } = filter;
  const rows = await db
    .select()
    .from(auditLog)
    .where(
      and(
        eq(auditLog.tenantId, tenantId),
        page.before === undefined ? undefined : lt(auditLog.sequence, page.before),
        action === undefined ? undefined : eq(auditLog.action, action),
        resource === undefined ? undefined : eq(auditLog.resource, resource),
        resourceId === undefined ? undefined : eq(auditLog.resourceId, resourceId),
        subject === undefined ? undefined : eq(auditLog.subject, subject),
        from === undefined ? undefined : gte(auditLog.at, from),
        to === undefined ? undefined : lt(auditLog.at, to),
      ),
    )
    .orderBy(desc(auditLog.sequence))
    .limit(page.limit);
  return rows as AuditRow[]; // the columns hold only names of the tables
}
