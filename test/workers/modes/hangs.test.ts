import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { tendSystem } from "../../../worker/control/modes/actions.ts";
import { PATIENCE_MS } from "../../../worker/lib/patience.ts";
import { expectProblem, type ApiAnswer } from "../../support/workers/api.ts";
import { hangs, on } from "../../support/workers/faults.ts";
import { FaultyApp } from "../../support/workers/faulty-app.ts";
import { HeldQueue } from "../../support/workers/held-queue.ts";
import { seedResources } from "../../support/workers/resources.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { installGuests } from "../execution/guest-installs.ts";

/** Parts that do not fail but never answer: nothing waits for ever, and nothing is said not to have happened that may have. */

/** Its plugins are only in its snapshot. */
const TENANT = "hangs";
const CHANGED = "hangs-changed";
/** Tokens that outlive the scenes' time. Seconds since the epoch. */
const claims = { exp: Math.floor(Date.now() / 1_000) + 86_400 };
let caller: string;
let admin: string;

beforeAll(async () => {
  await installGuests(TENANT, [{ guest: "echo" }, { guest: "fail", pluginId: "hangs.cold" }]);
  await env.DB.prepare(
    "INSERT INTO tenants (id, name, plan, status, snapshot_revision, created_at) VALUES (?, ?, 'pro', 'active', 1, ?)",
  )
    .bind(TENANT, TENANT, Date.now())
    .run();
  await seedResources(CHANGED);
  caller = await mintToken({ tenant: TENANT, roles: ["caller"], claims });
  admin = await mintToken({ tenant: CHANGED, roles: ["admin"], claims });
});
beforeEach(() => void vi.spyOn(console, "error").mockReturnValue());
afterEach(() => vi.restoreAllMocks());

let scenes = 0;

/** A worker isolate with everything that the calls of a test need in memory. */
async function warmApp(): Promise<{ app: FaultyApp; queue: HeldQueue }> {
  const queue = new HeldQueue();
  const app = new FaultyApp({ ...env, OUTCOMES: queue } as unknown as Env); // all that is used of a queue
  app.clock.advance(scenes++ * 3_600_000);
  app.kept.environment.checked = true;
  await execute(app);
  await app.request("GET", "/api/plugins/", { token: admin });
  return { app, queue };
}

function execute(app: FaultyApp, pluginId = "echo"): Promise<ApiAnswer> {
  return app.request("POST", `/api/plugins/${pluginId}/execute`, { token: caller, body: { input: "warm" } });
}

function putMember(app: FaultyApp, name: string): Promise<ApiAnswer> {
  return app.request("PUT", `/api/v1/admin/members/${name}`, { token: admin, body: { roles: ["viewer"] } });
}

async function isMember(name: string): Promise<boolean> {
  const row = await env.DB.prepare("SELECT 1 FROM members WHERE tenant_id = ? AND subject = ?")
    .bind(CHANGED, name)
    .first();
  return row !== null;
}

/** How long a request took by the scene's clock, in milliseconds. */
async function timed(app: FaultyApp, request: () => Promise<ApiAnswer>): Promise<{ answer: ApiAnswer; ms: number }> {
  const from = app.clock.now();
  return { answer: await request(), ms: app.clock.now() - from };
}

