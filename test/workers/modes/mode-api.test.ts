import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import { tendSystem } from "../../../worker/control/modes/actions.ts";
import { expectProblem, type ApiAnswer } from "../../support/workers/api.ts";
import { fails } from "../../support/workers/faults.ts";
import { FaultyApp } from "../../support/workers/faulty-app.ts";
import { freshKeyRing } from "../../support/workers/key-rings.ts";
import { seedResources, type Resources } from "../../support/workers/resources.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { installGuests } from "../execution/guest-installs.ts";

let resources: Resources;
let operator: string;
let admin: string;

beforeAll(async () => {
  resources = await seedResources("moded");
  await installGuests("runs", [{ guest: "echo" }]);
  operator = await mintToken({ tenant: PLATFORM_TENANT, subject: "olga", roles: ["admin"] });
  admin = await mintToken({ tenant: "moded", roles: ["admin"] });
});
beforeEach(() => void vi.spyOn(console, "error").mockReturnValue());
afterEach(async () => {
  vi.restoreAllMocks();
  await choose(new FaultyApp(), "normal");
});

function choose(app: FaultyApp, mode: string, reason = "because"): Promise<ApiAnswer> {
  return app.request("PUT", "/api/plugins/migration-proof/mode", { token: operator, body: { mode, reason } });
}

function write(app: FaultyApp): Promise<ApiAnswer> {
  return app.request("POST", "/api/v1/admin/keys", { token: admin, body: { name: "key", roles: ["caller"] } });
}

function status(app: FaultyApp): Promise<ApiAnswer> {
  return app.request("GET", "/api/v1/plugins/migration-proof/status", { token: operator });
}

async function execute(app: FaultyApp): Promise<number> {
  const token = await mintToken({ tenant: "runs", roles: ["caller"] });
  return (await app.request("POST", "/api/plugins/echo/execute", { token, body: { input: "x" } })).status;
}

async function platformEvents(type: string): Promise<unknown[]> {
  const { results } = await env.DB.prepare(
    "SELECT data FROM plugin_events WHERE type = ? ORDER BY sequence DESC LIMIT 3",
  )
    .bind(type)
    .all<{ data: string }>();
  return results.map(({ data }) => JSON.parse(data) as unknown);
}

describe("an operator", () => {
  test("puts the platform into fallback, which no good probe ends, and back", async () => {
    const app = new FaultyApp();
    expect(await choose(app, "fallback", "migrating")).toMatchObject({
      status: 200,
      body: { mode: "fallback", cause: "operator", reason: "migrating" },
    });
    const refused = await write(app);
    expectProblem(refused, "MODE_FALLBACK", 'The platform is in mode "fallback": migrating.');
    expect(refused.headers.get("retry-after")).toBe("5");
    const list = await app.request("GET", "/api/plugins/", { token: admin });
    expect(list.body).toMatchObject({ items: [{ id: resources.pluginId, name: "Echo", state: "active" }], stale: {} });
    expect(list.headers.get("x-patchbay-mode")).toBe("fallback");
    await app.run((deps) => tendSystem(deps));
    expect((await status(app)).body).toMatchObject({ mode: "fallback" });
    expect(await execute(app)).toBe(200);
    expect(await choose(app, "normal", "done")).toMatchObject({ body: { mode: "normal" } });
    expect((await write(app)).status).toBe(201);
    expect(await platformEvents("mode.changed")).toMatchObject([
      { from: "fallback", to: "normal", cause: "operator", reason: "done" },
      { from: "normal", to: "fallback", cause: "operator", reason: "migrating" },
    ]);
    const audit = await app.request("GET", "/api/plugins/audit-logs?action=mode.change", { token: operator });
    expect(audit.body).toMatchObject({ items: [{ subject: "olga" }, { subject: "olga" }] });
  });

  test("declares an emergency: nothing is changed, a backup is asked for, plugins run, reads are live", async () => {
    const app = new FaultyApp();
    await choose(app, "emergency", "odd rows");
    const refused = await write(app);
    expectProblem(refused, "MODE_EMERGENCY", 'The platform is in mode "emergency": odd rows.');
    expect(refused.headers.get("retry-after")).toBe("60");
    expect(await execute(app)).toBe(200);
    const list = await app.request("GET", "/api/plugins/", { token: admin });
    expect(list.body).not.toHaveProperty("stale");
    expect(await platformEvents("backup.requested")).toEqual([{ reason: "odd rows" }]);
  });

  test("is obeyed by every worker isolate within 10 s", async () => {
    const [here, there] = [new FaultyApp(), new FaultyApp()];
    expect((await write(there)).status).toBe(201);
    await choose(here, "emergency");
    there.clock.advance(9_999);
    await write(there); // asks behind its answer
    expectProblem(await write(there), "MODE_EMERGENCY");
  });

  test("decides while D1 is away, and the trace is recorded once when it is back", async () => {
    const app = new FaultyApp();
    app.faults.inject("DB", fails());
    expect(await choose(app, "emergency", "without D1")).toMatchObject({ status: 200, body: { mode: "emergency" } });
    expect((await status(app)).body).toMatchObject({ mode: "emergency", environment: null, unrecorded: 1 });
    app.faults.heal();
    await app.run((deps) => tendSystem(deps));
    await app.run((deps) => tendSystem(deps));
    expect((await platformEvents("mode.changed"))[0]).toMatchObject({ reason: "without D1" });
    expect((await platformEvents("mode.changed"))[1]).not.toMatchObject({ reason: "without D1" });
  });

  test.each([
    [{ mode: "recovering", reason: "x" }, "mode"],
    [{ mode: "normal", reason: " " }, "reason"],
    [{ mode: "normal" }, "reason"],
  ])("is told what is wrong with %j", async (body, path) => {
    const answer = await new FaultyApp().request("PUT", "/api/plugins/migration-proof/mode", { token: operator, body });
    expect(expectProblem(answer, "REQUEST_INVALID")["issues"]).toMatchObject([
      { path: expect.stringContaining(path) as string },
    ]);
  });

  test("sees what each probe finds", async () => {
    const app = new FaultyApp();
    app.faults.inject("STORE", fails());
    const answer = await app.request("GET", "/api/plugins/migration-proof/health", { token: operator });
    expect(answer.status).toBe(503); // the operator's own snapshot was not in memory
    app.faults.heal();
    await app.run((deps) => deps.snapshots.read(PLATFORM_TENANT));
    app.faults.inject("MESSAGES", fails());
    expect(await app.request("GET", "/api/plugins/migration-proof/health", { token: operator })).toMatchObject({
      status: 200,
      body: {
        status: "down",
        probes: expect.arrayContaining([
          expect.objectContaining({ name: "queue-messages", status: "down" }),
        ]) as unknown,
      },
    });
  });
});

