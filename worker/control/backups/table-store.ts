import type { RowValue, TableRows } from "./archive-record.ts";
import {
  backedUpTables,
  isReplaced,
  ownerColumn,
  stateCondition,
  type Condition,
  type TableInfo,
} from "./table-rules.ts";

/** Rows of D1 as they are, whatever the tables, and back. */

/** A tenant's state up to so many rows and bytes is read in one transaction. */
const TRANSACTION_ROWS = 20_000;
const TRANSACTION_BYTES = 16 * 1024 * 1024;
/** Rows of one page where it is more. */
const PAGE_ROWS = 500;
/** Bytes of JSON bound to one statement. */
const PARAMETER_BYTES = 512 * 1024;
/** Reads of a tenant that others kept changing, before what was read is taken as it is. */
const TRIES = 3;

export interface DatabaseSchema {
  readonly tables: readonly TableInfo[];
  /** Name of the last migration. */
  readonly migration: string;
  /** Statements that make the tables and indexes. */
  readonly definitions: readonly string[];
}

export async function readSchema(db: D1Database): Promise<DatabaseSchema> {
  const tables = `FROM sqlite_master m JOIN`;
  const own = String.raw`WHERE m.type = 'table' AND m.name NOT LIKE '\_cf\_%' ESCAPE '\'`;
  const query = async (sql: string): Promise<readonly Record<string, unknown>[]> =>
    (await db.prepare(sql).all()).results;
  const [columns, parents, definitions, migrations] = await Promise.all([
    query(
      `SELECT m.name AS t, p.name AS c, p.pk AS pk ${tables} pragma_table_info(m.name) p ${own} ORDER BY m.name, p.cid`,
    ),
    query(`SELECT m.name AS t, p."table" AS parent ${tables} pragma_foreign_key_list(m.name) p ${own}`),
    query(
      "SELECT tbl_name AS t, sql FROM sqlite_master WHERE type IN ('table', 'index') AND sql IS NOT NULL ORDER BY type DESC, rowid",
    ),
    query("SELECT name FROM d1_migrations ORDER BY id DESC LIMIT 1"),
  ]);
  const names = [...new Set(columns.map(({ t }) => String(t)))];
  const described = names.map((name) => ({
    name,
    columns: columns.filter(({ t }) => t === name).map(({ c, pk }) => ({ name: String(c), keyPosition: Number(pk) })),
    parents: parents.filter(({ t }) => t === name).map(({ parent }) => String(parent)),
  }));
  const known = backedUpTables(described);
  return {
    tables: known,
    migration: migrations.map(({ name }) => String(name)).join(""),
    definitions: definitions.filter(({ t }) => known.some(({ name }) => name === t)).map(({ sql }) => String(sql)),
  };
}

/** What changes with each change of a tenant's state: the number of its last audit row, event and snapshot. Seals follow soon after. */
const FENCE = `SELECT (SELECT max(sequence) FROM audit_log WHERE tenant_id = ?1) AS audit_log,
  (SELECT max(sequence) FROM audit_seals WHERE tenant_id = ?1) AS audit_seals,
  (SELECT max(sequence) FROM plugin_events WHERE tenant_id = ?1) AS plugin_events,
  (SELECT snapshot_revision FROM tenants WHERE id = ?1) AS revision`;

export interface TenantState {
  readonly tables: readonly TableRows[];
  /** Number of the last row of each log, of the same moment. */
  readonly logs: Readonly<Record<string, number>>;
  /** False where the state was too large for one transaction and was changed each time it was read. */
  readonly settled: boolean;
}

/** Whose state: of one install only where an install is given. */
export interface StateOf {
  readonly tenantId: string;
  readonly installId?: string | undefined;
  /** True for the platform's own tenant, with which tables without a tenant go. */
  readonly isPlatform: boolean;
}

/** A tenant's state of one moment, read in one transaction where it is small enough, else between two fences that agree. */
export async function readState(db: D1Database, tables: readonly TableInfo[], of: StateOf): Promise<TenantState> {
  const chosen = chosenTables(tables, of);
  const sizes = await db.batch<{ rows: number; bytes: number | null }>(
    chosen.map(({ table, condition }) => {
      const bytes = table.columns.map((column) => `coalesce(length("${column}"), 0)`).join(" + ");
      return statement(
        db,
        `SELECT count(*) AS rows, sum(${bytes}) AS bytes FROM "${table.name}" WHERE ${condition.sql}`,
        condition,
      );
    }),
  );
  const rows = sizes.reduce((sum, { results }) => sum + (results[0]?.rows ?? 0), 0);
  const bytes = sizes.reduce((sum, { results }) => sum + (results[0]?.bytes ?? 0), 0);
  if (rows <= TRANSACTION_ROWS && bytes <= TRANSACTION_BYTES) return readAtOnce(db, chosen, of.tenantId);
  for (let attempt = 1; ; attempt++) {
    const before = await readFence(db, of.tenantId);
    const read: TableRows[] = [];
    for (const { table, condition } of chosen) read.push(await readPaged(db, table, condition));
    const settled = JSON.stringify(await readFence(db, of.tenantId)) === JSON.stringify(before);
    if (settled || attempt === TRIES) return { tables: read, logs: logsOf(before), settled };
  }
}

