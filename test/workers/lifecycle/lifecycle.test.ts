import { eq } from "drizzle-orm";
import { describe, expect, test } from "vitest";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import { listEvents } from "../../../worker/control/events/store.ts";
import { tenants } from "../../../worker/db/schema.ts";
import { manifestOf } from "../../fixtures/packages/manifests.ts";
import { guestBytes } from "../../support/guests/provided-guests.ts";
import { api, expectProblem } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { db } from "../control/fixtures.ts";

/** Lifecycle functions of plugins that were uploaded and installed through the front door. */

let tenantNumber = 0;

interface Tenant {
  readonly tenantId: string;
  readonly call: (method: string, path: string, body?: unknown) => ReturnType<typeof api>;
  readonly upload: (name: string, guest: string, more?: Record<string, unknown>) => Promise<string>;
  /** `plugin: from -> to` of each move since the last call, in the order of the log. */
  readonly moves: () => Promise<readonly string[]>;
}

async function newTenant(): Promise<Tenant> {
  const tenantId = `living-${++tenantNumber}`;
  const platform = await mintToken({ tenant: PLATFORM_TENANT, roles: ["admin"] });
  await api("post", "/api/v1/admin/tenants", { token: platform, body: { id: tenantId, name: tenantId, plan: "pro" } });
  const token = await mintToken({ tenant: tenantId, roles: ["admin"] });
  const call: Tenant["call"] = (method, path, body) =>
    api(method, `/api/plugins${path}`, { token, ...(body === undefined ? {} : { body }) });
  let seen = 0;
  return {
    tenantId,
    call,
    upload: async (name, guest, more = {}) => {
      const id = `${tenantId}.${name}`;
      const form = new FormData();
      form.set("manifest", new Blob([JSON.stringify(manifestOf({ id, ...more }))]), "manifest.json");
      form.set("wasm", new Blob([guestBytes(guest)]), "plugin.wasm");
      const answer = await api("post", "/api/plugins/upload", { token, raw: form });
      expect(answer.status).toBe(201);
      return id;
    },
    moves: async () => {
      const type = ["instance.moved", "instance.failed"] as const;
      const events = await listEvents(db, tenantId, { type, after: seen }, { limit: 100, order: "oldest" });
      seen = events.at(-1)?.sequence ?? seen;
      return events.map(({ pluginId, data }) => {
        const { from, to } = data as { from?: string; to: string };
        return `${pluginId?.split(".")[1]}: ${from ?? "new"} -> ${to}`;
      });
    },
  };
}

const STARTED = [
  "new -> initializing",
  "initializing -> initialized",
  "initialized -> starting",
  "starting -> running",
];
const movesOf = (name: string, moves: readonly string[]): string[] => moves.map((move) => `${name}: ${move}`);

describe("an install with a lifecycle", () => {
  test("is initialised and started when it is activated, and stopped when it is taken away", async () => {
    const { call, upload, moves } = await newTenant();
    const id = await upload("one", "life");
    expect((await call("post", `/install/${id}`, {})).status).toBe(201);
    expect(await moves()).toEqual(movesOf("one", STARTED));
    await call("post", `/${id}/activate`);
    expect(await moves()).toEqual([]);
    await call("post", `/${id}/unload`);
    expect(await moves()).toEqual(["one: running -> stopping", "one: stopping -> stopped"]);
    await call("post", `/${id}/load`);
    expect(await moves()).toEqual(movesOf("one", ["stopped -> initializing", ...STARTED.slice(1)]));
    expect((await call("delete", `/${id}`)).status).toBe(200);
    expect(await moves()).toEqual(["one: running -> stopping", "one: stopping -> stopped"]);
  });

  test("that waits for its activation is not started", async () => {
    const { call, upload, moves } = await newTenant();
    const id = await upload("one", "life");
    await call("post", `/install/${id}`, { activate: false });
    expect(await moves()).toEqual([]);
  });

  test("is stopped in the old version and started in the new one", async () => {
    const { call, upload, moves, tenantId } = await newTenant();
    const id = await upload("one", "life");
    await call("post", `/install/${id}`, {});
    await moves();
    await upload("one", "life", { version: "2.0.0", description: "Newer." });
    expect((await call("put", `/${id}`, { version: "2.0.0" })).status).toBe(200);
    expect(await moves()).toEqual([
      "one: running -> stopping",
      "one: stopping -> stopped",
      ...movesOf("one", ["stopped -> initializing", ...STARTED.slice(1)]),
    ]);
    const events = await listEvents(db, tenantId, { type: "instance.moved" }, { limit: 6, order: "newest" });
    const versions = events.map(({ data }) => (data as { version: string }).version).reverse();
    expect(versions.slice(0, 2)).toEqual([versions[0], versions[0]]);
    expect(versions.slice(2)).toEqual(["2.0.0", "2.0.0", "2.0.0", "2.0.0"]);
  });

  test("without one of the functions tells nothing", async () => {
    const { call, upload, moves } = await newTenant();
    const id = await upload("plain", "noop");
    await call("post", `/install/${id}`, {});
    expect(await moves()).toEqual([]);
  });
});

