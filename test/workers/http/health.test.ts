import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { snapshotKey, SNAPSHOT_FORMAT } from "../../../worker/execution/snapshot.ts";
import { healthRoutes } from "../../../worker/http/health/routes.ts";
import { api, expectProblem } from "../../support/workers/api.ts";
import { probe } from "../../support/workers/probe.ts";
import { signingKeys } from "../../support/workers/tokens.ts";

afterEach(() => vi.restoreAllMocks());

/** Answers nothing, like a binding whose service is down. */
function down<T extends object>(binding: T): T {
  return new Proxy(binding, {
    get: () => () => {
      throw new Error("service down");
    },
  });
}

async function storeInstalls(tenantId: string, states: Readonly<Record<string, string>>): Promise<void> {
  const installs = Object.fromEntries(Object.entries(states).map(([id, state]) => [id, { pluginId: id, state }]));
  const snapshot = { format: SNAPSHOT_FORMAT, tenantId, status: "active", revision: 1, compiledAt: 0, installs };
  await env.STORE.put(snapshotKey(tenantId), JSON.stringify({ ...snapshot, keys: {}, members: {} }));
}

describe("/healthz", () => {
  test("says that the worker runs, whatever else is down", async () => {
    const call = probe(healthRoutes, { DB: down(env.DB), STORE: down(env.STORE) });
    expect(await call("get", "/healthz")).toMatchObject({ status: 200, body: { status: "ok" } });
  });
});

describe("/readyz", () => {
  test("is ready with database, store and issuers", async () => {
    expect(await api("get", "/readyz")).toMatchObject({ status: 200, body: { status: "ready" } });
  });

  test.each<[string, Partial<Env>, string]>([
    ["D1 is down", { DB: down(env.DB) }, "database: D1 does not answer or is not migrated"],
    ["R2 is down", { STORE: down(env.STORE) }, "store: R2 does not answer"],
    ["keys of configurations are not valid", { CONFIG_KEYS: "{}" }, "configurations: CONFIG_KEYS is not valid"],
    [
      "the environment is none",
      { ENVIRONMENT: "live" },
      "configurations: ENVIRONMENT is not development, staging or production",
    ],
    ["issuers are not valid", { AUTH_ISSUERS: "{" }, "issuers: AUTH_ISSUERS is not valid"],
    ["the loader is down", { LOADER: down(env.LOADER) }, "loader: It does not answer."],
    ["Durable Objects are down", { PLUGIN_HEALTH: down(env.PLUGIN_HEALTH) }, "durable-objects: It does not answer."],
    ["a queue is down", { OUTCOMES: down(env.OUTCOMES) }, "queue-outcomes: It does not answer."],
    ["an install is missing", { READY_INSTALLS: "nobody/notes" }, "install nobody/notes: not installed"],
  ])("%s", async (_name, bindings, missing) => {
    vi.spyOn(console, "error").mockReturnValue();
    const answer = await probe(healthRoutes, bindings)("get", "/readyz");
    expect(expectProblem(answer, "NOT_READY", `Missing: ${missing}.`)["missing"]).toEqual([missing]);
    expect(answer.headers.get("retry-after")).toBe("2");
  });

  test("waits for every install named", async () => {
    vi.spyOn(console, "error").mockReturnValue();
    await storeInstalls("ready-1", { notes: "active", "acme.echo": "inactive" });
    const READY_INSTALLS = "ready-1/notes, ready-1/acme.echo,ready-1/constructor,";
    const problem = expectProblem(await probe(healthRoutes, { READY_INSTALLS })("get", "/readyz"), "NOT_READY");
    expect(problem["missing"]).toEqual([
      "install ready-1/acme.echo: inactive",
      "install ready-1/constructor: not installed",
    ]);
    await storeInstalls("ready-2", { notes: "active" });
    const answer = await probe(healthRoutes, { READY_INSTALLS: "ready-2/notes" })("get", "/readyz");
    expect(answer.body).toEqual({ status: "ready" });
  });

  test("is not ready before the last migration", async () => {
    vi.spyOn(console, "error").mockReturnValue();
    await env.DB.prepare(
      "UPDATE d1_migrations SET name = 'x' || name WHERE id = (SELECT max(id) FROM d1_migrations)",
    ).run();
    const problem = expectProblem(await api("get", "/readyz"), "NOT_READY");
    expect(problem["detail"]).toMatch(/^Missing: database: migration \d{4}_[a-z-]+\.sql is not applied\.$/);
  });
});

describe("/health", () => {
  test("names every part, and says that plugins run", async () => {
    const { status, body } = await api("get", "/health");
    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: "ok",
      probes: expect.arrayContaining([expect.objectContaining({ name: "loader" })]),
    });
  });

  test.each<[string, Partial<Env>, number, string]>([
    ["D1 is down", { DB: down(env.DB) }, 200, "degraded"],
    ["a queue is down", { MESSAGES: down(env.MESSAGES) }, 200, "degraded"],
    ["the loader is down", { LOADER: down(env.LOADER) }, 503, "down"],
    ["R2 is down", { STORE: down(env.STORE) }, 503, "down"],
  ])("%s", async (_name, bindings, code, status) => {
    vi.spyOn(console, "error").mockReturnValue();
    const answer = await probe(healthRoutes, bindings)("get", "/health");
    expect([answer.status, answer.body]).toMatchObject([
      code,
      code === 200 ? { status } : { code: "NOT_READY", probes: expect.any(Array) },
    ]);
  });
});

describe("/.well-known/jwks.json", () => {
  test("holds the public keys of all issuers with local key sets, and no private part", async () => {
    const { headers, body } = await api("get", "/.well-known/jwks.json");
    expect(headers.get("cache-control")).toBe("public, max-age=300");
    const { keys } = body as { keys: Record<string, unknown>[] }; // checked below
    expect(keys.map((key) => key["kid"])).toEqual(["key-eddsa", "key-es256", "key-rs256", "key-second"]);
    expect(keys.filter((key) => "d" in key || "p" in key || "k" in key)).toEqual([]);
    expect(keys[0]?.["x"]).toBe(signingKeys().EdDSA.x);
  });
});
