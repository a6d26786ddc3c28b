import { describe, expect, test } from "vitest";
import { describeOffence, MIGRATION_RULES, type RuleName } from "../../../scripts/migrations/rule-table.ts";
import { migrationOffences } from "../../../scripts/migrations/rules.ts";
import { statementsOf } from "../../../scripts/migrations/statements.ts";

/** What was there before: two tables, an index of each kind. */
const EARLIER = {
  name: "0000_initial.sql",
  sql: `CREATE TABLE \`plugins\` (\`id\` text PRIMARY KEY, \`name\` text, \`homepage\` text);--> statement-breakpoint
CREATE TABLE events (id text PRIMARY KEY, plugin text REFERENCES plugins(id));
CREATE UNIQUE INDEX plugins_by_name ON plugins (name);
CREATE INDEX events_by_plugin ON events (plugin);`,
};

function offences(sql: string): readonly { readonly rule: RuleName; readonly detail: string; readonly line: number }[] {
  return migrationOffences([EARLIER, { name: "0001_next.sql", sql }], "0.4.0");
}

const HOSTILE: readonly (readonly [sql: string, ...rules: RuleName[]])[] = [
  ["DROP TABLE plugins;", "drop-table"],
  ["drop\n  table if exists main.`plugins`;", "drop-table"],
  ["DROP/* harmless */TABLE 'plugins';", "drop-table"],
  ["DROP VIEW listing;", "drop-view"],
  ["DROP TRIGGER guard;", "drop-trigger"],
  ["DROP INDEX plugins_by_name;", "drop-unique-index"],
  ["DROP INDEX IF EXISTS of_unknown_origin;", "drop-unique-index"],
  ["ALTER TABLE plugins DROP COLUMN homepage;", "drop-column"],
  ["ALTER TABLE plugins DROP homepage;", "drop-column"],
  ["ALTER TABLE plugins RENAME TO listings;", "rename"],
  ["ALTER TABLE plugins RENAME COLUMN name TO title;", "rename"],
  ["ALTER TABLE plugins RENAME name TO title;", "rename"],
  ["CREATE TABLE `__new_plugins` (id text);", "rebuild"],
  ["INSERT INTO `__new_plugins`(id) SELECT id FROM plugins;", "rebuild"],
  ["ALTER TABLE `__new_plugins` RENAME TO `plugins`;", "rebuild"],
  ["CREATE TABLE t (p text REFERENCES plugins(id) ON DELETE CASCADE);", "cascade"],
  ["CREATE TABLE t (p text REFERENCES plugins(id) ON UPDATE SET NULL);", "cascade"],
  ["DELETE FROM plugins WHERE name = 'x';", "delete-rows"],
  ["WITH old AS (SELECT id FROM plugins) DELETE FROM events WHERE plugin IN old;", "delete-rows"],
  ["REPLACE INTO plugins (id) VALUES ('a');", "delete-rows"],
  ["INSERT OR REPLACE INTO plugins (id) VALUES ('a');", "delete-rows"],
  ["UPDATE OR REPLACE plugins SET name = 'x';", "delete-rows"],
  ["UPDATE plugins SET name = lower(name);", "update-rows"],
  ["UPDATE plugins AS p SET (name, homepage) = (SELECT 'a', 'b');", "update-rows", "update-rows"],
  ["INSERT INTO plugins (id) VALUES ('a') ON CONFLICT DO UPDATE SET name = 'x';", "update-rows"],
  ["ALTER TABLE plugins ADD size integer NOT NULL;", "column-needs-default"],
  ["ALTER TABLE plugins ADD size integer NOT NULL DEFAULT NULL;", "column-needs-default"],
  ["ALTER TABLE plugins ADD at integer DEFAULT (unixepoch()) NOT NULL;", "column-needs-default"],
  ["ALTER TABLE plugins ADD COLUMN at text DEFAULT CURRENT_TIMESTAMP;", "column-needs-default"],
  ["ALTER TABLE plugins ADD code text UNIQUE;", "column-unique"],
  ["ALTER TABLE plugins ADD code text PRIMARY KEY;", "column-unique"],
  ["ALTER TABLE plugins ADD size integer DEFAULT 0 CHECK (size >= 0);", "column-check"],
  ["ALTER TABLE plugins ADD title text GENERATED ALWAYS AS (upper(name)) VIRTUAL;", "column-generated"],
  ["ALTER TABLE plugins ADD event text REFERENCES events(id);", "column-references"],
  ["ALTER TABLE plugins ADD event text REFERENCES events(id) ON DELETE SET NULL;", "column-references", "cascade"],
  ["ALTER TABLE plugins ADD CONSTRAINT named CHECK (name <> '');", "unknown"],
  ["ALTER TABLE plugins ALTER COLUMN name SET NOT NULL;", "unknown"],
  ["CREATE UNIQUE INDEX events_once ON events (plugin);", "unique-index"],
  ["CREATE TRIGGER guard BEFORE UPDATE ON plugins BEGIN SELECT RAISE(ABORT, 'no'); END;", "trigger"],
  ["PRAGMA foreign_keys=OFF;", "pragma"],
  ["PRAGMA writable_schema = 1;", "pragma"],
  ["BEGIN; CREATE INDEX i ON plugins (id); COMMIT;", "transaction", "transaction"],
  ["SAVEPOINT s;", "transaction"],
  ["CREATE INDEX i ON plugins (id); -- BEGIN TRANSACTION", "transaction"],
  ["VACUUM;", "unknown"],
  ["ATTACH 'x' AS y;", "unknown"],
  ["CREATE TEMP TABLE t (id text);", "unknown"],
  ["EXPLAIN DROP TABLE plugins;", "unknown"],
  ["SELECT 1;", "unknown"],
  ["CREATE INDEX i ON plugins (id); /* and the rest", "unreadable"],
  ["CREATE INDEX i ON plugins (id); INSERT INTO plugins (id) VALUES ('open);", "unreadable"],
  ["CREATE INDEX i ON plugins (id)", "unreadable"],
  ["CREATE INDEX i ON plugins (id);\0DROP TABLE plugins;", "unreadable"],
];

