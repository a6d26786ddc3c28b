import { describe, expect, test } from "vitest";
import { statementError } from "../../../durable-objects/plugin-database/rules.ts";
import { copiesOf, growthOf, requireAllowed, tokensOf } from "../../../durable-objects/plugin-database/sql-rules.ts";

describe("tokens are SQLite's", () => {
  test.each<[string, string[]]>([
    ["SELECT a.b, 'it''s; --'", ["select", "a", ".", "b", ",", "it''s; --"]],
    ["select -- ; drop\n1", ["select", "1"]],
    ["select /* ; ' */ 1", ["select", "1"]],
    ['"A""b" `c``D` [e]f]', ['a""b', "c``d", "e", "f", "]"]],
    ["x'00ff' 1e5 .5 0x1F ?1 ?", ["x", "00ff", "1e5", ".5", "0x1f", "?1", "?"]],
    ["caf\u00e9_1 \uFEFFnext", ["caf\u00e9_1", "next"]],
    ["a\uFEFFb", ["a\uFEFFb"]],
    ["", []],
  ])("%j", (sql, texts) => {
    expect(tokensOf(sql).map(({ text }) => text)).toEqual(texts);
  });

  test.each(["select 'open", 'select "open', "select `open", "select [open", "select /* open", "select /*"])(
    "%j has no end",
    (sql) => {
      expect(() => tokensOf(sql)).toThrow("without an end");
    },
  );

  test("in a time that grows with the length only", () => {
    const started = performance.now();
    expect(() => tokensOf(`select '${"''".repeat(40_000)}`)).toThrow("without an end");
    tokensOf(`select '${"''".repeat(40_000)}'`);
    expect(performance.now() - started).toBeLessThan(500);
  });
});

