import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { describeHealth } from "../../../../durable-objects/plugin-health/client.ts";
import { healSickInstalls } from "../../../../worker/control/healing/actions/run.ts";
import { moduleKey } from "../../../../worker/execution/module-store.ts";
import { fails, Faults, SteppingClock } from "../../../support/workers/faults.ts";
import { freshDeps, healingTenant, type HealingTenant } from "../healing-tenant.ts";

/** The platform's own parts fail while something has to be healed: calls go on, nothing is stuck, and it is explained. */

const DAY = 24 * 3_600_000;

async function heal(
  { tenantId }: HealingTenant,
  { bindings = {}, ahead = 0 }: { bindings?: Partial<Env>; ahead?: number } = {},
) {
  const clock = new SteppingClock(Date.now() + ahead);
  const done = await healSickInstalls(freshDeps(bindings, { clock }));
  return done.filter((event) => event.tenantId === tenantId);
}

async function lose(tenant: HealingTenant): Promise<void> {
  await env.STORE.delete(moduleKey((await tenant.version()).rewrittenDigest));
  await tenant.run({ input: "x" });
}

test("the queue is stopped: the breaker contains the plugin all the same, and whoever asks is told why", async () => {
  const sick = await healingTenant("trap", {}, { defaultFunction: "run" });
  const faults = new Faults(env);
  faults.inject("OUTCOMES", fails());
  for (let at = 0; at < 6; at++) await sick.run({ bindings: { OUTCOMES: faults.env.OUTCOMES } });
  expect(faults.strikes).toBeGreaterThan(0);
  const { versions } = await describeHealth(env.PLUGIN_HEALTH, (await sick.install()).id);
  expect(versions[0]?.verdict.state).toBe("open");
  expect((await sick.run()).outcome.failure).toMatchObject({ code: "BREAKER_OPEN" });
  const { body } = await sick.call("post", `/self-debug/heal/${sick.pluginId}`);
  expect(body).toMatchObject({
    choice: { remedy: "restart", code: "PLUGIN_TRAPPED" },
    healing: { cause: "breaker", outcome: "failed", verification: { verdict: "not-helped" } },
  });
});

describe("the clock jumps", () => {
  test("a day ahead and back: nothing is healed twice, and nothing is stuck", async () => {
    const sick = await healingTenant("echo", {}, {}, { bare: true });
    const { moduleDigest, rewrittenDigest } = await sick.version();
    await env.STORE.delete([moduleKey(moduleDigest), moduleKey(rewrittenDigest)]);
    await sick.run({ input: "x" });
    const clock = new SteppingClock(Date.now());
    const deps = freshDeps({}, { clock });
    expect((await healSickInstalls(deps)).map(({ outcome }) => outcome)).toEqual(["failed"]);
    await env.DB.prepare("UPDATE healing_events SET started_at = started_at + ?1, ended_at = ended_at + ?1")
      .bind(DAY)
      .run();
    expect(await heal(sick)).toEqual([]);
    const dry = await sick.call("post", `/self-debug/heal/${sick.pluginId}`, { dryRun: true });
    expect(dry.body).toMatchObject({
      choice: { remedy: null, code: "INTEGRITY_FAILED", why: expect.stringContaining("again from") },
    });
    expect((await sick.call("post", `/repair/${sick.pluginId}`)).status).toBe(200);
  });

  test("a lease that a clock from tomorrow holds is taken over", async () => {
    const sick = await healingTenant("echo");
    await lose(sick);
    await env.DB.prepare(
      `INSERT INTO healing_events (id, tenant_id, install_id, plugin_id, cause, remedy, reason, before, outcome, subject, started_at) VALUES (?, ?, ?, ?, 'executions', 'repair', '', '{"version":"1.0.0"}', 'running', 'system', ?)`,
    )
      .bind(crypto.randomUUID(), sick.tenantId, (await sick.install()).id, sick.pluginId, Date.now() + DAY)
      .run();
    const { status, body } = await sick.call("post", `/repair/${sick.pluginId}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ outcome: "helped" });
    expect((await sick.healing()).map(({ outcome }) => outcome).toSorted()).toEqual(["failed", "helped"]);
  });
});

test("a killed isolate is seen, gets a successor, and the calls that it failed succeed again", async () => {
  const sick = await healingTenant("echo");
  const faults = new Faults(env);
  faults.inject("LOADER", fails());
  const { failure } = (await sick.run({ input: "x", bindings: { LOADER: faults.env.LOADER } })).outcome;
  expect(failure).toMatchObject({ code: "ISOLATE_UNAVAILABLE" });
  const [event] = await heal(sick);
  expect(event).toMatchObject({
    cause: "executions",
    code: "ISOLATE_UNAVAILABLE",
    remedy: "restart",
    outcome: "helped",
    verification: { failing: { replayed: 1, succeeded: 1 } },
  });
  expect(event?.after?.generation).toBeGreaterThan(event?.before.generation ?? 0);
  expect((await sick.run({ input: "x" })).outcome.failure).toBeUndefined();
});
