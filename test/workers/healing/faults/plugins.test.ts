import { describe, expect, test } from "vitest";
import { healByItself } from "../../../../worker/control/healing/actions/choose.ts";
import type { HealingEvent } from "../../../../worker/control/healing/healing-record.ts";
import { auditFindings } from "../../../../worker/db/schema.ts";
import type { Invocation } from "../../../../worker/execution/invoke.ts";
import { expectProblem } from "../../../support/workers/api.ts";
import { SteppingClock } from "../../../support/workers/faults.ts";
import { db } from "../../packages/upload-fixtures.ts";
import { freshDeps, healingTenant, type HealingTenant } from "../healing-tenant.ts";

/** Plugins that misbehave: detected by the breaker, healed or contained, and explained. */

const ENOUGH_FAULTS = 6;
const settings = { criticalThreshold: 3 };

/** What the job of each minute does for one install. @param minutes  from now */
async function heal(tenant: HealingTenant, minutes = 0): Promise<HealingEvent | undefined> {
  const clock = new SteppingClock();
  clock.advance(minutes * 60_000);
  const actor = { tenantId: tenant.tenantId, subject: "system", roles: [], traceId: "0".repeat(32) };
  return healByItself(freshDeps({}, { clock }), await tenant.install(), actor, settings);
}

/** Calls until the breaker is open. @returns what the calls ended in */
async function fail(tenant: HealingTenant, call: Parameters<HealingTenant["run"]>[0] = {}): Promise<Set<string>> {
  const codes = new Set<string>();
  for (let at = 0; at < ENOUGH_FAULTS; at++) codes.add((await tenant.run(call)).outcome.failure?.code ?? "none");
  return codes;
}

async function explained(tenant: HealingTenant): Promise<unknown> {
  return (await tenant.call("post", `/self-debug/heal/${tenant.pluginId}`, { dryRun: true })).body;
}

describe.each([
  ["loops", "loop", { limits: { fuel: 200_000 } }, "FUEL_EXHAUSTED"],
  ["traps", "trap", {}, "PLUGIN_TRAPPED"],
  ["leaks until it has no memory", "memory-bomb", {}, "MEMORY_EXCEEDED"],
  ["returns more than anybody asked for", "big-output", {}, "OUTPUT_TOO_LARGE"],
])("a plugin that %s", (_, guest, options, code) => {
  test(`opens its breaker, is not helped by a restart, is held back, and it says ${code}`, async () => {
    const tenant = await healingTenant(guest, options, { defaultFunction: "run" });
    expect(await fail(tenant)).toContain(code);
    const event = await heal(tenant);
    expect(event).toMatchObject({
      cause: "breaker",
      code,
      remedy: "restart",
      outcome: "failed",
      before: { breaker: "open", generation: 0 },
      after: { generation: 1 },
      verification: { verdict: "not-helped", failing: { succeeded: 0 } },
    });
    expect(event?.verification?.explanation).toMatch(/recorded calls that failed still fail/);
    expect(await heal(tenant, 2)).toBeUndefined();
    expect(await explained(tenant)).toMatchObject({
      choice: { remedy: null, code, why: expect.stringContaining("the breaker holds back its calls") },
      facts: { breaker: "open" },
    });
    const refused = await tenant.run();
    expect(refused.outcome.failure).toMatchObject({ code: "BREAKER_OPEN", detail: expect.stringContaining(code) });
  });
});

test("a plugin that leaks in instances that are kept is contained: each is dropped before it has no memory left", async () => {
  const tenant = await healingTenant("leak", { reuse: "warm" }, { defaultFunction: "run" });
  const calls: Invocation[] = [];
  for (let at = 0; at < 12; at++) calls.push(await tenant.run());
  expect(calls.map(({ outcome }) => outcome.failure?.code)).toEqual(calls.map(() => undefined));
  const held = calls.map(({ record }) => record.memoryBytes);
  expect(Math.max(...held)).toBeGreaterThan(Math.min(...held));
  expect(Math.max(...held)).toBeLessThan(16 * 1024 * 1024);
  expect(await explained(tenant)).toMatchObject({ facts: { breaker: "closed", failed: 0 } });
});

