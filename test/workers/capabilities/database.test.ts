import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { databaseOf } from "../../../durable-objects/plugin-database/client.ts";
import type { Grants } from "../../../sdk/contract/grants.ts";
import { ask, type Answer, type AskOptions } from "../../support/guests/platform-guest.ts";

const GRANTS = { database: {} };
let installs = 0;

/** A database of its own for each test. */
function open(tenantId = "demo") {
  const mine: AskOptions & { readonly context: { tenantId: string; installId: string } } = {
    context: { tenantId, installId: `database-${++installs}` },
  };
  return {
    mine,
    query: (sql: string, params: readonly unknown[] = [], grants: Grants = GRANTS) =>
      ask("database_query", { sql, params }, grants, "", mine),
    transaction: (
      statements: readonly (string | { sql: string; params: readonly unknown[] })[],
      grants: Grants = GRANTS,
    ) =>
      ask(
        "database_transaction",
        { statements: statements.map((one) => (typeof one === "string" ? { sql: one } : one)) },
        grants,
        "",
        mine,
      ),
  };
}

/** Tables of many rows, made without the plugin's bounds. */
async function fill(database: ReturnType<typeof open>, table: string, rows: number, text = "x"): Promise<void> {
  await runInDurableObject(databaseOf(env.PLUGIN_DATABASE, database.mine.context), (_object, state) => {
    state.storage.sql.exec(`CREATE TABLE ${table} (id INTEGER PRIMARY KEY, k INTEGER, v TEXT)`);
    state.storage.sql.exec(
      `INSERT INTO ${table} (k, v) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows}) SELECT i % 100, '${text}' FROM n`,
    );
    state.storage.sql.exec(`CREATE INDEX ${table}_k ON ${table} (k)`);
  });
}

function rowsOf({ value, error }: Answer): unknown {
  return value?.["rows"] ?? error;
}

function refusal(message: string): object {
  return { code: "DATABASE_STATEMENT_FAILED", message: expect.stringContaining(message) as string };
}

describe("a database", () => {
  test("answers columns and rows of every type", async () => {
    const { query } = open();
    await query("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, data BLOB, price REAL)");
    const params = ["O'Neil; -- ", { base64: "AP8=" }, 1.5];
    expect(await query("INSERT INTO t (name, data, price) VALUES (?, ?, ?)", params)).toMatchObject({
      value: { rows: [], rowsWritten: 1, more: false },
    });
    expect((await query("SELECT *, NULL AS none, ?1 = 1 AS yes FROM t", [true])).value).toMatchObject({
      columns: ["id", "name", "data", "price", "none", "yes"],
      rows: [[1, "O'Neil; -- ", { base64: "AP8=" }, 1.5, null, 1]],
      rowsRead: 1,
    });
    expect(rowsOf(await query("UPDATE t SET price = 2 RETURNING id, price"))).toEqual([[1, 2]]);
  });

  test("survives the object's eviction", async () => {
    const { query, mine } = open();
    await query("CREATE TABLE t (a)");
    await query("INSERT INTO t VALUES (?)", ["kept"]);
    await evictDurableObject(databaseOf(env.PLUGIN_DATABASE, mine.context));
    expect(rowsOf(await query("SELECT a FROM t"))).toEqual([["kept"]]);
  });

  test("is another for each install and tenant", async () => {
    const mine = open();
    await mine.query("CREATE TABLE t (a)");
    expect((await open().query("SELECT a FROM t")).error).toMatchObject(refusal("no such table: t"));
    const options = { context: { ...mine.mine.context, tenantId: "other" } };
    const theirs = await ask("database_query", { sql: "SELECT a FROM t" }, GRANTS, "", options);
    expect(theirs.error).toMatchObject(refusal("no such table: t"));
  });

  test("does all of a transaction or nothing, and says which statement failed", async () => {
    const { query, transaction } = open();
    await query("CREATE TABLE t (a UNIQUE)");
    expect(
      await transaction([{ sql: "INSERT INTO t VALUES (?)", params: [1] }, "SELECT count(*) FROM t"]),
    ).toMatchObject({ value: { results: [{ rowsWritten: 2 }, { rows: [[1]] }] } });
    const failed = await transaction(["INSERT INTO t VALUES (2)", "CREATE TABLE u (b)", "INSERT INTO t VALUES (1)"]);
    expect(failed.error).toMatchObject(refusal("Statement 3: UNIQUE constraint failed: t.a"));
    expect(rowsOf(await query("SELECT a FROM t"))).toEqual([[1]]);
    expect((await query("SELECT * FROM u")).error).toMatchObject(refusal("no such table: u"));
  });

  test("says what is wrong with a statement", async () => {
    const { query } = open();
    expect((await query("SELECT missing")).error).toMatchObject(refusal("no such column: missing"));
    expect((await query("SELECT ?", [])).error).toMatchObject(refusal("Wrong number of parameter bindings"));
    expect((await query("SELECT ?", [{ a: 1 }])).error).toMatchObject({
      code: "HOST_REQUEST_INVALID",
      message: expect.stringContaining("params.0") as string,
    });
    expect((await query("SELECT 1", [], {})).error?.code).toBe("GRANT_MISSING");
  });

  test("returns as many rows as the quota, and says that there are more", async () => {
    const database = open();
    await fill(database, "t", 50);
    const grants = { database: { quotas: { rows: 10 } } };
    const { value } = await database.query("SELECT id FROM t", [], grants);
    expect(value?.["rows"]).toHaveLength(10);
    expect(value).toMatchObject({ more: true, rowsRead: 12 });
    const updated = await database.query("UPDATE t SET v = 'y' RETURNING id", [], grants);
    expect(updated.value).toMatchObject({ more: true });
    expect(rowsOf(await database.query("SELECT count(*) FROM t WHERE v = 'y'"))).toEqual([[50]]);
  });

  test("reads no more rows than the quota, and undoes what was written until then", async () => {
    const database = open();
    await fill(database, "t", 50);
    const grants = { database: { quotas: { rowsRead: 120 } } };
    const answer = await database.transaction(
      ["UPDATE t SET v = 'y' WHERE id = 1", "SELECT count(*) FROM t", "SELECT count(*) FROM t", "SELECT max(v) FROM t"],
      grants,
    );
    expect(answer.error).toMatchObject({
      code: "CAPABILITY_QUOTA_EXCEEDED",
      message: expect.stringContaining("database.rowsRead") as string,
    });
    expect(rowsOf(await database.query("SELECT v FROM t WHERE id = 1"))).toEqual([["x"]]);
  });

  test("grows up to its quota, can be read and emptied when it is full", async () => {
    const { query } = open();
    const grants = { database: { quotas: { bytes: 100_000 } } };
    await query("CREATE TABLE t (a)", [], grants);
    const insert = () => query("INSERT INTO t VALUES (?)", ["x".repeat(30_000)], grants);
    for (let index = 0; index < 2; index += 1) expect(await insert()).toHaveProperty("value");
    let answer = await insert();
    for (let index = 0; index < 3 && !answer.error; index += 1) answer = await insert();
    expect(answer.error).toMatchObject({
      code: "CAPABILITY_QUOTA_EXCEEDED",
      message: expect.stringContaining("database.bytes") as string,
    });
    expect(await query("DELETE FROM t", [], grants)).toHaveProperty("value");
    expect(await insert()).toHaveProperty("value");
  });
});

