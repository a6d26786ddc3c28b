import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { describeHealth } from "../../../durable-objects/plugin-health/client.ts";
import type { Tally } from "../../../durable-objects/plugin-health/tally-rules.ts";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import { LOSSES } from "../../../sdk/contract/modes.ts";
import { tendSystem } from "../../../worker/control/modes/actions.ts";
import { OUTAGE_MS } from "../../../worker/execution/snapshot-store.ts";
import { runSchedule } from "../../../worker/schedule.ts";
import { expectProblem, type ApiAnswer } from "../../support/workers/api.ts";
import { fails, losesAnswer, type Fault, type Part } from "../../support/workers/faults.ts";
import { FaultyApp } from "../../support/workers/faulty-app.ts";
import { HeldQueue } from "../../support/workers/held-queue.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { installGuests } from "../execution/guest-installs.ts";

/** The whole worker with one part away for minutes: what goes on, what is refused, and that no record is lost. */

const TENANT = "losses";
const WRITE = { url: "https://hooks.example.com/hooks?box=losses" };
/** Installs that only one scene calls, so that what is reported of them can be counted. */
const WATCHED = ["losses.one", "losses.two", "losses.three"] as const;
const SICK = "losses.sick";
/** Tokens that outlive hours of the scenes' time. Seconds since the epoch. */
const claims = { exp: Math.floor(Date.now() / 1_000) + 7 * 86_400 };
let caller: string;
let admin: string;

beforeAll(async () => {
  await installGuests(TENANT, [
    { guest: "echo" },
    { guest: "fail", pluginId: "losses.cold" },
    ...WATCHED.map((pluginId) => ({ guest: "echo", pluginId })),
    { guest: "loop", pluginId: SICK, limits: { fuel: 100_000 } },
  ]);
  const at = Date.now();
  await env.DB.prepare(
    "INSERT INTO tenants (id, name, plan, status, snapshot_revision, created_at) VALUES (?, ?, 'pro', 'active', 1, ?)",
  )
    .bind(TENANT, TENANT, at)
    .run();
  caller = await mintToken({ tenant: TENANT, roles: ["caller"], claims });
  admin = await mintToken({ tenant: TENANT, roles: ["admin"], claims });
});
beforeEach(() => void vi.spyOn(console, "error").mockReturnValue());
afterEach(() => vi.restoreAllMocks());

class Scene {
  readonly queue = new HeldQueue();
  readonly app: FaultyApp;
  readonly executions: string[] = [];

  constructor() {
    this.app = new FaultyApp({ ...env, OUTCOMES: this.queue } as unknown as Env); // all that is used of a queue
    this.app.clock.advance(scenes++ * 3_600_000);
  }

  async execute(pluginId = "echo", functionName?: string): Promise<ApiAnswer> {
    const path = `/api/plugins/${pluginId}/execute`;
    const body = { input: "warm", ...(functionName === undefined ? {} : { function: functionName }) };
    const answer = await this.app.request("POST", path, { token: caller, body });
    const { executionId } = answer.body as { executionId?: string };
    if (executionId !== undefined) this.executions.push(executionId);
    return answer;
  }

  /** Calls at once, all of which must succeed. */
  async load(count: number): Promise<void> {
    const answers = await Promise.all(Array.from({ length: count }, () => this.execute()));
    const failed = answers.find(({ status }) => status !== 200);
    if (failed) throw new Error(`An execution failed: ${JSON.stringify(failed.body)}`);
  }

  list(): Promise<ApiAnswer> {
    return this.app.request("GET", "/api/plugins/", { token: admin });
  }

  write(): Promise<ApiAnswer> {
    return this.app.request("POST", "/api/plugins/webhooks", { token: admin, body: WRITE });
  }

  deliver(): Promise<void> {
    return this.queue.deliver(this.app, "patchbay-outcomes");
  }

  cron(): Promise<void> {
    return this.app.run((deps) => tendSystem(deps));
  }

  get mode(): string {
    return this.app.kept.mode.state.mode;
  }

  /** How often each execution is in D1. */
  async stored(): Promise<number[]> {
    const { results } = await env.DB.prepare("SELECT id FROM plugin_executions WHERE tenant_id = ?").bind(TENANT).all();
    const ids = results.map(({ id }) => id);
    return this.executions.map((execution) => ids.filter((id) => id === execution).length);
  }
}