const HARMLESS: readonly string[] = [
  "CREATE TABLE t (id text PRIMARY KEY, plugin text NOT NULL REFERENCES plugins(id) ON DELETE NO ACTION); -- never DROP TABLE",
  "/* DROP TABLE plugins; */ CREATE INDEX i ON plugins (name);",
  "INSERT INTO plugins (id, name) VALUES ('x', 'DROP TABLE plugins; DELETE FROM plugins;');",
  'CREATE TABLE "drop table plugins" (id text, [delete from] text);',
  "ALTER TABLE plugins ADD homepage_url text;",
  "ALTER TABLE plugins ADD rank integer DEFAULT -1 NOT NULL;",
  "ALTER TABLE plugins ADD rank integer DEFAULT 0 NOT NULL; UPDATE plugins SET rank = (SELECT count(*) FROM events);",
  "DROP INDEX events_by_plugin;",
  "CREATE UNIQUE INDEX i ON t (id); CREATE TABLE t (id text);",
  "CREATE TABLE t (id text); CREATE TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM t WHERE id = CASE WHEN 1 THEN 'a' END; END; CREATE INDEX i ON t (id);",
  "CREATE VIRTUAL TABLE found USING fts5(name);",
  "INSERT INTO plugins (id) VALUES ('a') ON CONFLICT DO NOTHING;",
];

