import { readdirSync, readFileSync } from "node:fs";
import { generateSQLiteDrizzleJson, generateSQLiteMigration } from "drizzle-kit/api";
import { describe, expect, test } from "vitest";
import { readMigrations, readRelease } from "../../../scripts/migrations/folder.ts";
import { describeOffence } from "../../../scripts/migrations/rule-table.ts";
import { migrationOffences } from "../../../scripts/migrations/rules.ts";
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

describe("the migrations folder", () => {
  test("loses no rows and breaks no code that runs beside it", () => {
    expect(migrationOffences(readMigrations("."), readRelease(".")).map(describeOffence)).toEqual([]);
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
