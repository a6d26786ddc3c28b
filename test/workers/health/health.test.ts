import { env } from "cloudflare:workers";
import { createExecutionContext, createMessageBatch, waitOnExecutionContext } from "cloudflare:test";
import { eq } from "drizzle-orm";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { healthOf } from "../../../durable-objects/plugin-health/client.ts";
import { checkInstall, queueDueChecks } from "../../../worker/control/health/actions/check.ts";
import { deleteChecksBefore } from "../../../worker/control/health/store.ts";
import { createDeps, createResident, type Deps } from "../../../worker/deps.ts";
import { pluginEvents, pluginHealthChecks } from "../../../worker/db/schema.ts";
import { consume } from "../../../worker/queues.ts";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import { SETTINGS } from "../../../sdk/contract/settings.ts";
import { api, expectProblem } from "../../support/workers/api.ts";
import { probe } from "../../support/workers/probe.ts";
import { pluginHealthRoutes } from "../../../worker/control/health/routes.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { installedGuest, type InstalledGuest } from "./installed-guest.ts";

const CHECK_EVERY_MS = SETTINGS.migration.healthCheckMinutes.default * 60_000;

/** Health of installs through the front door, with real plugins. */

let loop: InstalledGuest;

beforeAll(async () => {
  loop = await installedGuest("loop", { fuel: 100_000 });
});

function depsAt(now: () => number = Date.now): { readonly deps: Deps; readonly settle: () => Promise<void> } {
  const context = createExecutionContext();
  const deps = createDeps(env, context, { now }, createResident());
  return { deps, settle: () => waitOnExecutionContext(context) };
}

async function operator(tenant: string): Promise<string> {
  return mintToken({ tenant, roles: ["operator"] });
}

describe("GET /:id/health", () => {
  test("says what is known of an install that was never called", async () => {
    const token = await mintToken({ tenant: loop.tenantId, roles: ["viewer"] });
    const { status, body } = await api("get", `/api/plugins/${loop.pluginId}/health`, { token });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: "unknown",
      score: { value: null },
      breaker: { state: "closed", why: null, nextProbeAt: null, forced: null },
      windows: { hour: { calls: 0, errorRate: null, latencyMs: { p50: null } } },
      selfCheck: null,
    });
  });

  test("says since when and why calls are refused, with a recording, and when the next probe is", async () => {
    const failing = await installedGuest("loop", { fuel: 100_000 });
    for (let call = 0; call < 5; call++) expectProblem(await failing.call("run"), "FUEL_EXHAUSTED");
    const refused = await failing.call("fine");
    const problem = expectProblem(refused, "BREAKER_OPEN");
    expect(problem["breaker"]).toMatchObject({ state: "open", forced: false, why: { codes: { FUEL_EXHAUSTED: 5 } } });
    const retryAfter = Number(refused.headers.get("retry-after"));
    expect(retryAfter).toBeGreaterThan(20);
    expect(retryAfter).toBeLessThanOrEqual(30);
    const token = await operator(failing.tenantId);
    const { body } = await api("get", `/api/plugins/${failing.pluginId}/health`, { token });
    const { breaker, score, windows, moves } = body as Record<string, Record<string, unknown>>; // compared below
    expect(body).toMatchObject({ status: "failing", version: "1.0.0" });
    expect(breaker).toMatchObject({
      state: "open",
      since: expect.any(Number),
      why: { cause: "faults", codes: { FUEL_EXHAUSTED: 5 }, faults: 5, configRevision: expect.any(Number) },
    });
    expect(Number(breaker?.["nextProbeAt"]) - Number(breaker?.["since"])).toBe(30_000);
    const why = breaker?.["why"] as { executionIds: string[]; recording: string };
    expect(why.executionIds).toContain(why.recording);
    const stored = await env.STORE.head(`recordings/${failing.tenantId}/${why.recording}`);
    expect(stored).not.toBeNull();
    expect(score?.["value"]).toBeLessThan(50);
    expect(windows).toMatchObject({ hour: { calls: 5, failed: 5, faults: 5, errorRate: 1 } });
    expect(moves).toMatchObject([{ from: "closed", to: "open", cause: "faults" }]);
  });

  test("another tenant's install is not found", async () => {
    const token = await operator((await installedGuest("echo")).tenantId);
    expectProblem(await api("get", `/api/plugins/${loop.pluginId}/health`, { token }), "INSTALL_NOT_FOUND");
  });

  test("an object that does not answer is a failure of the platform, and nothing is ordered", async () => {
    vi.spyOn(console, "error").mockReturnValue();
    const PLUGIN_HEALTH = new Proxy(env.PLUGIN_HEALTH, {
      get: () => () => {
        throw new Error("Network connection lost.");
      },
    });
    const call = probe(pluginHealthRoutes, { PLUGIN_HEALTH });
    const token = await operator(loop.tenantId);
    expectProblem(await call("get", `/api/plugins/${loop.pluginId}/health`, { token }), "HEALTH_UNAVAILABLE");
    const body = { state: "open", reason: "incident" };
    expectProblem(await call("put", `/api/plugins/${loop.pluginId}/breaker`, { token, body }), "HEALTH_UNAVAILABLE");
    const events = await depsAt().deps.db.select().from(pluginEvents).where(eq(pluginEvents.type, "breaker.forced"));
    expect(events.filter(({ tenantId }) => tenantId === loop.tenantId)).toEqual([]);
  });
});

