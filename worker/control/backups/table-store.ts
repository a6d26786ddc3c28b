import type { TableRows } from "./archive-record.ts";
import { isReplaced, ownerColumn, stateCondition, type Condition, type TableInfo } from "./table-rules.ts";

/** Rows of D1 as they are, whatever the tables, and back. */

/** A tenant's state up to so many rows and bytes is read at once; what is more is set aside first. */
const AT_ONCE_ROWS = 20_000;
const AT_ONCE_BYTES = 4 * 1024 * 1024;
/** Rows of a page, and the bytes after which it ends. */
const PAGE_ROWS = 500;
const PAGE_BYTES = 1024 * 1024;
/** Bytes of JSON bound to one statement. */
const PARAMETER_BYTES = 512 * 1024;

/** The number of the last row of each log. */
const LOGS = `SELECT (SELECT max(sequence) FROM audit_log WHERE tenant_id = ?1) AS audit_log,
  (SELECT max(sequence) FROM audit_seals WHERE tenant_id = ?1) AS audit_seals,
  (SELECT max(sequence) FROM plugin_events WHERE tenant_id = ?1) AS plugin_events`;

export type LastOfLogs = Readonly<Record<string, number>>;

export interface TenantState {
  readonly tables: readonly TableRows[];
  /** Number of the last row of each log, of the same moment. */
  readonly logs: LastOfLogs;
}

/** Whose state: of one install only where an install is given. */
export interface StateOf {
  readonly tenantId: string;
  readonly installId?: string | undefined;
  /** True for the platform's own tenant, with which tables without a tenant go. */
  readonly isPlatform: boolean;
}

/** A tenant's state, read in one transaction; undefined where it is too large to be read at once. */
export async function readState(
  db: D1Database,
  tables: readonly TableInfo[],
  of: StateOf,
): Promise<TenantState | undefined> {
  const chosen = chosenTables(tables, of);
  const sizes = await db.batch<{ rows: number; bytes: number | null }>(
    chosen.map(({ table, condition }) =>
      statement(
        db,
        `SELECT count(*) AS rows, sum(${bytesOf(table)}) AS bytes FROM "${table.name}" WHERE ${condition.sql}`,
        condition,
      ),
    ),
  );
  const rows = sizes.reduce((sum, { results }) => sum + (results[0]?.rows ?? 0), 0);
  const bytes = sizes.reduce((sum, { results }) => sum + (results[0]?.bytes ?? 0), 0);
  return rows <= AT_ONCE_ROWS && bytes <= AT_ONCE_BYTES ? readAtOnce(db, chosen, of.tenantId) : undefined;
}

export interface Chosen {
  readonly table: TableInfo;
  readonly condition: Condition;
}

export function chosenTables(
  tables: readonly TableInfo[],
  { tenantId, installId, isPlatform }: StateOf,
): readonly Chosen[] {
  return tables.flatMap((table) => {
    const condition = stateCondition(table, tenantId, installId, isPlatform);
    return condition ? [{ table, condition }] : [];
  });
}

async function readAtOnce(db: D1Database, chosen: readonly Chosen[], tenantId: string): Promise<TenantState> {
  const [logs, ...read] = await db.batch<Record<string, unknown>>([
    lastOfLogs(db, tenantId),
    ...chosen.map(({ table, condition }) =>
      statement(db, `SELECT ${columnsOf(table)} FROM "${table.name}" WHERE ${condition.sql} ORDER BY rowid`, condition),
    ),
  ]);
  const tables = chosen.map(({ table }, index) => rowsOf(table, read[index]?.results ?? []));
  return { tables, logs: logsOf(logs?.results[0] ?? {}) };
}

export function lastOfLogs(db: D1Database, tenantId: string): D1PreparedStatement {
  return db.prepare(LOGS).bind(tenantId);
}

export function logsOf(row: Readonly<Record<string, unknown>>): LastOfLogs {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Number(value ?? 0)]));
}

type Page = TableRows & { readonly next: number | undefined };

/** A page of rows, of bounded size. @returns `next` where there may be more */
async function pageBy(
  db: D1Database,
  table: TableInfo,
  place: "rowid" | "sequence",
  condition: Condition,
  after: number,
  last: number,
): Promise<Page> {
  const page = `SELECT ${place} AS "_at", ${columnsOf(table)}, ${bytesOf(table)} AS "_bytes" FROM "${table.name}" WHERE (${condition.sql}) AND ${place} > ? AND ${place} <= ? ORDER BY ${place} LIMIT ${PAGE_ROWS}`;
  const sums = `SELECT *, sum("_bytes") OVER (ORDER BY "_at") - "_bytes" AS "_before", count(*) OVER () AS "_all" FROM (${page})`;
  const { results } = await db
    .prepare(`SELECT * FROM (${sums}) WHERE "_before" < ${PAGE_BYTES} ORDER BY "_at"`)
    .bind(...condition.params, after, last)
    .all();
  const end = results.at(-1);
  const isLast = end === undefined || (end["_all"] === results.length && results.length < PAGE_ROWS);
  return { ...rowsOf(table, results), next: isLast ? undefined : Number(end["_at"]) };
}