describe("a setting", () => {
  test("of the threshold reaches the mode's object", async () => {
    const app = new FaultyApp();
    const put = (count: number) =>
      app.request("PUT", "/api/v1/admin/settings", {
        token: operator,
        body: { migration: { emergencyErrorThreshold: count } },
      });
    expect((await put(2)).status).toBe(200);
    await app.run((deps) => tendSystem(deps));
    expect((await status(app)).body).toMatchObject({ threshold: 2 });
    await put(5);
    await app.run((deps) => tendSystem(deps));
  });
});

describe("the deployment", () => {
  test("is recorded once, and what is new about a later one is an event", async () => {
    const app = new FaultyApp({ ...env, WORKER_VERSION: { id: "version-1", tag: "", timestamp: "" } });
    await execute(app);
    const next = new FaultyApp({ ...env, WORKER_VERSION: { id: "version-2", tag: "", timestamp: "" } });
    await execute(next);
    await execute(new FaultyApp({ ...env, WORKER_VERSION: { id: "version-1", tag: "", timestamp: "" } }));
    expect((await platformEvents("environment.changed"))[0]).toMatchObject({ changed: "worker", dangers: 0 });
    const rows = await env.DB.prepare(
      "SELECT count(*) AS count FROM environments WHERE fingerprint LIKE '%version-1%'",
    ).first();
    expect(rows).toEqual({ count: 1 });
    const shown = (await status(next)).body;
    expect(shown).toMatchObject({ mode: "normal", environment: { worker: "version-2", findings: [] } });
    const ring = JSON.parse(env.CONFIG_KEYS) as { keys: Record<string, string> };
    for (const key of Object.values(ring.keys)) expect(JSON.stringify(shown)).not.toContain(key);
  });

  test("without the key of what is sealed enters emergency with its first request, and recovers by itself", async () => {
    const broken = new FaultyApp({ ...env, CONFIG_KEYS: JSON.stringify(freshKeyRing("other")) });
    expect(await execute(broken)).toBe(200);
    expectProblem(await write(broken), "MODE_EMERGENCY");
    expect((await status(broken)).body).toMatchObject({
      mode: "emergency",
      cause: "environment",
      environment: { findings: [{ probe: "key-missing", danger: true }] },
    });
    const mended = new FaultyApp();
    mended.clock.advance(60_000);
    await mended.run((deps) => tendSystem(deps));
    mended.clock.advance(60_000);
    await mended.run((deps) => tendSystem(deps));
    expect((await write(mended)).status).toBe(201);
  });

  test("whose schema is older than the code refuses writes, unless an operator knows better", async () => {
    const rename = (from: string, to: string) =>
      env.DB.prepare("UPDATE d1_migrations SET name = replace(name, ?, ?)").bind(from, to).run();
    const last = await env.DB.prepare("SELECT max(name) AS name FROM d1_migrations").first<{ name: string }>();
    const name = last?.name ?? "";
    await rename(name, "missing");
    const app = new FaultyApp();
    await app.run((deps) => tendSystem(deps));
    expectProblem(await write(app), "MODE_EMERGENCY");
    await choose(app, "normal", "the migration is being applied");
    await app.run((deps) => tendSystem(deps));
    expect((await write(app)).status).toBe(201);
    await rename("missing", name);
  });
});