describe("PUT /:id/breaker", () => {
  test("an operator's order holds, is written down, and is taken back", async () => {
    const guest = await installedGuest("echo");
    const token = await operator(guest.tenantId);
    const path = `/api/plugins/${guest.pluginId}/breaker`;
    const order = (state: string) => api("put", path, { token, body: { state, reason: "incident 7" } });
    const forced = await order("open");
    expect(forced.body).toMatchObject({ state: "open", forced: { state: "open", reason: "incident 7" }, why: null });
    expectProblem(await guest.call("run"), "BREAKER_OPEN");
    expect((await order("automatic")).body).toMatchObject({ state: "closed", forced: null });
    const { deps } = depsAt();
    const events = await deps.db.select().from(pluginEvents).where(eq(pluginEvents.tenantId, guest.tenantId));
    expect(events.filter(({ type }) => type === "breaker.forced").map(({ data }) => data["state"])).toEqual([
      "open",
      "automatic",
    ]);
    const log = await api("get", "/api/plugins/audit-logs?action=breaker.force", {
      token: await mintToken({ tenant: guest.tenantId, roles: ["admin"] }),
    });
    expect(log.body).toMatchObject({
      items: [
        { before: { state: "open" }, after: { state: "automatic" } },
        { before: { state: "automatic" }, after: { state: "open", reason: "incident 7" } },
      ],
    });
  });

  test("needs a reason and a state that there is, and an operator", async () => {
    const token = await operator(loop.tenantId);
    const path = `/api/plugins/${loop.pluginId}/breaker`;
    expectProblem(await api("put", path, { token, body: { state: "ajar", reason: "x" } }), "REQUEST_INVALID");
    expectProblem(await api("put", path, { token, body: { state: "open", reason: " " } }), "REQUEST_INVALID");
    const viewer = await mintToken({ tenant: loop.tenantId, roles: ["viewer"] });
    const body = { state: "open", reason: "x" };
    expectProblem(await api("put", path, { token: viewer, body }), "PERMISSION_DENIED");
  });
});

