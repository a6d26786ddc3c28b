import { env } from "cloudflare:workers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  beginAt,
  faultsOf,
  LATEST,
  migrateTo,
  readRows,
  writeRows,
  type Rows,
} from "../../support/workers/schema-versions.ts";
import type { ReleaseRecord } from "./release-record.ts";

/**
 * Old code on the new schema, which is how it is between the migration and the deploy: what an earlier release sends to the
 * database, sent again to one that is migrated before, or in the middle, does and answers the same as on that release's own schema.
 */

const releases = Object.values(
  import.meta.glob<ReleaseRecord>("../../fixtures/releases/*.json", { eager: true, import: "default" }),
);

/** These ask for the schema itself, and are right to find another. */
const ABOUT_SCHEMA = /\bd1_migrations\b|\bsqlite_master\b|\bpragma_/;

interface Outcome {
  readonly sql: string;
  readonly results: unknown;
}

/** The database at a release's schema, with what it held when the release was recorded. */
async function beginWith({ migration, rows }: ReleaseRecord): Promise<void> {
  await beginAt(env.TEST_MIGRATIONS.findIndex(({ name }) => name === migration) + 1);
  await env.DB.prepare("DELETE FROM tenants").run();
  await writeRows(new Map(Object.entries(rows)));
}

async function send(
  { statements }: ReleaseRecord,
  transaction: ReleaseRecord["transactions"][number],
): Promise<Outcome[]> {
  const texts = transaction.map(([statement]) => statements[statement] ?? "");
  const prepared = transaction.map(([, params], index) => env.DB.prepare(texts[index] ?? "").bind(...params));
  try {
    const answers = await env.DB.batch(prepared);
    return answers.map(({ results, meta: { changes } }, index) => {
      const sql = texts[index] ?? "";
      return { sql, results: ABOUT_SCHEMA.test(sql) ? "of the schema" : [changes, results] };
    });
  } catch (error) {
    return [{ sql: texts.join("; "), results: String(error) }];
  }
}

interface Replayed {
  readonly outcomes: readonly Outcome[];
  /** What is in the database at the end. */
  readonly rows: Rows;
}

/**
 * @param change  made before so many transactions; undefined: never
 * @param expected  where the outcomes begin to differ from these, nothing more is sent
 */
async function replay(
  record: ReleaseRecord,
  change?: { readonly before: number; make(): Promise<unknown> },
  expected?: Replayed,
): Promise<Replayed> {
  await beginWith(record);
  const outcomes: Outcome[] = [];
  for (const [index, transaction] of record.transactions.entries()) {
    if (index === change?.before) await change.make();
    const from = outcomes.push(...(await send(record, transaction)));
    const last = outcomes.slice(from - transaction.length);
    const known = expected?.outcomes.slice(outcomes.length - last.length, outcomes.length);
    if (known && JSON.stringify(last) !== JSON.stringify(known)) break;
  }
  return { outcomes, rows: await readRows() };
}

/** Only the tables and columns that the other has. */
function within(rows: Rows, own: Rows): Rows {
  return new Map(
    [...own].map(([table, [first]]) => {
      const columns = Object.keys(first ?? {});
      const found = rows.get(table) ?? [];
      return [table, found.map((row) => Object.fromEntries(columns.map((column) => [column, row[column] ?? null])))];
    }),
  );
}

async function expectSame(
  record: ReleaseRecord,
  own: Replayed,
  before: number,
  make: () => Promise<unknown>,
): Promise<void> {
  const found = await replay(record, { before, make }, own);
  expect(found.outcomes).toEqual(own.outcomes);
  expect(within(found.rows, own.rows)).toEqual(own.rows);
}

afterAll(() => beginAt(LATEST));

describe.each(releases.map((record) => ({ release: record.release, record })))("release $release", ({ record }) => {
  const middle = Math.floor(record.transactions.length / 2);
  let own: Replayed;

  test("has a record of a schema that is among the migrations", async () => {
    expect(env.TEST_MIGRATIONS.map(({ name }) => name)).toContain(record.migration);
    expect(record.statements.length).toBeGreaterThan(100);
    own = await replay(record);
    expect(
      own.outcomes.filter(({ results }) => typeof results === "string" && /no such|SQLITE_ERROR/.test(results)),
    ).toEqual([]);
  });

  test.each([
    ["before", 0],
    ["in the middle of", middle],
  ])("answers as ever where the database is migrated %s what it does", async (_when, before) => {
    await expectSame(record, own, before, () => migrateTo());
    expect(await faultsOf()).toEqual([]);
  });
});

describe("what the last release sends", () => {
  const record = releases.at(-1);
  let own: Replayed;

  beforeAll(async () => {
    if (record) own = await replay(record);
  });

  test.each<readonly [what: string, sql: string]>([
    ["a column that is renamed", "ALTER TABLE plugin_instances RENAME COLUMN state TO status"],
    ["a unique index that is dropped", "DROP INDEX alert_emails_by_address"],
    ["a unique index that is made", "CREATE UNIQUE INDEX one_event_each ON plugin_events (tenant_id, plugin_id, type)"],
    [
      "a trigger that changes what is written",
      "CREATE TRIGGER more AFTER INSERT ON api_keys BEGIN UPDATE api_keys SET name = 'other'; END",
    ],
    ["values that are changed", "UPDATE plugins SET name = upper(name)"],
    ["rows that go", "DELETE FROM api_keys"],
  ])("is not answered as ever after %s", async (_what, sql) => {
    const change = expectSame(record as ReleaseRecord, own, 0, () => env.DB.prepare(sql).run());
    await expect(change).rejects.toThrow("to deeply equal");
  });
});

test("there are records to send again", () => {
  expect(releases.length).toBeGreaterThan(0);
});