describe("all plugins of a tenant", () => {
  async function three(): Promise<Tenant> {
    const tenant = await newTenant();
    const lifecycles = [
      ["late", "life", { priority: 900 }],
      ["bad", "life-broken", {}],
      ["first", "life", { class: "infrastructure" }],
    ] as const;
    for (const [name, guest, lifecycle] of lifecycles) {
      const id = await tenant.upload(name, guest, { lifecycle });
      await tenant.call("post", `/install/${id}`, {});
    }
    return tenant;
  }

  test("stop in the reverse of the order in which they start, and one that fails stops no other", async () => {
    const { call, moves } = await three();
    await moves();
    const stopped = await call("post", "/lifecycle/stop");
    expect(await moves()).toEqual([
      "late: running -> stopping",
      "late: stopping -> stopped",
      "first: running -> stopping",
      "first: stopping -> stopped",
    ]);
    expect(stopped.body).toMatchObject({ items: [{ state: "stopped" }, { state: "error" }, { state: "stopped" }] });

    const started = await call("post", "/lifecycle/start");
    const again = ["stopped -> initializing", ...STARTED.slice(1)];
    expect(await moves()).toEqual([
      ...movesOf("first", again),
      ...movesOf("bad", ["error -> initializing", ...STARTED.slice(1, 3), "starting -> error"]),
      ...movesOf("late", again),
    ]);
    expect(started.body).toMatchObject({
      items: [{ state: "running" }, { state: "error", code: "PLUGIN_TRAPPED" }, { state: "running" }],
    });
  });

  test("stop and start with their tenant", async () => {
    const { tenantId, moves } = await three();
    await moves();
    const token = await mintToken({ tenant: PLATFORM_TENANT, roles: ["admin"] });
    const path = `/api/v1/admin/tenants/${tenantId}`;
    expect((await api("patch", path, { token, body: { status: "suspended" } })).status).toBe(200);
    expect((await moves()).filter((move) => move.endsWith("-> stopped"))).toHaveLength(2);
    await api("patch", path, { token, body: { status: "active" } });
    expect((await moves()).filter((move) => move.endsWith("-> running"))).toEqual([
      "first: starting -> running",
      "late: starting -> running",
    ]);
    expect(await db.select().from(tenants).where(eq(tenants.id, tenantId))).toMatchObject([{ status: "active" }]);
  });
});

describe("health_check", () => {
  test.each<[string, string, Record<string, unknown>, object]>([
    ["is healthy that returns", "life", {}, { status: "healthy", state: "running", report: null }],
    ["says how it is", "life", { h: { queue: 3 } }, { status: "healthy", report: { queue: 3 } }],
    ["says that it is not", "life", { h: { healthy: false } }, { status: "unhealthy", report: { healthy: false } }],
    ["fails", "life-broken", {}, { status: "unhealthy", state: "error", code: "PLUGIN_ERROR" }],
    ["has none", "noop", {}, { status: "unchecked", state: null }],
  ])("of a plugin that %s", async (_what, guest, config, expected) => {
    const { call, upload } = await newTenant();
    const id = await upload("one", guest);
    await call("post", `/install/${id}`, { config });
    expect((await call("get", `/${id}/health_check`)).body).toMatchObject({ pluginId: id, ...expected });
  });

  test("of one that takes no calls is refused", async () => {
    const { call, upload } = await newTenant();
    const id = await upload("one", "life");
    await call("post", `/install/${id}`, { activate: false });
    expectProblem(await call("get", `/${id}/health_check`), "PLUGIN_INACTIVE");
  });
});