describe("checks", () => {
  test("sample what is known and what the plugin says of itself, and tell of a change once", async () => {
    const guest = await installedGuest("life");
    let now = Date.now();
    const { deps, settle } = depsAt(() => now);
    const check = () => checkInstall(deps, guest.tenantId, guest.pluginId, CHECK_EVERY_MS);
    expect(await check()).toMatchObject({ status: "healthy", breaker: "closed", selfCheck: "healthy" });
    expect(await check()).toBeUndefined();
    now += CHECK_EVERY_MS;
    expect(await check()).toMatchObject({ status: "healthy", checkedAt: now });
    await settle();
    await healthOf(env.PLUGIN_HEALTH, guest.installId).force({ state: "open", reason: "incident", by: "olga" });
    now += CHECK_EVERY_MS;
    expect(await check()).toMatchObject({ status: "failing", breaker: "open", selfCheckCode: "BREAKER_OPEN" });
    const events = await deps.db.select().from(pluginEvents).where(eq(pluginEvents.tenantId, guest.tenantId));
    expect(events.filter(({ type }) => type === "health.checked").map(({ data }) => data["status"])).toEqual([
      "healthy",
      "failing",
    ]);
    const token = await operator(guest.tenantId);
    expect((await api("get", "/api/plugins/health", { token })).body).toMatchObject({
      counts: { healthy: 0, degraded: 0, failing: 1, unknown: 0 },
      items: [{ pluginId: guest.pluginId, status: "failing", breaker: "open", selfCheck: "unhealthy" }],
    });
    expect((await api("get", `/api/plugins/${guest.pluginId}/health`, { token })).body).toMatchObject({
      selfCheck: { status: "unhealthy", code: "BREAKER_OPEN", checkedAt: now },
    });
    await settle();
  });

  test("are queued for active installs that are due, a few to a message, and done by the consumer", async () => {
    const guest = await installedGuest("echo");
    const sent: { readonly tenantId: string; readonly pluginIds: readonly string[] }[] = [];
    const HEALTH_CHECKS = {
      sendBatch: (messages: readonly { readonly body: (typeof sent)[number] }[]) => {
        sent.push(...messages.map(({ body }) => body));
        return Promise.resolve();
      },
    } as unknown as Env["HEALTH_CHECKS"]; // only batches are sent
    const { deps, settle } = depsAt();
    await queueDueChecks({ db: deps.db, clock: deps.clock, env: { HEALTH_CHECKS } });
    const own = sent.filter(({ tenantId }) => tenantId === guest.tenantId);
    expect(own).toEqual([{ tenantId: guest.tenantId, pluginIds: [guest.pluginId] }]);
    const message = { id: "1", timestamp: new Date(), attempts: 1, body: own[0] };
    await consume(deps, createMessageBatch("patchbay-health-checks", [message]));
    await settle();
    const rows = await deps.db.select().from(pluginHealthChecks).where(eq(pluginHealthChecks.tenantId, guest.tenantId));
    expect(rows).toMatchObject([{ pluginId: guest.pluginId, status: "unknown", selfCheck: "unchecked" }]);
    sent.length = 0;
    await queueDueChecks({ db: deps.db, clock: deps.clock, env: { HEALTH_CHECKS } });
    expect(sent.filter(({ tenantId }) => tenantId === guest.tenantId)).toEqual([]);
    // The setting says when it is due again.
    const token = await mintToken({ tenant: PLATFORM_TENANT, roles: ["admin"] });
    for (const [minutes, count] of [
      [10, 0],
      [6, 1],
    ]) {
      const body = { healthCheckMinutes: minutes };
      expect((await api("PUT", "/api/v1/plugins/migration-proof/config", { token, body })).status).toBe(200);
      const later = { now: () => Date.now() + 7 * 60_000 };
      await queueDueChecks({ db: deps.db, clock: later, env: { HEALTH_CHECKS } });
      expect(sent.filter(({ tenantId }) => tenantId === guest.tenantId)).toHaveLength(count ?? 0);
    }
    await deleteChecksBefore(deps.db, Date.now() + 3_600_000, 1_000);
    expect(await deps.db.select().from(pluginHealthChecks)).toEqual([]);
  });
});
