import { env } from "cloudflare:workers";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import { compileSnapshot } from "../../../worker/control/compile.ts";
import { FaultyApp } from "../../support/workers/faulty-app.ts";
import { generatedRows } from "../../support/workers/generated-rows.ts";
import { seedResources, type Resources } from "../../support/workers/resources.ts";
import {
  beginAt,
  faultsOf,
  LATEST,
  migrateTo,
  readRows,
  writeRows,
  type Row,
  type Rows,
  type Value,
} from "../../support/workers/schema-versions.ts";
import { sqliteTables } from "../../support/workers/sqlite-tables.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { releasedPlugin } from "../upgrades/released-plugin.ts";

/**
 * From every version of the schema, with rows in every table that it has: to the latest. Rows that the application wrote are taken
 * from the latest schema and put into the older ones as far as they have a place for them; generated ones fill the other tables.
 */

/** What a migration fills in, by `table.column`, where it is not the column's default. */
const FILLED: Readonly<Record<string, (row: Row, rows: readonly Row[]) => Value>> = {
  // Numbers in the order of ids, for each tenant.
  "plugin_events.sequence": (row, rows) =>
    rows.filter(({ tenant_id, id }) => tenant_id === row["tenant_id"] && String(id) <= String(row["id"])).length,
};

/** Rows that a migration adds, by table. */
const ADDED: Readonly<Record<string, (before: Rows) => readonly unknown[]>> = {
  tenants: (before) =>
    before.get("tenants")?.some(({ id }) => id === PLATFORM_TENANT)
      ? []
      : [expect.objectContaining({ id: PLATFORM_TENANT, plan: "pro", status: "active", snapshot_revision: 1 })],
  install_removals: (before) =>
    before.has("install_removals")
      ? []
      : (before.get("plugin_instances") ?? [])
          .filter(({ state }) => state === "uninstalled")
          .map(({ id, tenant_id, plugin_id, updated_at }) => ({
            install_id: id,
            tenant_id,
            plugin_id,
            removed_at: updated_at,
            due_at: 0,
            failures: 0,
          })),
};

/** Generated values that something reads whatever the tenant. */
function samples(): Readonly<Record<string, readonly Value[]>> {
  const { current } = JSON.parse(env.CONFIG_KEYS) as { current: string }; // written by vitest.config.ts
  const fingerprint = JSON.stringify({ worker: null, bindings: [], keys: {}, schema: { expected: "", applied: null } });
  return {
    "environments.fingerprint": [fingerprint, fingerprint, fingerprint],
    "platform_settings.settings": ["{}", "{}", "{}"],
    "webhooks.secret": [1, 2, 3].map(() => JSON.stringify({ key: current })),
  };
}

/** The plugin is run after the migration from one in so many versions. */
const VERSIONS_PER_RUN = 6;

interface Written {
  readonly rows: Rows;
  readonly resources: Resources;
  readonly running: { readonly tenantId: string; readonly pluginId: string };
}
let written: Written;

/** Nothing is under way any more when the database begins anew. */
const HELD = { BACKUP_RUNS: { create: () => Promise.resolve({}) } } as unknown as Partial<Env>; // its answer is not read
beforeEach(() => void vi.spyOn(console, "error").mockReturnValue());
afterEach(() => vi.restoreAllMocks());

/** What the application writes on the latest schema: a plugin that runs, one of everything, and an install that was removed. */
beforeAll(async () => {
  const plugin = await releasedPlugin();
  await plugin.run("one", "two");
  const removed = await releasedPlugin();
  await removed.call("DELETE", "", undefined, HELD);
  const resources = await seedResources("acme");
  const all = await readRows();
  const rows = new Map([...all].map(([table, of]) => [table, of.filter((row) => !isOfPlatform(table, row))]));
  written = { rows, resources, running: plugin };
});

/** The migrations write it, and what the worker finds out about itself is found out again. */
function isOfPlatform(table: string, row: Row): boolean {
  return row["tenant_id"] === PLATFORM_TENANT || (table === "tenants" && row["id"] === PLATFORM_TENANT);
}

afterAll(() => beginAt(LATEST));

async function fill(): Promise<void> {
  await writeRows(written.rows);
  await writeRows(generatedRows(await sqliteTables(env.DB), samples()));
}

/** Each row is there as it was, new columns hold their default or what was filled in, and nothing else was added. */
async function expectKept(before: Rows, after: Rows): Promise<void> {
  const tables = await sqliteTables(env.DB);
  const defaults = await defaultsOf(tables);
  for (const { name, columns } of tables) {
    const [had, has] = [before.get(name) ?? [], after.get(name) ?? []];
    const kept = had.map((row) =>
      Object.fromEntries(
        columns.map((column) => {
          const filled = FILLED[`${name}.${column.name}`];
          const value = filled ? filled(row, had) : (defaults.get(`${name}.${column.name}`) ?? null);
          return [column.name, Object.hasOwn(row, column.name) ? row[column.name] : value];
        }),
      ),
    );
    expect([name, has]).toEqual([name, [...kept, ...(ADDED[name]?.(before) ?? [])]]);
  }
  expect([...before.keys()].filter((table) => !after.has(table))).toEqual([]);
}

async function defaultsOf(tables: Awaited<ReturnType<typeof sqliteTables>>): Promise<ReadonlyMap<string, Value>> {
  const known = tables.flatMap(({ name, columns }) =>
    columns.flatMap((column) => (column.default === null ? [] : [[`${name}.${column.name}`, column.default] as const])),
  );
  const fields = known.map(([place, text]) => `${text} AS "${place}"`).join(", ");
  const row = await env.DB.prepare(`SELECT ${fields}`).first<Row>();
  return new Map(Object.entries(row ?? {}));
}