/** A page of rows by their row ids. */
export function readPage(
  db: D1Database,
  table: TableInfo,
  condition: Condition,
  after: number,
  last: number,
): Promise<Page> {
  return pageBy(db, table, "rowid", condition, after, last);
}

/** A page of a tenant's numbered log. */
export function readLog(
  db: D1Database,
  table: TableInfo,
  tenantId: string,
  after: number,
  last: number,
): Promise<Page> {
  return pageBy(db, table, "sequence", { sql: "tenant_id = ?", params: [tenantId] }, after, last);
}

/** Id of the last row of each table. */
export async function readLastRows(
  db: D1Database,
  tables: readonly TableInfo[],
): Promise<Readonly<Record<string, number>>> {
  if (tables.length === 0) return {};
  const results = await db.batch<{ last: number | null }>(
    tables.map(({ name }) => db.prepare(`SELECT max(rowid) AS last FROM "${name}"`)),
  );
  return Object.fromEntries(tables.map(({ name }, index) => [name, results[index]?.results[0]?.last ?? 0]));
}

export async function listTenantsAfter(db: D1Database, after: string, limit: number): Promise<readonly string[]> {
  const { results } = await db
    .prepare("SELECT id FROM tenants WHERE id > ? ORDER BY id LIMIT ?")
    .bind(after, limit)
    .all<{ id: string }>();
  return results.map(({ id }) => id);
}

/** Ids of installs of a tenant, removed ones too: their objects keep what they stored. */
export async function listInstallsAfter(
  db: D1Database,
  tenantId: string,
  after: string,
  limit: number,
): Promise<readonly string[]> {
  const { results } = await db
    .prepare("SELECT id FROM plugin_instances WHERE tenant_id = ? AND id > ? ORDER BY id LIMIT ?")
    .bind(tenantId, after, limit)
    .all<{ id: string }>();
  return results.map(({ id }) => id);
}

/** Where the rows that replace a table's are: given, or set aside in D1. */
export type RowSource = (
  table: TableInfo,
) => readonly { readonly columns: readonly string[]; readonly from: string; readonly params: readonly string[] }[];

/** Rows in memory. */
export function givenRows(state: readonly TableRows[]): RowSource {
  return ({ name }) =>
    state
      .filter(({ table }) => table === name)
      .flatMap(({ columns, rows }) =>
        parametersOf(rows).map((json) => ({ columns, from: "json_each(?1)", params: [json] })),
      );
}

/**
 * Replaces a tenant's state in one transaction. Shared rows are set and added, never deleted. The tenant's snapshot revision
 * grows beyond any that execution may have seen.
 */
export async function replaceState(
  db: D1Database,
  tables: readonly TableInfo[],
  of: StateOf,
  source: RowSource,
): Promise<void> {
  const chosen = chosenTables(tables, of);
  const deletes = chosen
    .filter(({ table }) => isReplaced(table.kind))
    .toReversed()
    .map(({ table, condition }) => statement(db, `DELETE FROM "${table.name}" WHERE ${condition.sql}`, condition));
  const inserts = chosen.flatMap(({ table }) => source(table).map((rows) => setRows(db, table, rows, of)));
  await db.batch([db.prepare("PRAGMA defer_foreign_keys = on"), ...deletes, ...inserts]);
}

/** Adds rows that are not there. Of a log, a row whose number was given to another meanwhile gets the next free one. */
export async function addRows(db: D1Database, table: TableInfo, rows: TableRows): Promise<void> {
  const statements = parametersOf(rows.rows).flatMap((json) => {
    const fields = rows.columns.map((_, index) => `json_extract(value, '$[${index}]')`);
    const insert = `INSERT OR IGNORE INTO "${table.name}" (${named(rows.columns)}) SELECT ${fields.join(", ")} FROM json_each(?)`;
    return [
      db.prepare(insert).bind(json),
      ...(table.kind === "log" ? [renumbered(db, table, rows.columns, json)] : []),
    ];
  });
  if (statements.length > 0) await db.batch(statements);
}

function renumbered(db: D1Database, table: TableInfo, columns: readonly string[], json: string): D1PreparedStatement {
  const at = (name: string): string => `json_extract(value, '$[${columns.indexOf(name)}]')`;
  const fields = columns.map((name) =>
    name === "sequence"
      ? `(SELECT max(sequence) FROM "${table.name}" WHERE tenant_id = ${at("tenant_id")}) + row_number() OVER (PARTITION BY ${at("tenant_id")} ORDER BY key)`
      : at(name),
  );
  return db
    .prepare(
      `INSERT INTO "${table.name}" (${named(columns)}) SELECT ${fields.join(", ")} FROM json_each(?) WHERE ${at("id")} NOT IN (SELECT id FROM "${table.name}" WHERE tenant_id = ${at("tenant_id")})`,
    )
    .bind(json);
}