test("a plugin that returns garbage harms nobody: its caller is told what is wrong with the answer, and it stays as it is", async () => {
  const tenant = await healingTenant("garbage", {}, { defaultFunction: "run" });
  const body = { encoding: "json" };
  const answer = await tenant.call("post", `/${tenant.pluginId}/execute`, body);
  expectProblem(answer, "OUTPUT_ENCODING_INVALID", "The output is not UTF-8; ask for encoding base64.");
  expect((await tenant.call("get", `/${tenant.pluginId}/health_check`)).body).toMatchObject({ report: null });
  expect(await explained(tenant)).toMatchObject({ choice: { remedy: null }, facts: { breaker: "closed" } });
});

test("a plugin that lies in health_check is judged by what it does", async () => {
  const tenant = await healingTenant("lying-health", {}, { defaultFunction: "run" });
  expect((await tenant.call("get", `/${tenant.pluginId}/health_check`)).body).toMatchObject({ status: "healthy" });
  expect(await fail(tenant)).toContain("PLUGIN_TRAPPED");
  const event = await heal(tenant);
  expect(event).toMatchObject({
    cause: "breaker",
    code: "PLUGIN_TRAPPED",
    outcome: "failed",
    verification: { verdict: "not-helped", healthCheck: "healthy" },
  });
  expect(event?.verification?.explanation).toContain("says that it is healthy, which its calls contradict");
});

describe("a plugin that fails where it uses capabilities", () => {
  const asking = { permissions: [{ capability: "crypto" }], defaultFunction: "run" };

  test("is helped by safe mode after a restart did not help", async () => {
    const tenant = await healingTenant("phone-home", { grants: { crypto: {} } }, asking);
    expect(await fail(tenant)).toContain("PLUGIN_TRAPPED");
    expect(await heal(tenant)).toMatchObject({ remedy: "restart", outcome: "failed" });
    const event = await heal(tenant, 2);
    expect(event).toMatchObject({
      remedy: "safe-mode",
      outcome: "helped",
      after: { safeMode: true },
      verification: { verdict: "helped" },
    });
    expect((await tenant.run()).outcome.failure).toBeUndefined();
    expect((await tenant.call("get", `/${tenant.pluginId}`)).body).toMatchObject({
      install: { safeMode: { by: "system", reason: expect.stringContaining("Without capabilities") } },
    });
  });

  test("leaves safe mode again where that did not help, and is quarantined once a finding is critical", async () => {
    const always = { ...asking, defaultFunction: "always" };
    const tenant = await healingTenant("phone-home", { grants: { crypto: {} } }, always);
    await fail(tenant);
    expect(await heal(tenant)).toMatchObject({ remedy: "restart", outcome: "failed" });
    const undone = await heal(tenant, 2);
    expect(undone).toMatchObject({ remedy: "safe-mode", outcome: "undone", after: { safeMode: false } });
    expect(undone?.reason).toContain("It did not help and was taken back.");
    expect((await tenant.install()).safeMode).toBeNull();
    expect(await heal(tenant, 5)).toBeUndefined();

    await db.insert(auditFindings).values({ ...(await criticalFinding(tenant)), history: [] });
    expect(await heal(tenant, 5)).toMatchObject({
      remedy: "quarantine",
      outcome: "helped",
      after: { state: "quarantined", openFindings: 1 },
    });
    await expect(tenant.run()).rejects.toMatchObject({ code: "PLUGIN_INACTIVE" });
  });
});

async function criticalFinding({ tenantId, pluginId, install }: HealingTenant) {
  const now = Date.now();
  return {
    id: crypto.randomUUID(),
    tenantId,
    pluginId,
    installId: (await install()).id,
    rule: "version.advisory",
    dedupKey: "a",
    severity: "critical",
    evidence: {},
    remedy: "update",
    remedyText: "",
    state: "open",
    stateBy: null,
    stateReason: null,
    firstSeenAt: now,
    lastSeenAt: now + 1_000_000,
    stateSince: now,
    count: 1,
    auditId: "audit",
    recordingId: null,
  } as const;
}