async function expectAllStoredOnce(scene: Scene): Promise<void> {
  expect(await scene.stored()).toEqual(scene.executions.map(() => 1));
}
let scenes = 0;

async function modeEvents(): Promise<string[]> {
  const { results } = await env.DB.prepare(
    "SELECT data FROM plugin_events WHERE tenant_id = ? AND type = 'mode.changed' ORDER BY sequence",
  )
    .bind(PLATFORM_TENANT)
    .all<{ data: string }>();
  return results.map(({ data }) => {
    const { from, to } = JSON.parse(data) as { from: string; to: string };
    return `${from} > ${to}`;
  });
}

const SCENARIOS: Readonly<Record<keyof typeof LOSSES, () => Promise<void>>> = {
  async database() {
    const scene = new Scene();
    const { app } = scene;
    await scene.load(3);
    await scene.deliver();
    app.faults.inject("DB", fails());

    // Pauses between tries pass on the test's clock only, and count as well.
    const [lostAt, clockAt] = [Date.now(), app.clock.now()];
    const first = await scene.list();
    const seconds = (Date.now() - lostAt + app.clock.now() - clockAt) / 1_000;
    expect(first).toMatchObject({ status: 200, body: { stale: { since: expect.any(Number) as number } } });
    expect(scene.mode).toBe("fallback");
    expect(seconds).toBeLessThan(2);

    for (let minute = 0; minute < 5; minute++) {
      await scene.load(10);
      const listed = await scene.list();
      expect(listed.headers.get("x-patchbay-mode")).toBe("fallback");
      const ids = ["echo", "losses.cold", SICK, ...WATCHED].toSorted();
      expect(listed.body).toMatchObject({ items: ids.map((id) => ({ id })), stale: {} });
      const one = await app.request("GET", "/api/plugins/echo", { token: admin });
      expect(one.body).toMatchObject({ id: "echo", install: { state: "active" }, stale: {} });
      const refused = await scene.write();
      expectProblem(refused, "MODE_FALLBACK");
      expect(refused.headers.get("retry-after")).toBe("5");
      expectProblem(await app.request("GET", "/api/plugins/audit-logs", { token: admin }), "MODE_FALLBACK");
      await scene.deliver();
      app.clock.advance(60_000);
    }
    expect(await scene.stored()).toEqual([1, 1, 1, ...Array.from({ length: 50 }, () => 0)]);

    app.faults.heal();
    const [healedAt, backAt] = [Date.now(), app.clock.now()];
    await scene.cron();
    expect(scene.mode).toBe("normal");
    const back = (Date.now() - healedAt + app.clock.now() - backAt) / 1_000;
    expect(back).toBeLessThan(5);
    await scene.deliver();
    expect(scene.queue.messages).toEqual([]);
    await expectAllStoredOnce(scene);
    expect((await scene.write()).status).toBe(201);
    expect((await scene.list()).body).not.toHaveProperty("stale");
    expect(await modeEvents()).toEqual(["normal > fallback", "fallback > recovering", "recovering > normal"]);
    console.info(`fallback after ${seconds} s, normal again ${back} s after the probe that found D1 back`);
  },

  async store() {
    const scene = new Scene();
    const { app } = scene;
    await scene.load(3);
    app.faults.inject("STORE", fails());
    app.clock.advance(31_000);
    await scene.load(3);
    expect(scene.mode).toBe("fallback");
    for (let minute = 0; minute < 10; minute++) {
      app.clock.advance(60_000);
      await scene.load(2);
    }
    expect((await scene.execute("losses.cold")).body).toMatchObject({ code: "MODULE_UNAVAILABLE" });
    expect((await scene.list()).body).not.toHaveProperty("stale");
    expectProblem(await scene.write(), "MODE_FALLBACK");
    app.clock.advance(OUTAGE_MS);
    expectProblem(await scene.execute(), "SNAPSHOT_UNAVAILABLE");
    app.faults.heal();
    await scene.cron();
    expect(scene.mode).toBe("normal");
    await scene.load(1);
    await scene.deliver();
    await expectAllStoredOnce(scene);
  },

  async outcomes() {
    const queueFaults: readonly Fault[] = [fails(), losesAnswer()];
    for (const fault of queueFaults) {
      const scene = new Scene();
      scene.app.faults.inject("OUTCOMES", fault);
      await scene.load(5);
      expect(scene.mode).toBe("normal");
      scene.app.faults.heal();
      await scene.cron();
      await scene.deliver();
      await expectAllStoredOnce(scene);
    }
  },

  async health() {
    const scene = await goesOnWithout("PLUGIN_HEALTH");
    const isolates = [scene, new Scene()];
    const { app } = scene;
    isolates[1]?.app.faults.inject("PLUGIN_HEALTH", fails());
    const made = new Map<string, number>();
    const callAll = async (): Promise<void> => {
      const calls = isolates.flatMap((isolate) => WATCHED.map((pluginId) => ({ isolate, pluginId })));
      const answers = await Promise.all(calls.map(({ isolate, pluginId }) => isolate.execute(pluginId)));
      expect(answers.map(({ status }) => status)).toEqual(calls.map(() => 200));
      for (const { pluginId } of calls) made.set(pluginId, (made.get(pluginId) ?? 0) + 1);
    };
    for (let minute = 0; minute < 5; minute++) {
      for (const isolate of isolates) isolate.app.clock.advance(60_000);
      await callAll();
      // An object that did not answer is left alone for a while: what it costs is not paid by each call.
      const strikes = isolates.map((isolate) => isolate.app.faults.strikes);
      await callAll();
      expect(isolates.map((isolate) => isolate.app.faults.strikes)).toEqual(strikes);
    }
    expect(app.faults.strikes).toBeGreaterThan(0);

    // Each isolate's own breaker decides by what it sees.
    for (let fault = 0; fault < 5; fault++) {
      expect((await scene.execute(SICK, "run")).body).toMatchObject({ code: "FUEL_EXHAUSTED" });
    }
    expectProblem(await scene.execute(SICK, "fine"), "BREAKER_OPEN");
    expect((await isolates[1]?.execute(SICK, "fine"))?.status).toBe(200);
    expect(await reported(SICK)).toBeUndefined();

    for (const { app: each } of isolates) {
      each.faults.heal();
      each.clock.advance(60_000);
      await each.run((deps) => runSchedule(deps, "no jobs"));
    }
    for (const pluginId of WATCHED)
      expect(await reported(pluginId)).toMatchObject({ calls: made.get(pluginId), failed: 0 });
    expect(await reported(SICK)).toMatchObject({
      calls: 6,
      failed: 5,
      faults: 5,
      refused: 1,
      codes: { FUEL_EXHAUSTED: 5 },
    });
    await scene.deliver();
    await isolates[1]?.deliver();
    expect(await scene.stored()).toEqual(scene.executions.map(() => 1));
  },

  async mode() {
    const scene = await goesOnWithout("SYSTEM_MODE");
    expect(scene.app.faults.strikes).toBeGreaterThan(0);
  },
};