/** What the application reads of each tenant, and that its plugin runs. */
async function expectWorks(): Promise<void> {
  const app = new FaultyApp();
  await app.run((deps) => compileSnapshot(deps, PLATFORM_TENANT));
  const platform = await mintToken({ tenant: PLATFORM_TENANT, roles: ["admin"] });
  const [{ tenantId, pluginId }, { resources }] = [written.running, written];
  for (const tenant of [tenantId, resources.tenantId]) await app.run((deps) => compileSnapshot(deps, tenant));
  const token = await mintToken({ tenant: tenantId, roles: ["admin"] });
  const other = await mintToken({ tenant: resources.tenantId, roles: ["admin"] });
  const reads: readonly (readonly [path: string, token: string])[] = [
    ["/readyz", platform],
    ["/api/v1/admin/tenants", platform],
    [`/api/v1/admin/tenants/${tenantId}`, platform],
    ["/api/v1/admin/members", other],
    ["/api/v1/admin/keys", other],
    ["/api/plugins", token],
    [`/api/plugins/${pluginId}`, token],
    [`/api/plugins/${pluginId}/versions`, token],
    [`/api/plugins/${pluginId}/executions`, token],
    [`/api/plugins/${pluginId}/config`, token],
    [`/api/plugins/${pluginId}/permissions`, token],
    [`/api/plugins/${resources.pluginId}`, other],
    ["/api/plugins/events?order=oldest&after=0", token],
    ["/api/plugins/webhooks", other],
    ["/api/plugins/audit-logs", token],
  ];
  const answers = await Promise.all(reads.map(([path, by]) => app.request("GET", path, { token: by })));
  const snapshot = await app.run((deps) => deps.snapshots.read(tenantId));
  expect(snapshot?.installs[pluginId]).toMatchObject({ state: "active", version: "1.0.0", functions: ["run"] });
  expect(answers.map(({ status, body }, index) => [reads[index]?.[0], status, status === 200 || body])).toEqual(
    reads.map(([path]) => [path, 200, true]),
  );
}

/** A plugin that was installed before runs. Takes an isolate, which is most of what the test of a version would cost. */
async function expectRuns(): Promise<void> {
  const { tenantId, pluginId } = written.running;
  const token = await mintToken({ tenant: tenantId, roles: ["caller"] });
  const ran = await new FaultyApp().request("POST", `/api/plugins/${pluginId}/execute`, {
    token,
    body: { input: "hello" },
  });
  expect([ran.status, ran.body]).toEqual([200, expect.objectContaining({ output: "hello" })]);
}

describe("a database with rows in every table", () => {
  const versions = env.TEST_MIGRATIONS.map(({ name }, index) => ({ version: index + 1, name }));

  test("among them an install that was removed", () => {
    expect(written.rows.get("plugin_instances")?.map(({ state }) => state)).toContain("uninstalled");
  });

  test.each(versions)("migrates from $name to the latest, and nothing is lost", async ({ version }) => {
    await beginAt(version);
    await fill();
    const before = await readRows();
    expect([...before].filter(([, rows]) => rows.length === 0).map(([table]) => table)).toEqual([]);
    await migrateTo();
    await expectKept(before, await readRows());
    expect(await faultsOf()).toEqual([]);
    await expectWorks();
    if (version % VERSIONS_PER_RUN === 1) await expectRuns();
  });
});

describe("the comparison", () => {
  test.each([
    ["a lost row", "DELETE FROM members WHERE rowid = 1"],
    ["a changed value", "UPDATE plugins SET description = lower(description)"],
    ["an added row", "INSERT INTO topic_counts VALUES ('acme', 'new', 0, 0, 0, 0, 0)"],
    ["a value of another type", "UPDATE plugin_metrics SET sum = CAST(sum AS text) || 'x'"],
    ["a new column that is filled otherwise", "ALTER TABLE plugins ADD rank integer; UPDATE plugins SET rank = 1"],
    ["a table that went", "DROP TABLE plugin_advisories"],
  ])("finds %s", async (_what, sql) => {
    await beginAt(LATEST);
    await fill();
    const before = await readRows();
    await env.DB.batch(sql.split("; ").map((statement) => env.DB.prepare(statement)));
    await expect(readRows().then((after) => expectKept(before, after))).rejects.toThrow("to deeply equal");
  });
});

describe("a migration that breaks off", () => {
  /** Definitions and rows, as one text. */
  async function contents(): Promise<string> {
    const { results } = await env.DB.prepare("SELECT name, sql FROM sqlite_master ORDER BY name").all();
    return JSON.stringify([results, [...(await readRows())]]);
  }

  test("after any of its statements leaves no trace, and goes through when it is begun again", async () => {
    await beginAt(1);
    await fill();
    for (const { name, queries } of env.TEST_MIGRATIONS.slice(1)) {
      const statements = queries.map((query) => env.DB.prepare(query));
      const before = await contents();
      for (let done = 1; done <= statements.length; done++) {
        const broken = [
          ...statements.slice(0, done),
          env.DB.prepare("INSERT INTO d1_migrations (id) VALUES ('broken')"),
        ];
        await expect(env.DB.batch(broken)).rejects.toThrow("datatype mismatch");
      }
      expect([name, await contents()]).toEqual([name, before]);
      await env.DB.batch(statements);
    }
    expect(await faultsOf()).toEqual([]);
    const once = await definitions();
    await beginAt(LATEST);
    expect(once).toEqual(await definitions());
  });

  async function definitions(): Promise<unknown[]> {
    return (await env.DB.prepare("SELECT name, sql FROM sqlite_master ORDER BY name").all()).results;
  }
});