describe("a migration is refused that", () => {
  test.each(HOSTILE.map(([sql, ...rules]) => ({ sql, rules })))("$rules: $sql", ({ sql, rules }) => {
    expect(offences(sql).map(({ rule }) => rule)).toEqual(rules);
  });

  test("every rule has a fixture that breaks it", () => {
    const broken = new Set<RuleName>(HOSTILE.flatMap(([, ...rules]) => rules));
    const unbroken = Object.keys(MIGRATION_RULES).filter((rule) => !broken.has(rule as RuleName)); // a key of the table
    expect(unbroken).toEqual(["declaration"]);
  });

  test("the refusal says where, what and what helps", () => {
    const [offence] = migrationOffences([EARLIER, { name: "0001_x.sql", sql: "\n\nDROP TABLE events;" }], "0.4.0");
    expect(offence && describeOffence(offence)).toBe(
      'migrations/0001_x.sql:3: drops a table (events); where no code uses it any more, say so before it: "-- contract drop-table <what>, unused since <release>: <why>".',
    );
  });
});

describe("a migration passes that", () => {
  test.each(HARMLESS)("%s", (sql) => {
    expect(offences(sql)).toEqual([]);
  });
});

describe("what is declared", () => {
  const REASON = "the column moved to plugin_links";
  test.each([
    `-- declared update-rows: names were never read with capitals\nUPDATE plugins SET name = lower(name);`,
    `-- contract drop-column plugins.homepage, unused since 0.3.0: ${REASON}\nALTER TABLE plugins DROP COLUMN homepage;`,
    `/* contract drop-table events, unused since 0.3.9: ${REASON} */ DROP TABLE events;`,
  ])("passes: %s", (sql) => {
    expect(offences(sql)).toEqual([]);
  });

  test.each([
    [
      `-- contract drop-column plugins.homepage, unused since 0.4.0: ${REASON}`,
      "must have been deployed before this one",
    ],
    [
      `-- contract drop-column plugins.homepage, unused since 1.0.0: ${REASON}`,
      "must have been deployed before this one",
    ],
    [`-- contract drop-column plugins.name, unused since 0.3.0: ${REASON}`, "does no such thing"],
    [`-- contract drop-column plugins.homepage: ${REASON}`, "form"],
    [`-- Contract drop-column plugins.homepage, unused since 0.3.0: ${REASON}`, "form"],
    ["-- contract drop-column plugins.homepage, unused since 0.3.0: gone", "no reason"],
    [`-- declared drop-column: ${REASON}`, "takes a contract"],
    [`-- declared drop-columns: ${REASON}`, "no rule"],
    [`-- declared rename: ${REASON}`, "nothing excuses"],
    [`-- declared toString: ${REASON}`, "form"],
  ])("does not hold: %s", (comment, why) => {
    const found = offences(`${comment}\nALTER TABLE plugins DROP COLUMN homepage;`);
    expect(found.map(({ rule }) => rule)).toEqual(["drop-column", "declaration"]);
    expect(found[1]?.detail).toContain(why);
  });

  test("excuses only the statement that follows", () => {
    const sql = `-- declared delete-rows: events of no plugin are of no use\nDELETE FROM events;\nDELETE FROM plugins;`;
    expect(offences(sql)).toMatchObject([{ rule: "delete-rows", detail: "plugins", line: 3 }]);
  });

  test("a constructor's name is no rule", () => {
    expect(offences("-- declared constructor: it is on every object\nDROP TABLE events;")).toMatchObject([
      { rule: "drop-table" },
      { rule: "declaration" },
    ]);
  });
});

describe("statements", () => {
  test("end where SQLite ends them", () => {
    const sql = `INSERT INTO t VALUES (';', "a;b", [c;d], \`e;f\`); -- one;
CREATE TEMPORARY TRIGGER g AFTER INSERT ON t BEGIN
  SELECT CASE WHEN 1 THEN 2 END;
  INSERT INTO t VALUES ('END;');
END;;
DROP TABLE t`;
    expect(statementsOf(sql).map(({ tokens, line, complete }) => [tokens[0]?.text, line, complete])).toEqual([
      ["insert", 1, true],
      ["create", 2, true],
      ["drop", 6, false],
    ]);
  });
});
