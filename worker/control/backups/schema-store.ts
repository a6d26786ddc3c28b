import { backedUpTables, type DescribedTable, type TableInfo } from "./table-rules.ts";

/** What a database says of its tables, and of the migrations that made them. */

export interface DatabaseSchema {
  readonly tables: readonly TableInfo[];
  /** Name of the last migration. */
  readonly migration: string;
  /** Statements that make the tables and indexes. */
  readonly definitions: readonly string[];
}

async function query(db: D1Database, sql: string): Promise<readonly Record<string, unknown>[]> {
  return (await db.prepare(sql).all()).results;
}

/** Every table of the database, as it describes itself. */
export async function describeTables(db: D1Database): Promise<readonly DescribedTable[]> {
  const tables = `FROM sqlite_master m JOIN`;
  const own = String.raw`WHERE m.type = 'table' AND m.name NOT LIKE '\_cf\_%' ESCAPE '\'`;
  const [columns, parents] = await Promise.all([
    query(
      db,
      `SELECT m.name AS t, p.name AS c, p.pk AS pk ${tables} pragma_table_info(m.name) p ${own} ORDER BY m.name, p.cid`,
    ),
    query(db, `SELECT m.name AS t, p."table" AS parent ${tables} pragma_foreign_key_list(m.name) p ${own}`),
  ]);
  const names = [...new Set(columns.map(({ t }) => String(t)))];
  return names.map((name) => ({
    name,
    columns: columns.filter(({ t }) => t === name).map(({ c, pk }) => ({ name: String(c), keyPosition: Number(pk) })),
    parents: parents.filter(({ t }) => t === name).map(({ parent }) => String(parent)),
  }));
}

export async function readSchema(db: D1Database): Promise<DatabaseSchema> {
  const [described, definitions, migrations] = await Promise.all([
    describeTables(db),
    query(
      db,
      "SELECT tbl_name AS t, sql FROM sqlite_master WHERE type IN ('table', 'index') AND sql IS NOT NULL ORDER BY type DESC, rowid",
    ),
    query(db, "SELECT name FROM d1_migrations ORDER BY id DESC LIMIT 1"),
  ]);
  const known = backedUpTables(described);
  return {
    tables: known,
    migration: migrations.map(({ name }) => String(name)).join(""),
    definitions: definitions.filter(({ t }) => known.some(({ name }) => name === t)).map(({ sql }) => String(sql)),
  };
}

/** Names of all migrations, oldest first. */
export async function listMigrations(db: D1Database): Promise<readonly string[]> {
  const { results } = await db.prepare("SELECT name FROM d1_migrations ORDER BY id").all<{ name: string }>();
  return results.map(({ name }) => name);
}
