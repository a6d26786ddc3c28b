import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { MigrationFile } from "./statements.ts";

/** All migrations, in the order in which they are applied. */
export function readMigrations(root: string): readonly MigrationFile[] {
  const folder = path.join(root, "migrations");
  const names = readdirSync(folder)
    .filter((name) => name.endsWith(".sql"))
    .sort();
  return names.map((name) => ({ name, sql: readFileSync(path.join(folder, name), "utf8") }));
}

/** The version being worked on. */
export function readRelease(root: string): string {
  const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as { version: string }; // our own
  return version;
}
