import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { QUIET, wranglerCommand } from "../../scripts/local-worker.ts";
import { readMigrations } from "../../scripts/migrations/folder.ts";
import { ROOT } from "../support/node/source-files.ts";

/**
 * Wrangler itself applies migrations to a database of its own, and one of them is broken at first. Those that need no others, since
 * each costs a start of the runtime; `npm start` applies all of them (start.test.ts).
 */
const APPLIED = readMigrations(ROOT)
  .map(({ name }) => name)
  .filter((name) => /^(?:0000|0001|0002|0007|0008)_/.test(name));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "patchbay-migrations-"));
  await mkdir(path.join(folder, "migrations"));
  for (const name of APPLIED) await cp(path.join(ROOT, "migrations", name), path.join(folder, "migrations", name));
  const database = `[[d1_databases]]\nbinding = "DB"\ndatabase_name = "patchbay"\nmigrations_dir = "migrations"\n`;
  await writeFile(
    path.join(folder, "wrangler.toml"),
    `name = "patchbay"\ncompatibility_date = "2026-07-01"\n${database}`,
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number;
  readonly output: string;
}

async function wrangler(...args: readonly string[]): Promise<Ended> {
  const all = [wranglerCommand(ROOT), "d1", ...args, "--local", "--persist-to", path.join(folder, "state")];
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, all, {
      cwd: folder,
      env: { ...process.env, ...QUIET },
    });
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }; // as execFile rejects
    return { code, output: stdout + stderr };
  }
}

/** What is in the file that the local database is. */
async function query(sql: string): Promise<readonly unknown[]> {
  const databases = path.join(folder, "state/v3/d1/miniflare-D1DatabaseObject");
  const file = (await readdir(databases)).find((name) => /^[0-9a-f]{64}\.sqlite$/.test(name));
  const database = new DatabaseSync(path.join(databases, file ?? ""), { readOnly: true });
  try {
    return database
      .prepare(sql)
      .all()
      .map((row) => ({ ...row }));
  } finally {
    database.close();
  }
}

const BROKEN = `CREATE TABLE broken_off (id text PRIMARY KEY, note text);
INSERT INTO broken_off VALUES ('a;b', 'one'), ('c', 'two');
CREATE TRIGGER broken_off_guard BEFORE UPDATE ON broken_off
BEGIN
  SELECT CASE WHEN NEW.note IS NULL THEN RAISE(ABORT, 'a note; always') END;
END;
`;

test("a migration that fails in its middle leaves no trace; corrected, it is all that is applied", async () => {
  const broken = path.join(folder, "migrations/9999_broken.sql");
  await writeFile(broken, `${BROKEN}INSERT INTO no_such_table VALUES (1);\n`);
  const failed = await wrangler("migrations", "apply", "DB");
  expect([failed.code, failed.output]).toEqual([1, expect.stringContaining("no_such_table")]);
  const state = `SELECT (SELECT group_concat(name) FROM d1_migrations) AS applied, (SELECT count(*) FROM sqlite_master WHERE name LIKE 'broken%') AS left_over`;
  expect(await query(state)).toEqual([{ applied: APPLIED.join(","), left_over: 0 }]);

  await writeFile(broken, BROKEN);
  const corrected = await wrangler("migrations", "apply", "DB");
  expect([corrected.code, corrected.output]).toEqual([0, expect.not.stringContaining(APPLIED.at(-1) ?? "")]);
  expect(await query(state)).toEqual([{ applied: [...APPLIED, "9999_broken.sql"].join(","), left_over: 2 }]);
  expect(await query("SELECT id, note FROM broken_off ORDER BY id")).toEqual([
    { id: "a;b", note: "one" },
    { id: "c", note: "two" },
  ]);
});
