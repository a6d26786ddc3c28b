import { applyD1Migrations } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { sqliteTables } from "./sqlite-tables.ts";

/** The database as it was at any version of its schema, and what is in it. */

export type Value = string | number | null;
export type Row = Readonly<Record<string, Value>>;
/** Rows of each table, in the order in which they were written. */
export type Rows = ReadonlyMap<string, readonly Row[]>;

/** How many migrations there are: the version of the latest schema. */
export const LATEST = env.TEST_MIGRATIONS.length;

/** The database is empty, and has its first so many migrations. What is compiled from it is gone too. */
export async function beginAt(version: number): Promise<void> {
  const tables = await sqliteTables(env.DB);
  const drops = tables.toReversed().map(({ name }) => env.DB.prepare(`DROP TABLE "${name}"`));
  await env.DB.batch([...drops, env.DB.prepare("DROP TABLE IF EXISTS d1_migrations")]);
  const { objects } = await env.STORE.list({ prefix: "snapshots/" });
  await env.STORE.delete(objects.map(({ key }) => key));
  await migrateTo(version);
}

export async function migrateTo(version: number = LATEST): Promise<void> {
  await applyD1Migrations(env.DB, env.TEST_MIGRATIONS.slice(0, version));
}

/** Every row of every table, but for the record of migrations. */
export async function readRows(): Promise<Rows> {
  const tables = await sqliteTables(env.DB);
  const answers = await env.DB.batch<Row>(
    tables.map(({ name }) => env.DB.prepare(`SELECT * FROM "${name}" ORDER BY rowid`)),
  );
  return new Map(tables.map(({ name }, index) => [name, answers[index]?.results ?? []]));
}

/** Writes rows as far as the database has a place for them: tables and columns of later versions are left out. */
export async function writeRows(rows: Rows): Promise<void> {
  const tables = await sqliteTables(env.DB);
  const statements = tables.flatMap(({ name, columns }) =>
    (rows.get(name) ?? []).map((row) => {
      const fields = columns.map((column) => column.name).filter((column) => Object.hasOwn(row, column));
      const marks = fields.map(() => "?").join(", ");
      const names = fields.map((field) => `"${field}"`).join(", ");
      return env.DB.prepare(`INSERT INTO "${name}" (${names}) VALUES (${marks})`).bind(
        ...fields.map((field) => row[field]),
      );
    }),
  );
  if (statements.length > 0) await env.DB.batch(statements);
}

/** What SQLite itself finds wrong: nothing where all is well. */
export async function faultsOf(): Promise<readonly unknown[]> {
  const [quick, keys] = await env.DB.batch<Row>([
    env.DB.prepare("PRAGMA quick_check"),
    env.DB.prepare("PRAGMA foreign_key_check"),
  ]);
  return [...(quick?.results ?? []).filter((row) => row["quick_check"] !== "ok"), ...(keys?.results ?? [])];
}