interface Chosen {
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
  const [fence, ...read] = await db.batch<Record<string, unknown>>([
    db.prepare(FENCE).bind(tenantId),
    ...chosen.map(({ table, condition }) =>
      statement(db, `SELECT ${columnsOf(table)} FROM "${table.name}" WHERE ${condition.sql} ORDER BY rowid`, condition),
    ),
  ]);
  const tables = chosen.map(({ table }, index) => rowsOf(table, read[index]?.results ?? []));
  return { tables, logs: logsOf(fence?.results[0] ?? {}), settled: true };
}

async function readFence(db: D1Database, tenantId: string): Promise<Record<string, unknown>> {
  return (await db.prepare(FENCE).bind(tenantId).first()) ?? {};
}

function logsOf({ revision: _revision, ...logs }: Record<string, unknown>): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(logs).map(([name, value]) => [name, Number(value ?? 0)]));
}

async function readPaged(db: D1Database, table: TableInfo, condition: Condition): Promise<TableRows> {
  const rows: (readonly RowValue[])[] = [];
  let after = 0;
  for (;;) {
    const page = await readPage(db, table, condition, after, Number.MAX_SAFE_INTEGER);
    rows.push(...page.rows);
    if (page.next === undefined) return { table: table.name, columns: table.columns, rows };
    after = page.next;
  }
}

/** A page of rows by their row ids. @returns `next` where there may be more */
export async function readPage(
  db: D1Database,
  table: TableInfo,
  condition: Condition,
  after: number,
  last: number,
): Promise<TableRows & { readonly next: number | undefined }> {
  const sql = `SELECT rowid AS "_row", ${columnsOf(table)} FROM "${table.name}" WHERE (${condition.sql}) AND rowid > ? AND rowid <= ? ORDER BY rowid LIMIT ${PAGE_ROWS}`;
  const { results } = await db
    .prepare(sql)
    .bind(...condition.params, after, last)
    .all();
  const next = results.length === PAGE_ROWS ? Number(results.at(-1)?.["_row"]) : undefined;
  return { ...rowsOf(table, results), next };
}

/** A page of a tenant's numbered log. */
export async function readLog(
  db: D1Database,
  table: TableInfo,
  tenantId: string,
  after: number,
  last: number,
): Promise<TableRows & { readonly next: number | undefined }> {
  const sql = `SELECT ${columnsOf(table)} FROM "${table.name}" WHERE tenant_id = ? AND sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ${PAGE_ROWS}`;
  const { results } = await db.prepare(sql).bind(tenantId, after, last).all();
  const next = results.length === PAGE_ROWS ? Number(results.at(-1)?.["sequence"]) : undefined;
  return { ...rowsOf(table, results), next };
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

/**
 * Replaces a tenant's state in one transaction. Shared rows are set and added, never deleted. The tenant's snapshot revision
 * grows beyond any that execution may have seen.
 */
export async function replaceState(
  db: D1Database,
  tables: readonly TableInfo[],
  of: StateOf,
  state: readonly TableRows[],
): Promise<void> {
  const chosen = chosenTables(tables, of);
  const deletes = chosen
    .filter(({ table }) => isReplaced(table.kind))
    .toReversed()
    .map(({ table, condition }) => statement(db, `DELETE FROM "${table.name}" WHERE ${condition.sql}`, condition));
  const inserts = chosen.flatMap(({ table }) =>
    state.filter((rows) => rows.table === table.name).flatMap((rows) => setRows(db, table, rows, of)),
  );
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

function setRows(db: D1Database, table: TableInfo, rows: TableRows, of: StateOf): readonly D1PreparedStatement[] {
  const shared = table.kind === "shared";
  const fields = rows.columns.map((_, index) => `json_extract(value, '$[${index}]')`);
  const others = rows.columns.filter((column) => !table.key.includes(column));
  const sets = others.map((column) =>
    column === "snapshot_revision"
      ? `"${column}" = max("${table.name}"."${column}", excluded."${column}") + 1`
      : `"${column}" = excluded."${column}"`,
  );
  // Of shared rows only the tenant's own are set; where one install is restored they are only added.
  const owned = shared ? ` WHERE excluded."${ownerColumn(table.name)}" = ?2` : "";
  const update = others.length === 0 ? "NOTHING" : `UPDATE SET ${sets.join(", ")}${owned}`;
  const sql = `INSERT INTO "${table.name}" (${named(rows.columns)}) SELECT ${fields.join(", ")} FROM json_each(?1) WHERE true
    ON CONFLICT (${named(table.key)}) DO ${update}`;
  const owner = of.installId === undefined ? of.tenantId : null;
  return parametersOf(rows.rows).map((json) => db.prepare(sql).bind(json, ...(shared ? [owner] : [])));
}

/** Lists of rows as JSON, each small enough to be bound. */
function parametersOf(rows: TableRows["rows"]): readonly string[] {
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

function columnsOf({ columns }: TableInfo): string {
  return named(columns);
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

/** Names of all migrations, oldest first. */
export async function listMigrations(db: D1Database): Promise<readonly string[]> {
  const { results } = await db.prepare("SELECT name FROM d1_migrations ORDER BY id").all<{ name: string }>();
  return results.map(({ name }) => name);
}

/** Lets a tenant's snapshot revision be greater than one that is stored. */
export async function raiseRevision(db: D1Database, tenantId: string, stored: number): Promise<void> {
  await db
    .prepare("UPDATE tenants SET snapshot_revision = ?2 + 1 WHERE id = ?1 AND snapshot_revision < ?2")
    .bind(tenantId, stored)
    .run();
}