function setRows(
  db: D1Database,
  table: TableInfo,
  { columns, from, params }: ReturnType<RowSource>[number],
  of: StateOf,
): D1PreparedStatement {
  const shared = table.kind === "shared";
  const fields = columns.map((_, index) => `json_extract(value, '$[${index}]')`);
  const others = columns.filter((column) => !table.key.includes(column));
  const sets = others.map((column) =>
    column === "snapshot_revision"
      ? `"${column}" = max("${table.name}"."${column}", excluded."${column}") + 1`
      : `"${column}" = excluded."${column}"`,
  );
  // Of shared rows only the tenant's own are set; where one install is restored they are only added.
  const owned = shared ? ` WHERE excluded."${ownerColumn(table.name)}" = ?${params.length + 1}` : "";
  const update = others.length === 0 ? "NOTHING" : `UPDATE SET ${sets.join(", ")}${owned}`;
  const sql = `INSERT INTO "${table.name}" (${named(columns)}) SELECT ${fields.join(", ")} FROM ${from} WHERE true
    ON CONFLICT (${named(table.key)}) DO ${update}`;
  const owner = of.installId === undefined ? of.tenantId : null;
  return db.prepare(sql).bind(...params, ...(shared ? [owner] : []));
}

/** Rows of a backup, and which of the table's rows they are held against. */
export interface Compared {
  readonly table: TableInfo;
  readonly rows: TableRows;
  readonly live: Condition;
}

/** How many of a backup's rows each table has, and how many of them are the same. */
export async function compareRows(
  db: D1Database,
  all: readonly Compared[],
): Promise<readonly { readonly table: TableInfo; readonly present: number; readonly same: number }[]> {
  const asked = all.flatMap((one) => parametersOf(one.rows.rows).map((json) => ({ ...one, json })));
  if (asked.length === 0) return [];
  const found = await db.batch<{ present: number; same: number }>(
    asked.map(({ json, live, ...one }) => db.prepare(comparison(one, live)).bind(json, ...live.params)),
  );
  return asked.map(({ table }, index) => ({ table, present: 0, same: 0, ...found[index]?.results[0] }));
}

function comparison({ table, rows: { columns } }: Pick<Compared, "table" | "rows">, live: Condition): string {
  const at = (column: string): string => `json_extract(sent.value, '$[${columns.indexOf(column)}]')`;
  const keys = table.key.map((column) => `live."${column}" = ${at(column)}`);
  // A column that the backup does not know is set to its default: the row counts as changed. Revisions only grow.
  const compared = table.columns.filter((column) => column !== "snapshot_revision");
  const equal = compared.map((column) => (columns.includes(column) ? `live."${column}" IS ${at(column)}` : "false"));
  return `SELECT count(*) AS present, coalesce(sum(${equal.join(" AND ")}), 0) AS same
    FROM json_each(?) AS sent CROSS JOIN (SELECT * FROM "${table.name}" WHERE ${live.sql}) AS live ON ${keys.join(" AND ")}`;
}

/** How many rows each has now. */
export async function countRows(db: D1Database, all: readonly Chosen[]): Promise<readonly number[]> {
  if (all.length === 0) return [];
  const counted = await db.batch<{ rows: number }>(
    all.map(({ table, condition }) =>
      statement(db, `SELECT count(*) AS rows FROM "${table.name}" WHERE ${condition.sql}`, condition),
    ),
  );
  return counted.map(({ results }) => results[0]?.rows ?? 0);
}

/** Lists of rows as JSON, each small enough to be bound. */
export function parametersOf(rows: TableRows["rows"]): readonly string[] {
  const parameters: string[] = [];
  let texts: string[] = [];
  let length = 0;
  for (const row of rows) {
    const text = JSON.stringify(row);
    if (length > 0 && length + text.length > PARAMETER_BYTES) {
      parameters.push(`[${texts.join(",")}]`);
      [texts, length] = [[], 0];
    }
    texts.push(text);
    length += text.length;
  }
  return texts.length > 0 ? [...parameters, `[${texts.join(",")}]`] : parameters;
}

function statement(db: D1Database, sql: string, { params }: Condition): D1PreparedStatement {
  return db.prepare(sql).bind(...params);
}

export function columnsOf({ columns }: TableInfo): string {
  return named(columns);
}

/** What a row holds. */
export function bytesOf({ columns }: TableInfo): string {
  return columns.map((column) => `coalesce(length("${column}"), 0)`).join(" + ");
}

function named(columns: readonly string[]): string {
  return columns.map((column) => `"${column}"`).join(", ");
}

function rowsOf({ name, columns }: TableInfo, results: readonly Record<string, unknown>[]): TableRows {
  const rows = results.map((row) =>
    columns.map((column) => {
      const value = row[column];
      if (value === null || typeof value === "string" || typeof value === "number") return value;
      throw new Error(`${name}.${column} holds a value of a kind that backups do not know.`);
    }),
  );
  return { table: name, columns, rows };
}

/** Lets a tenant's snapshot revision be greater than one that is stored. */
export async function raiseRevision(db: D1Database, tenantId: string, stored: number): Promise<void> {
  await db
    .prepare("UPDATE tenants SET snapshot_revision = ?2 + 1 WHERE id = ?1 AND snapshot_revision < ?2")
    .bind(tenantId, stored)
    .run();
}
