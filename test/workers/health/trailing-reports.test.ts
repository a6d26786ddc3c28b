import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { describeHealth } from "../../../durable-objects/plugin-health/client.ts";
import { REPORT_MS } from "../../../worker/execution/breaker/book-rules.ts";
import { runSchedule } from "../../../worker/schedule.ts";
import { fails } from "../../support/workers/faults.ts";
import { FaultyApp } from "../../support/workers/faulty-app.ts";
import { HeldQueue } from "../../support/workers/held-queue.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { installGuests } from "../execution/guest-installs.ts";

/** Good calls are reported together, at most once a second: those of the last second must not wait for a call that never comes. */

const TENANT = "trailing";
const PLUGINS = ["passed", "batch", "cron", "gone", "away"] as const;
let token: string;

beforeAll(async () => {
  await installGuests(TENANT, [
    ...PLUGINS.map((pluginId) => ({ guest: "echo", pluginId })),
    { guest: "echo", pluginId: "other" },
  ]);
  token = await mintToken({
    tenant: TENANT,
    roles: ["caller"],
    claims: { exp: Math.floor(Date.now() / 1_000) + 3_600 },
  });
});
beforeEach(() => void vi.spyOn(console, "error").mockReturnValue());
afterEach(() => vi.restoreAllMocks());

async function reported(pluginId: string): Promise<number> {
  const { versions } = await describeHealth(env.PLUGIN_HEALTH, `${TENANT}-${pluginId}`);
  return versions[0]?.windows.day.calls ?? 0;
}

async function execute(app: FaultyApp, pluginId: string): Promise<void> {
  const request = { token, body: { input: "x" } };
  expect((await app.request("POST", `/api/plugins/${pluginId}/execute`, request)).status).toBe(200);
}

/** An isolate in which three calls ended within the second after the verdict was asked for. */
async function busy(pluginId: string): Promise<{ app: FaultyApp; queue: HeldQueue }> {
  const queue = new HeldQueue();
  const app = new FaultyApp({ ...env, OUTCOMES: queue } as unknown as Env); // all that is used of a queue
  for (let call = 0; call < 3; call++) await execute(app, pluginId);
  expect(await reported(pluginId)).toBe(0);
  return { app, queue };
}

describe("calls of a busy install's last second", () => {
  test("are reported by any request that comes by, once", async () => {
    const { app } = await busy("passed");
    await app.request("GET", "/healthz");
    expect(await reported("passed")).toBe(0);
    app.clock.advance(REPORT_MS);
    await app.request("GET", "/healthz");
    expect(await reported("passed")).toBe(3);
    app.clock.advance(REPORT_MS);
    await app.request("GET", "/healthz");
    expect(await reported("passed")).toBe(3);
  });

  test("are reported with the end of a batch, and cost a warm call nothing", async () => {
    const { app, queue } = await busy("batch");
    await queue.deliver(app, "patchbay-outcomes");
    expect(await reported("batch")).toBe(3);
    await execute(app, "batch");
    const asked = app.faults.uses("PLUGIN_HEALTH").length;
    await execute(app, "batch");
    expect(app.faults.uses("PLUGIN_HEALTH").length).toBe(asked);
  });

  test("are reported with the end of a cron job", async () => {
    const { app } = await busy("cron");
    await app.run((deps) => runSchedule(deps, "no jobs"));
    expect(await reported("cron")).toBe(3);
  });

  test("are reported although their version was left", async () => {
    const { app } = await busy("gone");
    await installGuests(TENANT, [{ guest: "echo", pluginId: "other" }]);
    app.clock.advance(60_000);
    await execute(app, "other");
    expect(await reported("gone")).toBe(3);
    await installGuests(
      TENANT,
      [...PLUGINS, "other"].map((pluginId) => ({ guest: "echo", pluginId })),
    );
  });

  test("wait while the object is away, and are not lost", async () => {
    const { app } = await busy("away");
    app.clock.advance(REPORT_MS);
    app.faults.inject("PLUGIN_HEALTH", fails());
    await app.request("GET", "/healthz");
    expect(app.faults.strikes).toBe(1);
    app.faults.heal();
    app.clock.advance(60_000);
    await app.request("GET", "/healthz");
    expect(await reported("away")).toBe(3);
  });
});
