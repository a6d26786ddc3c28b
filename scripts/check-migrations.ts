import path from "node:path";
import { readMigrations, readRelease } from "./migrations/folder.ts";
import { describeOffence } from "./migrations/rule-table.ts";
import { migrationOffences } from "./migrations/rules.ts";

/** Refuses migrations that lose rows or break the code that runs beside them (docs/migrations.md). */
const root = path.resolve(import.meta.dirname, "..");
const offences = migrationOffences(readMigrations(root), readRelease(root));
for (const offence of offences) process.stderr.write(`${describeOffence(offence)}\n`);
if (offences.length > 0) process.exitCode = 1;
