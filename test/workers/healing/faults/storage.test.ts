import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { healSickInstalls } from "../../../../worker/control/healing/actions/run.ts";
import { packageKey } from "../../../../worker/control/packages/blob-store.ts";
import { moduleKey } from "../../../../worker/execution/module-store.ts";
import { utf8 } from "../../../fixtures/packages/bytes.ts";
import { always, fails, Faults, on, SteppingClock, truncates } from "../../../support/workers/faults.ts";
import { freshDeps, healingTenant, type HealingTenant } from "../healing-tenant.ts";

/** What is stored of a plugin is damaged, missing, or not given: detected, healed or contained, and explained. */

/** One run of the job; what it did for the tenant. @param minutes  from now */
async function heal({ tenantId }: HealingTenant, minutes = 0, bindings: Partial<Env> = {}) {
  const clock = new SteppingClock();
  clock.advance(minutes * 60_000);
  const done = await healSickInstalls(freshDeps(bindings, { clock }));
  return done.filter((event) => event.tenantId === tenantId);
}

test("a corrupt module is never run, is seen at the first call, and is made again", async () => {
  const tenant = await healingTenant("echo");
  const { rewrittenDigest } = await tenant.version();
  const stored = await (await env.STORE.get(moduleKey(rewrittenDigest)))?.bytes();
  if (!stored) throw new Error("not stored");
  await env.STORE.put(moduleKey(rewrittenDigest), stored.with(100, (stored[100] ?? 0) ^ 1));

  const { failure } = (await tenant.run({ input: "x" })).outcome;
  expect(failure).toMatchObject({ code: "INTEGRITY_FAILED", detail: expect.stringContaining(rewrittenDigest) });
  const [event] = await heal(tenant);
  expect(event).toMatchObject({
    cause: "executions",
    code: "INTEGRITY_FAILED",
    remedy: "repair",
    outcome: "helped",
    before: { faults: { INTEGRITY_FAILED: 1 }, generation: 0 },
    after: { faults: {}, generation: 1 },
    verification: { verdict: "helped", failing: { replayed: 1, succeeded: 1 } },
  });
  expect(event?.reason).toContain("Restored: metered module.");
  expect((await tenant.run({ input: "x" })).outcome.failure).toBeUndefined();
});

test("a corrupt package whose modules are lost is contained: two repairs fail, then it is quarantined, and each step says why", async () => {
  const tenant = await healingTenant("echo");
  const { packageDigest, moduleDigest, rewrittenDigest } = await tenant.version();
  await env.STORE.put(packageKey(packageDigest), utf8("PK, and nothing else"));
  await env.STORE.delete([moduleKey(moduleDigest), moduleKey(rewrittenDigest)]);
  expect((await tenant.run({ input: "x" })).outcome.failure?.code).toBe("INTEGRITY_FAILED");

  const [first] = await heal(tenant);
  expect(first).toMatchObject({ remedy: "repair", outcome: "failed", after: { state: "active", generation: 0 } });
  expect(first?.reason).toContain(
    `Missing or damaged, and in no backup: package ${packageDigest}, module as uploaded ${moduleDigest}`,
  );
  expect(await heal(tenant)).toEqual([]);
  expect((await heal(tenant, 2))[0]).toMatchObject({ remedy: "repair", outcome: "failed" });
  const [last] = await heal(tenant, 5);
  expect(last).toMatchObject({ remedy: "quarantine", outcome: "helped", after: { state: "quarantined" } });
  expect(last?.reason).toContain("Nothing that is kept can be trusted");
  expect((await tenant.call("get", `/${tenant.pluginId}`)).body).toMatchObject({ install: { state: "quarantined" } });
  expect(await heal(tenant, 9)).toEqual([]);
});

test("a missing object is made again from the package that holds it", async () => {
  const tenant = await healingTenant("echo");
  const { moduleDigest, rewrittenDigest } = await tenant.version();
  await env.STORE.delete([moduleKey(moduleDigest), moduleKey(rewrittenDigest)]);
  const { failure } = (await tenant.run({ input: "x" })).outcome;
  expect(failure).toMatchObject({ code: "INTEGRITY_FAILED", detail: expect.stringContaining("is missing") });
  const [event] = await heal(tenant);
  expect(event).toMatchObject({ remedy: "repair", outcome: "helped" });
  expect(event?.reason).toContain("Restored: module as uploaded, metered module.");
  expect(await env.STORE.head(moduleKey(moduleDigest))).not.toBeNull();
  expect((await tenant.run({ input: "x" })).outcome.failure).toBeUndefined();
});

test("a store that gives half an object is not taken for a damaged one for good", async () => {
  const tenant = await healingTenant("echo");
  const faults = new Faults(env);
  faults.inject("STORE", on(["get"], truncates(10)));
  expect((await tenant.run({ input: "x", bindings: { STORE: faults.env.STORE } })).outcome.failure?.code).toBe(
    "INTEGRITY_FAILED",
  );
  const [event] = await heal(tenant);
  expect(event).toMatchObject({ remedy: "repair", outcome: "helped" });
  expect(event?.reason).toContain("All that is stored of it is what was uploaded.");
});

test("a store that is away is told apart from damage: nothing is quarantined, and it heals once the store is back", async () => {
  const tenant = await healingTenant("echo");
  const faults = new Faults(env);
  faults.inject("STORE", on(["get"], fails(always)));
  const { failure } = (await tenant.run({ input: "x", bindings: { STORE: faults.env.STORE } })).outcome;
  expect(failure?.code).toBe("MODULE_UNAVAILABLE");
  for (const minutes of [0, 2]) {
    const [event] = await heal(tenant, minutes, { STORE: faults.env.STORE });
    expect(event).toMatchObject({ remedy: "repair", outcome: "failed", after: { state: "active" } });
    expect(event?.reason).toContain("MODULE_UNAVAILABLE: The store does not give");
  }
  expect(await heal(tenant, 5, { STORE: faults.env.STORE })).toEqual([]);
  const answer = await tenant.call("post", `/self-debug/heal/${tenant.pluginId}`, { dryRun: true });
  expect(answer.body).toMatchObject({ choice: { remedy: null, code: "MODULE_UNAVAILABLE" } });
  expect((await tenant.run({ input: "x" })).outcome.failure).toBeUndefined();
});