describe("statements", () => {
  test.each([
    "SELECT 1;",
    "  select 1 ;; -- the end",
    "WITH RECURSIVE a AS (SELECT 1) SELECT * FROM a",
    "VALUES (1)",
    "REPLACE INTO t VALUES (';')",
    "CREATE TABLE IF NOT EXISTS t (a INTEGER PRIMARY KEY, b TEXT NOT NULL DEFAULT '' CHECK (length(b) < 9)) STRICT",
    'CREATE UNIQUE INDEX t_b ON "t" (b) WHERE b IS NOT NULL',
    "CREATE VIEW v AS SELECT a || b FROM t",
    "ALTER TABLE t ADD COLUMN c",
    "DROP INDEX t_b",
    "EXPLAIN QUERY PLAN SELECT 1",
    "SELECT printf('%05.2f', ?1), hex(randomblob(16))",
    "SELECT 'PRAGMA x; ATTACH y', \"begin\" FROM t",
  ])("%s is allowed", (sql) => {
    expect(requireAllowed(sql).length).toBeGreaterThan(0);
  });

  test.each([
    ["", "is empty"],
    [" -- nothing", "is empty"],
    ["SELECT 1; SELECT 2", "more than one"],
    ["SELECT 1;;DROP TABLE t", "more than one"],
    ["PRAGMA user_version", "begins with pragma"],
    ["ATTACH ':memory:' AS x", "begins with attach"],
    ["DETACH x", "begins with detach"],
    ["VACUUM INTO 'x'", "begins with vacuum"],
    ["BEGIN", "begins with begin"],
    ["SAVEPOINT x", "begins with savepoint"],
    ["ANALYZE", "begins with analyze"],
    ["/**/pragma x", "begins with pragma"],
    ["'SELECT' 1", "begins with select"],
    ["\u017Felect 1", "begins with"],
    ["EXPLAIN SELECT 1", "EXPLAIN QUERY PLAN"],
    ["EXPLAIN QUERY PLAN PRAGMA x", "EXPLAIN QUERY PLAN"],
    ["CREATE TEMP TABLE t (a)", "there are tables"],
    ["CREATE /* */ TRIGGER x AFTER INSERT ON t BEGIN SELECT 1", "there are tables"],
    ["CREATE VIRTUAL TABLE f USING fts5(a)", "there are tables"],
    ["DROP TRIGGER x", "there are tables"],
    ["CREATE TABLE u (a REFERENCES t)", "foreign key"],
    ["CREATE TABLE u (a, FOREIGN KEY (a) REFERENCES t)", "foreign key"],
    ["CREATE TABLE u (a, b AS (a + a))", "generated column"],
    ["CREATE TABLE u (a, b GENERATED ALWAYS AS (a) STORED)", "generated column"],
    ["CREATE TABLE u AS SELECT * FROM t", "a query"],
    ["CREATE TABLE u (a DEFAULT ('x' || 'y'))", "puts texts together"],
    ["CREATE INDEX i ON t (a || a)", "puts texts together"],
    ['CREATE INDEX "a (rowid=?)" ON t (a)', "question mark"],
    ["CREATE INDEX [USING x] ON t (a)", "names an index"],
    ['CREATE TABLE t ("a=? AND b" INT)', "question mark"],
    ["SELECT * FROM _cf_KV", "_cf_kv"],
    ['SELECT * FROM "_CF_kv"', "_cf_kv"],
    ["SELECT * FROM [sqlite_master]", "sqlite_master"],
    ["SELECT * FROM pragma_table_info('t')", "pragma_table_info"],
    ["SELECT :a", "named parameter"],
    ["SELECT $a::b(zeroblob(9))", "named parameter"],
    ["SELECT @a", "named parameter"],
    ["SELECT load_extension('x')", "load_extension"],
    ["SELECT zeroblob(1025)", "zeroblob"],
    ["SELECT zeroblob (9 * 1000000)", "zeroblob"],
    ["SELECT `randomblob`/**/(?)", "randomblob"],
    ["SELECT printf(a, 1) FROM t", "printf"],
    ["SELECT format('%999d', 1)", "format"],
    ["SELECT format('%9' || '99d', 1)", "format"],
    ["SELECT \0 1", "U+0000"],
    [`SELECT '${"x".repeat(100_000)}'`, "100000 bytes"],
  ])("%s is refused", (sql, message) => {
    expect(() => requireAllowed(sql)).toThrow(message);
  });
});

test.each([
  ["SELECT a, b FROM t", 1],
  ["SELECT x + x FROM (SELECT y + y AS x FROM (SELECT z + z AS y FROM t))", 8],
  ["WITH a AS (SELECT 1 AS x), b AS (SELECT 1 FROM a p, a q), c AS (SELECT 1 FROM b p, b q) SELECT 1 FROM c p, c q", 8],
  ["SELECT 1 FROM (SELECT a, a FROM t) UNION SELECT 2 FROM (SELECT b, b FROM t)", 2],
])("%s stands for %d copies", (sql, copies) => {
  expect(copiesOf(tokensOf(sql))).toBe(copies);
});

test("growth counts what is put together", () => {
  const sql = "SELECT a || b || c, concat(a, f(b, c), d), replace(a, b, c), group_concat(a) FROM (SELECT instr(a, b))";
  expect(growthOf(tokensOf(sql))).toEqual({
    selects: 2,
    joined: 5,
    replaces: 1,
    aggregates: 1,
    searches: 2,
    escapes: 0,
    windows: false,
  });
});

test.each([
  ["no such table: t: SQLITE_ERROR", "no such table: t"],
  ['near "x": syntax error at offset 26: SQLITE_ERROR', 'near "x": syntax error'],
  [
    "UNIQUE constraint failed: t.a: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_UNIQUE)",
    "UNIQUE constraint failed: t.a",
  ],
  ["disk I/O error: SQLITE_IOERR", undefined],
  ["Network connection lost.", undefined],
])("of the error %j the plugin is told %j", (message, told) => {
  expect(statementError(new Error(message))).toBe(told);
});