describe("what could run for ever is not begun", () => {
  test.each([
    ["recursive", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"],
    ["recursive", "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"],
    ["recursive", "INSERT INTO a (k) WITH n(i) AS (VALUES (1) UNION SELECT i + 1 FROM n) SELECT i FROM n"],
    ["circular", "WITH p AS (SELECT 1 x UNION ALL SELECT x FROM q), q AS (SELECT x + 1 x FROM p) SELECT * FROM q"],
    ["steps", "SELECT count(*) FROM a, b"],
    ["steps", "SELECT count(*) FROM 'a', \"b\""],
    ["steps", "SELECT count(*) FROM a, b AS 'SCAN CONSTANT ROW'"],
    ["steps", "SELECT count(*) FROM a JOIN b ON a.v = b.v"],
    ["steps", "SELECT count(*) FROM a x, a y WHERE x.id IN (SELECT id FROM a) AND y.id IN (SELECT id FROM a)"],
    ["steps", "SELECT (SELECT count(*) FROM b WHERE b.v > a.v) FROM a"],
    ["steps", "SELECT 1 LIMIT (SELECT count(*) FROM a, b)"],
    ["steps", "INSERT INTO a (k) SELECT a.k FROM a, b"],
    ["steps", "UPDATE a SET v = (SELECT max(v) FROM b WHERE b.id > a.id)"],
    ["steps", "INSERT INTO a (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET v = (SELECT count(*) FROM a, b)"],
    ["steps", "INSERT INTO a (k) VALUES (1) RETURNING (SELECT count(*) FROM a, b)"],
    ["steps", "WITH m AS MATERIALIZED (SELECT v FROM a) SELECT count(*) FROM m p, m q"],
    ["steps", "SELECT count(*) FROM a, json_each((SELECT json_group_array(v) FROM b))"],
    ["steps", "SELECT max(v) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING EXCLUDE TIES) FROM a"],
    ["steps", "SELECT group_concat(v) OVER (ORDER BY id ROWS 4000 PRECEDING) FROM a"],
    ["value", `SELECT length(${"hex(".repeat(30)}'a'${")".repeat(30)})`],
    ["value", `SELECT length(${"quote(".repeat(30)}'"'${")".repeat(30)})`],
    ["value", `SELECT printf('%s%s', x, x) FROM (${escaped(12)})`],
    ["copies", `WITH ${chain(20)} SELECT count(*) FROM c19`],
    ["copies", `SELECT length(x) FROM (${doubled(30)})`],
    ["zeroblob", "SELECT length(zeroblob(900000000))"],
    ["zeroblob", 'SELECT length("ZeroBlob"(900000000))'],
    ["zeroblob", "SELECT length(\uFEFFzeroblob(900000000))"],
    ["randomblob", "SELECT hex(randomblob(?1))"],
    ["printf", "SELECT printf('%100000000d', 1)"],
    ["format", "SELECT format('%*d', 100000000, 1)"],
    ["too complex", `SELECT 'a' LIKE '${"%a".repeat(30)}'`],
  ])("%s: %s", async (message, sql) => {
    const database = open();
    await fill(database, "a", 5_000);
    await fill(database, "b", 5_000);
    const { error } = await database.query(sql, sql.includes("?1") ? [1e8] : []);
    expect(error).toMatchObject(refusal(message));
    expect(rowsOf(await database.query("SELECT count(*) FROM a"))).toEqual([[5_000]]);
  });

  test("views that multiply are not defined", async () => {
    const { query } = open();
    await query("CREATE VIEW c0 AS SELECT 1 AS x");
    let answer: Answer = {};
    for (let index = 1; index < 30 && !answer.error; index += 1) {
      answer = await query(`CREATE VIEW c${index} AS SELECT p.x FROM c${index - 1} p, c${index - 1} q`);
    }
    expect(answer.error).toMatchObject(refusal("copies"));
  });

  test("long texts are not searched for in long texts", async () => {
    const { query } = open();
    const params = ["a".repeat(400_000), `${"a".repeat(200_000)}b`];
    expect((await query("SELECT instr(?1, ?2)", params)).error).toMatchObject(refusal("steps"));
    expect((await query("SELECT length(replace(?1, 'a', ?2))", params)).error).toMatchObject(refusal("value"));
  });
});

describe("what a plugin needs is run", () => {
  test.each([
    ["SELECT count(*) FROM a JOIN b ON b.id = a.id WHERE a.k = 5", [[50]]],
    ["SELECT count(*) FROM a JOIN b ON b.k = a.k WHERE a.id < 100", [[4_950]]],
    ["SELECT k, count(*) FROM a GROUP BY k ORDER BY 2 DESC, 1 LIMIT 1", [[0, 50]]],
    ["SELECT v || '-' || k FROM a ORDER BY id LIMIT 1", [["x-1"]]],
    ["SELECT id FROM a WHERE id IN (1, 2, 3) OR id = 4", [[1], [2], [3], [4]]],
    ["SELECT id FROM a WHERE id IN (SELECT id FROM b WHERE k = 7) ORDER BY id LIMIT 1", [[7]]],
    ["WITH top AS (SELECT id FROM a WHERE k = 3) SELECT count(*) FROM top", [[50]]],
    ["SELECT id, row_number() OVER (PARTITION BY k ORDER BY id DESC) AS n FROM a ORDER BY n, id LIMIT 1", [[4_901, 1]]],
    ["SELECT group_concat(id) FROM (SELECT id FROM a WHERE id < 4)", [["1,2,3"]]],
    [
      "SELECT replace(upper(v), 'X', 'y'), printf('%05.1f', 2.5), length(hex(randomblob(16))) FROM a LIMIT 1",
      [["y", "002.5", 32]],
    ],
    ["SELECT count(*) FROM json_each('[1,2,3]')", [[3]]],
  ])("%s", async (sql, rows) => {
    const database = open();
    await fill(database, "a", 5_000);
    await fill(database, "b", 5_000);
    expect(rowsOf(await database.query(sql))).toEqual(rows);
  });

  test("many rows from one parameter", async () => {
    const { query } = open();
    await query("CREATE TABLE t (a INTEGER, b TEXT)");
    const list = JSON.stringify(Array.from({ length: 1_000 }, (_, a) => ({ a, b: `text ${a}` })));
    const sql = "INSERT INTO t SELECT value ->> 'a', value ->> 'b' FROM json_each(?)";
    expect((await query(sql, [list])).value).toMatchObject({ rowsWritten: 1_000 });
  });
});

/** Queries of which each names the one before twice. */
function chain(length: number): string {
  return Array.from({ length }, (_, index) =>
    index === 0 ? "c0 AS (SELECT 1 AS x)" : `c${index} AS (SELECT p.x FROM c${index - 1} p, c${index - 1} q)`,
  ).join(", ");
}

/** A query whose text doubles with each level. */
function doubled(levels: number): string {
  return levels === 0 ? "SELECT 'abcdefgh' AS x" : `SELECT x || x AS x FROM (${doubled(levels - 1)})`;
}

/** A query whose text is escaped again with each level. */
function escaped(levels: number): string {
  return levels === 0 ? "SELECT v AS x FROM a" : `SELECT quote(x) AS x FROM (${escaped(levels - 1)})`;
}
