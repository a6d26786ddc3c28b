import { readdirSync, readFileSync } from "node:fs";
import { generateSQLiteDrizzleJson, generateSQLiteMigration } from "drizzle-kit/api";
import { describe, expect, test } from "vitest";
import { destructiveStatements } from "./migration-rules.ts";
import * as schema from "../../../worker/db/schema.ts";

const FOLDER = "migrations";
const files = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".sql"))
  .sort();

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, "utf8"));
}

interface Journal {
  entries: { idx: number; tag: string }[];
}

describe("the rule against destructive migrations", () => {
  test.each([
    ["DROP TABLE `plugins`;", ["DROP TABLE"]],
    ["drop\n  table if exists plugins;", ["DROP TABLE"]],
    ["CREATE TABLE `__new_plugins` (id text);", ["__new_"]],
    ["ALTER TABLE `plugins` DROP COLUMN `name`;", ["DROP COLUMN"]],
    ["ALTER TABLE `plugins` RENAME TO `listings`;", ["RENAME TO"]],
    ["CREATE TABLE t (p text REFERENCES plugins(id) ON DELETE CASCADE);", ["ON DELETE CASCADE"]],
    ["CREATE TABLE plugins (id text); -- never DROP TABLE", []],
    ["ALTER TABLE `plugins` ADD `homepage` text;", []],
  ])("%s", (sql, expected) => {
    expect(destructiveStatements(sql)).toEqual(expected);
  });
});

describe("the migrations folder", () => {
  test.each(files)("%s loses no rows", (file) => {
    expect(destructiveStatements(readFileSync(`${FOLDER}/${file}`, "utf8"))).toEqual([]);
  });

  test("holds exactly the files of the journal, in its order", () => {
    const journal = readJson(`${FOLDER}/meta/_journal.json`) as Journal; // written by drizzle-kit
    expect(files).toEqual(journal.entries.map((entry) => `${entry.tag}.sql`));
    expect(journal.entries.map((entry) => entry.idx)).toEqual(files.map((_, index) => index));
  });

  test("leads to worker/db/schema.ts", async () => {
    const last = readdirSync(`${FOLDER}/meta`)
      .filter((name) => name.endsWith("_snapshot.json"))
      .sort()
      .at(-1);
    const migrated = readJson(`${FOLDER}/meta/${last}`) as Parameters<typeof generateSQLiteMigration>[0]; // written by drizzle-kit
    const declared = await generateSQLiteDrizzleJson(schema, migrated.id);
    expect(await generateSQLiteMigration(migrated, declared)).toEqual([]);
  });
});