describe("D1 that never answers", () => {
  test("is given up, and the platform falls back as where it fails", async () => {
    const { app } = await warmApp();
    app.faults.inject("DB", hangs(app.clock));
    const { answer, ms } = await timed(app, () => app.request("GET", "/api/plugins/", { token: admin }));
    expect(answer).toMatchObject({ status: 200, body: { stale: { since: expect.any(Number) as number } } });
    expect(ms).toBeLessThan(PATIENCE_MS.database + 5_000);
    expect(app.kept.mode.state.mode).toBe("fallback");
    expect((await execute(app)).status).toBe(200);
    expectProblem(await putMember(app, "refused"), "MODE_FALLBACK");
    app.faults.heal();
    await app.run((deps) => tendSystem(deps));
    expect(app.kept.mode.state.mode).toBe("normal");
    expect((await putMember(app, "taken")).status).toBe(200);
  });

  test.each([
    { applied: false, name: "not-made" },
    { applied: true, name: "made" },
  ])("in the middle of a change leaves it in doubt ($name)", async ({ applied, name }) => {
    const { app } = await warmApp();
    app.kept.mode.tryingUntil = Infinity; // the mode stays for this isolate to try again
    app.faults.inject("DB", on(["batch"], hangs(app.clock, applied)));
    const { answer, ms } = await timed(app, () => putMember(app, name));
    expect(expectProblem(answer, "DATABASE_UNAVAILABLE")).toMatchObject({ mayHaveApplied: true, retryable: true });
    expect(answer.headers.get("retry-after")).toBe("2");
    expect(ms).toBeLessThanOrEqual(PATIENCE_MS.database);
    expect(await isMember(name)).toBe(applied);
    app.faults.heal();
    app.clock.advance(PATIENCE_MS.database);
    expect((await putMember(app, name)).status).toBe(200);
    expect(await isMember(name)).toBe(true);
  });

  test("is waited for once by a request, however often it would ask", async () => {
    const { app } = await warmApp();
    app.kept.mode.tryingUntil = Infinity;
    app.faults.inject("DB", hangs(app.clock));
    const before = app.faults.uses("DB").length;
    const answer = await app.request("PUT", `/api/plugins/safe-mode/${CHANGED}.notes`, {
      token: admin,
      body: { enabled: true },
    });
    expect(expectProblem(answer, "DATABASE_UNAVAILABLE")).toMatchObject({ mayHaveApplied: false });
    expect(app.faults.uses("DB").length - before).toBe(1);
  });
});

describe("R2 that never answers", () => {
  test("holds up no warm plugin, and the platform falls back", async () => {
    const { app } = await warmApp();
    app.faults.inject("STORE", hangs(app.clock));
    app.clock.advance(31_000);
    const { answer, ms } = await timed(app, () => execute(app));
    expect(answer.status).toBe(200);
    expect(ms).toBeLessThan(10_000);
    expect(app.kept.mode.state.mode).toBe("fallback");
    expect((await execute(app)).status).toBe(200);
    expectProblem(await putMember(app, "late"), "MODE_FALLBACK");
    // A module that cannot be read is the platform's fault, though the call's own time is short.
    expect((await execute(app, "hangs.cold")).body).toMatchObject({ code: "MODULE_UNAVAILABLE" });
  });
});

describe("objects and queues that never answer", () => {
  test("health: refused with its code, and calls go on", async () => {
    const { app } = await warmApp();
    app.faults.inject("PLUGIN_HEALTH", hangs(app.clock));
    const { answer, ms } = await timed(app, () =>
      app.request("GET", `/api/plugins/${CHANGED}.notes/health`, { token: admin }),
    );
    expectProblem(answer, "HEALTH_UNAVAILABLE");
    // Behind the answer the report of the call before waits as long.
    expect(ms).toBeLessThanOrEqual(2 * PATIENCE_MS.objects);
    app.clock.advance(60_000);
    expect((await execute(app)).status).toBe(200);
  });

  test("mode: what was known holds, and is waited for once", async () => {
    const { app } = await warmApp();
    app.clock.advance(60_000);
    app.faults.inject("SYSTEM_MODE", hangs(app.clock));
    const first = await timed(app, () => putMember(app, "one"));
    expect(first).toMatchObject({ answer: { status: 200 }, ms: PATIENCE_MS.mode });
    // Asked again behind the answer, which takes its time there.
    expect((await putMember(app, "two")).status).toBe(200);
  });

  test("idempotency: nothing ran", async () => {
    const { app } = await warmApp();
    app.faults.inject("IDEMPOTENCY", hangs(app.clock));
    const request = { token: caller, body: { input: "x" }, headers: { "idempotency-key": "one" } };
    expectProblem(await app.request("POST", "/api/plugins/echo/execute", request), "IDEMPOTENCY_UNAVAILABLE");
  });

  test("outcomes: every record is stored once all the same", async () => {
    const { app, queue } = await warmApp();
    app.faults.inject("OUTCOMES", hangs(app.clock));
    const answers = await Promise.all(Array.from({ length: 3 }, () => execute(app)));
    const ids = answers.map(({ body }) => (body as { executionId: string }).executionId);
    app.faults.heal();
    await app.run((deps) => tendSystem(deps));
    await queue.deliver(app, "patchbay-outcomes");
    const { results } = await env.DB.prepare("SELECT id FROM plugin_executions WHERE tenant_id = ?").bind(TENANT).all();
    expect(ids.map((id) => results.filter((row) => row["id"] === id).length)).toEqual([1, 1, 1]);
  });
});