/** What the health object of an install was told; undefined: nothing. */
async function reported(pluginId: string): Promise<Tally | undefined> {
  const { versions } = await describeHealth(env.PLUGIN_HEALTH, `${TENANT}-${pluginId}`);
  return versions[0]?.windows.day;
}

/** Without a part that only advises, everything goes on. */
async function goesOnWithout(part: Part): Promise<Scene> {
  const scene = new Scene();
  scene.app.faults.inject(part, fails());
  await scene.load(3);
  for (let minute = 0; minute < 3; minute++) {
    scene.app.clock.advance(60_000);
    await scene.load(3);
    expect((await scene.list()).status).toBe(200);
    expect((await scene.write()).status).toBe(201);
  }
  await scene.deliver();
  await expectAllStoredOnce(scene);
  return scene;
}

describe("without", () => {
  test.each(Object.entries(SCENARIOS))("%s things are as LOSSES says", async (name, run) => {
    await run();
    expect(Object.keys(LOSSES)).toContain(name);
  });

  test("D1 for longer than the queue tries, records wait in R2", async () => {
    const scene = new Scene();
    await scene.load(4);
    await scene.queue.deliver(scene.app, "patchbay-outcomes-dead");
    expect(scene.queue.messages).toEqual([]);
    expect(await scene.stored()).toEqual([0, 0, 0, 0]);
    await scene.cron();
    await scene.cron();
    await expectAllStoredOnce(scene);
  });

  test("D1 for one query only, nothing changes", async () => {
    const scene = new Scene();
    scene.app.faults.inject(
      "DB",
      fails((call) => call === 1),
    );
    expect(await scene.list()).toMatchObject({ status: 200, body: { stale: {} } });
    expect(scene.mode).toBe("normal");
    expect((await scene.list()).body).not.toHaveProperty("stale");
  });
});
