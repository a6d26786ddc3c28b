import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { listEvents } from "../../../worker/control/events/store.ts";
import { healByItself } from "../../../worker/control/healing/actions/choose.ts";
import { moduleKey } from "../../../worker/execution/module-store.ts";
import { SteppingClock } from "../../support/workers/faults.ts";
import { db } from "../packages/upload-fixtures.ts";
import { freshDeps, healingTenant, type HealingTenant } from "./healing-tenant.ts";

/** Versions that bring faults, and the way back. */

async function heal(tenant: HealingTenant, minutes = 0) {
  const clock = new SteppingClock();
  clock.advance(minutes * 60_000);
  const actor = { tenantId: tenant.tenantId, subject: "system", roles: [], traceId: "0".repeat(32) };
  return healByItself(freshDeps({}, { clock }), await tenant.install(), actor, { criticalThreshold: 3 });
}

async function upgraded(from: string, to: string): Promise<HealingTenant> {
  const tenant = await healingTenant(from, {}, { defaultFunction: "run" });
  await tenant.run({ functionName: "run" });
  await tenant.upload(to, { version: "2.0.0" });
  const answer = await tenant.call("put", `/${tenant.pluginId}`, { version: "2.0.0", gate: "skipped" });
  expect(answer.status).toBe(200);
  return tenant;
}

async function fail(tenant: HealingTenant): Promise<void> {
  for (let at = 0; at < 6; at++) await tenant.run();
}

describe("a version that brings faults", () => {
  test("is left for the one before, which is proved by the calls that failed, and takes calls again", async () => {
    const tenant = await upgraded("noop", "trap");
    await fail(tenant);
    const event = await heal(tenant);
    expect(event).toMatchObject({
      cause: "breaker",
      code: "PLUGIN_TRAPPED",
      remedy: "rollback",
      outcome: "helped",
      before: { version: "2.0.0", breaker: "open" },
      after: { version: "1.0.0", breaker: "closed" },
      verification: { verdict: "helped", failing: { succeeded: 3 } },
    });
    expect((await tenant.run()).outcome.failure).toBeUndefined();
    const [told] = await listEvents(
      db,
      tenant.tenantId,
      { type: "upgrade.rolled-back" },
      { limit: 1, order: "newest" },
    );
    expect(told).toMatchObject({ subject: "system", data: { fromVersion: "2.0.0", version: "1.0.0" } });
  });

  test("is taken up again where going back did not help", async () => {
    const tenant = await upgraded("trap", "trap");
    await fail(tenant);
    const event = await heal(tenant);
    expect(event).toMatchObject({
      remedy: "rollback",
      outcome: "undone",
      after: { version: "2.0.0" },
      verification: { verdict: "not-helped" },
    });
    expect((await tenant.install()).version).toBe("2.0.0");
    expect(await heal(tenant, 2)).toMatchObject({ remedy: "restart", outcome: "failed" });
  });

  test("is not left for one that failed as well", async () => {
    const tenant = await healingTenant("trap", {}, { defaultFunction: "run" });
    await fail(tenant);
    await tenant.upload("trap", { version: "2.0.0" });
    await tenant.call("put", `/${tenant.pluginId}`, { version: "2.0.0" });
    await fail(tenant);
    expect(await heal(tenant)).toMatchObject({ remedy: "restart" });
  });
});

test("a version whose code is lost for good is left for the one before once its repairs failed", async () => {
  const tenant = await healingTenant("noop", {}, { defaultFunction: "run" }, { bare: true });
  const { moduleDigest, rewrittenDigest } = await tenant.upload("echo", { version: "2.0.0" });
  await tenant.call("put", `/${tenant.pluginId}`, { version: "2.0.0" });
  await env.STORE.delete([moduleKey(moduleDigest), moduleKey(rewrittenDigest)]);
  await tenant.run();
  expect(await heal(tenant)).toMatchObject({ remedy: "repair", outcome: "failed" });
  expect(await heal(tenant, 2)).toMatchObject({ remedy: "repair", outcome: "failed" });
  expect(await heal(tenant, 5)).toMatchObject({
    remedy: "rollback",
    code: "INTEGRITY_FAILED",
    outcome: "helped",
    after: { version: "1.0.0" },
  });
  expect((await tenant.run()).outcome.failure).toBeUndefined();
});
