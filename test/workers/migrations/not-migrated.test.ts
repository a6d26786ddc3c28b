import { env } from "cloudflare:workers";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { ERRORS, type ErrorCode } from "../../../sdk/contract/errors.ts";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import { compileSnapshot } from "../../../worker/control/compile.ts";
import { tendSystem } from "../../../worker/control/modes/actions.ts";
import { WALK, walkApi } from "../../support/workers/api-walk.ts";
import { HeldWorker } from "../../support/workers/held-worker.ts";
import { seedResources, type Resources } from "../../support/workers/resources.ts";
import { beginAt, LATEST, migrateTo, readRows, writeRows, type Rows } from "../../support/workers/schema-versions.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { releasedPlugin } from "../upgrades/released-plugin.ts";

/**
 * New code on an old schema, as after a deploy without its migrations, or a restore: it says what is missing, plugins run, nothing is
 * written but what happens by itself, and once the migrations are applied all goes on, with every record.
 */

let rows: Rows;
let resources: Resources;
let running: { readonly tenantId: string; readonly pluginId: string };

beforeAll(async () => {
  running = await releasedPlugin();
  resources = await seedResources("unmigrated");
  rows = new Map(
    [...(await readRows())].map(([table, of]) => [table, of.filter((row) => row["id"] !== PLATFORM_TENANT)]),
  );
});
afterAll(() => beginAt(LATEST));
beforeEach(() => void vi.spyOn(console, "error").mockReturnValue());
afterEach(() => vi.restoreAllMocks());

/** What the worker writes by itself whatever its mode: that it was here, and what it did. */
const BY_ITSELF = new Set([
  "environments",
  "plugin_events",
  "audit_log",
  "audit_seals",
  "audit_chains",
  "plugin_executions",
  "plugin_call_minutes",
  // A plugin's signing secret is made when it is first asked for.
  "install_secrets",
]);

/** Of what there was, everything is as it was, and tables of what people decide have nothing new. */
async function expectUntouched(before: Rows): Promise<void> {
  const after = await readRows();
  for (const [table, had] of before) {
    const has = after.get(table) ?? [];
    expect([table, BY_ITSELF.has(table) ? has.slice(0, had.length) : has]).toEqual([table, had]);
  }
}

describe.each([LATEST - 1, 1])("the latest code on a database with the first %d migrations", (version) => {
  const missing = env.TEST_MIGRATIONS.at(-1)?.name ?? "";
  let worker: HeldWorker;
  let before: Rows;
  const executions: string[] = [];

  beforeAll(async () => {
    await beginAt(LATEST);
    await writeRows(rows);
    worker = new HeldWorker();
    for (const tenant of [PLATFORM_TENANT, running.tenantId, resources.tenantId]) {
      await worker.app.run((deps) => compileSnapshot(deps, tenant));
    }
    const { objects } = await env.STORE.list({ prefix: "snapshots/" });
    const kept = await Promise.all(objects.map(async ({ key }) => [key, await env.STORE.get(key)] as const));
    const contents = await Promise.all(kept.map(async ([key, object]) => [key, object, await object?.text()] as const));
    await beginAt(version);
    await writeRows(rows);
    for (const [key, object, text] of contents) {
      await env.STORE.put(key, text ?? "", { customMetadata: object?.customMetadata ?? {} });
    }
    worker = new HeldWorker();
    before = await readRows();
  });

  async function expectRuns(): Promise<void> {
    const token = await mintToken({ tenant: running.tenantId, roles: ["caller"] });
    const path = `/api/plugins/${running.pluginId}/execute`;
    const { status, body } = await worker.app.request("POST", path, { token, body: { input: "on" } });
    expect([status, body]).toEqual([200, expect.objectContaining({ output: "on" })]);
    executions.push((body as { executionId: string }).executionId);
  }

  test("says which migration is missing, and writes stop after its first answer", async () => {
    const { status, body } = await worker.app.request("GET", "/readyz");
    expect([status, (body as { missing: string[] }).missing]).toEqual([503, [expect.stringContaining(missing)]]);
    expect(worker.app.kept.mode.state).toMatchObject({
      mode: "emergency",
      reason: expect.stringContaining(missing) as string,
    });
  });

  test("runs plugins, whose records wait or are stored", async () => {
    await expectRuns();
    await worker.deliver();
    await expectRuns();
  });

  test("refuses every write, answers every read or says why not, and damages nothing", async () => {
    // What operators do about it themselves goes on in every mode.
    const walk = WALK.filter(({ method, path }) => method === "get" || !path.startsWith("/migration-proof/"));
    const answered = await walkApi(worker.app, resources, walk);
    const flaws = answered.flatMap(({ route, answer }) => {
      const { code } = (answer.body ?? {}) as { code?: ErrorCode };
      const named = answer.status < 500 || (code !== undefined && ERRORS[code].status === answer.status);
      const refused = route.permission === "public" || route.method === "get" || answer.status >= 400;
      const works = route.needsNoDatabase === true || route.permission === "plugins:execute";
      return named && (refused || works) ? [] : [[route.operationId, answer.status, answer.body]];
    });
    expect(flaws).toEqual([]);
    await expectUntouched(before);
  });

  test("goes on once the migrations are applied, with every record once", async () => {
    await migrateTo();
    for (let minute = 0; minute < 3; minute++) {
      await worker.app.run((deps) => tendSystem(deps));
      worker.app.clock.advance(60_000);
    }
    expect(worker.app.kept.mode.state.mode).toBe("normal");
    expect((await worker.app.request("GET", "/readyz")).body).toEqual({ status: "ready" });
    await worker.deliver();
    const { results } = await env.DB.prepare("SELECT id FROM plugin_executions WHERE tenant_id = ? ORDER BY id")
      .bind(running.tenantId)
      .all();
    const stored = results.map(({ id }) => id).filter((id) => executions.includes(String(id)));
    expect(stored).toEqual(executions.toSorted());
    const token = await mintToken({ tenant: resources.tenantId, roles: ["admin"] });
    const written = await worker.app.request("POST", "/api/v1/admin/keys", {
      token,
      body: { name: "after", roles: ["caller"] },
    });
    expect(written.status).toBe(201);
  });
});
