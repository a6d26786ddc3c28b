import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test } from "vitest";
import { listAudit } from "../../../worker/control/audit-log/store.ts";
import { listEvents } from "../../../worker/control/events/store.ts";
import { healSickInstalls } from "../../../worker/control/healing/actions/run.ts";
import { beginHealing, LEASE_MS } from "../../../worker/control/healing/store.ts";
import { PLATFORM_LIMITS } from "../../../worker/control/healing/rules.ts";
import type { HealingEvent } from "../../../worker/control/healing/healing-record.ts";
import { updateSettings } from "../../../worker/control/settings/actions.ts";
import { moduleKey } from "../../../worker/execution/module-store.ts";
import { SCHEDULE } from "../../../worker/schedule.ts";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import { expectProblem } from "../../support/workers/api.ts";
import { SteppingClock } from "../../support/workers/faults.ts";
import { db } from "../packages/upload-fixtures.ts";
import { freshDeps, healingTenant, type HealingTenant } from "./healing-tenant.ts";

/** What happens while nobody looks. */

const admin = { tenantId: PLATFORM_TENANT, subject: "root", roles: ["admin"] } as const;

async function lose(tenant: HealingTenant): Promise<void> {
  await env.STORE.delete(moduleKey((await tenant.version()).rewrittenDigest));
  const { outcome } = await tenant.run({ input: "x" });
  expect(outcome.failure?.code).toBe("INTEGRITY_FAILED");
}

function eventOf(tenant: HealingTenant, fields: Partial<HealingEvent>): HealingEvent {
  const facts = {
    version: "1.0.0",
    state: "active",
    safeMode: false,
    generation: 0,
    breaker: null,
    calls: 0,
    failed: 0,
    faults: {},
    openFindings: 0,
  };
  return {
    id: freshDeps().newId(),
    tenantId: tenant.tenantId,
    installId: "other",
    pluginId: tenant.pluginId,
    cause: "executions",
    code: null,
    remedy: "restart",
    reason: "",
    before: facts,
    after: null,
    verification: null,
    outcome: "running",
    subject: "system",
    startedAt: Date.now(),
    endedAt: null,
    ...fields,
  };
}

/** One run of the job; what it did for the tenant: others of this file may be sick too. */
async function heal({ tenantId }: HealingTenant): Promise<readonly HealingEvent[]> {
  return (await healSickInstalls(freshDeps())).filter((event) => event.tenantId === tenantId);
}

beforeEach(async () => {
  await env.DB.exec("DELETE FROM healing_events");
});

describe("the job of each minute", () => {
  test("heals an install whose calls fail, tells of it, and leaves well what is well", async () => {
    const [sick, well] = [await healingTenant("echo"), await healingTenant("echo", {}, { name: "Other" })];
    await well.run({ input: "x" });
    await lose(sick);
    const done = await heal(sick);
    expect(await heal(well)).toEqual([]);
    expect(done.map(({ pluginId, remedy, cause, code, outcome }) => [pluginId, remedy, cause, code, outcome])).toEqual([
      [sick.pluginId, "repair", "executions", "INTEGRITY_FAILED", "helped"],
    ]);
    expect((await sick.run({ input: "x" })).outcome.failure).toBeUndefined();
    const [told] = await listEvents(db, sick.tenantId, { type: "healing.ended" }, { limit: 5, order: "newest" });
    expect(told).toMatchObject({
      subject: "system",
      data: { remedy: "repair", outcome: "helped", healingId: done[0]?.id },
    });
    const [audit] = await listAudit(db, sick.tenantId, {}, { limit: 1 });
    expect(audit).toMatchObject({ action: "install.repair", subject: "system" });
    expect(await heal(sick)).toEqual([]);
    expect(SCHEDULE["* * * * *"]?.map(({ name }) => name)).toContain("heal-sick-installs");
  });

  test("does nothing while the setting is off, and operators go on healing by hand", async () => {
    await updateSettings(freshDeps(), admin, { audit: { autoFix: false } }, undefined);
    const sick = await healingTenant("echo");
    await lose(sick);
    expect(await heal(sick)).toEqual([]);
    expect((await sick.call("post", `/self-debug/heal/${sick.pluginId}`)).body).toMatchObject({
      choice: { remedy: "repair", code: "INTEGRITY_FAILED" },
      healing: { outcome: "helped", cause: "executions", subject: expect.any(String) },
    });
    await updateSettings(freshDeps(), admin, { audit: { autoFix: true } }, undefined);
  });

  test("leaves alone what does not take calls", async () => {
    const sick = await healingTenant("echo");
    await lose(sick);
    await sick.call("post", `/${sick.pluginId}/deactivate`);
    expect(await heal(sick)).toEqual([]);
    expectProblem(await sick.call("post", `/${sick.pluginId}/heal`), "STATE_CONFLICT");
    await sick.run().catch(() => undefined);
    await env.STORE.put(moduleKey((await sick.version()).rewrittenDigest), "");
  });

  test("does no more on the whole platform than its limit", async () => {
    const sick = await healingTenant("echo");
    await lose(sick);
    const earlier = Array.from({ length: PLATFORM_LIMITS.most }, (_, at) =>
      eventOf(sick, { installId: `other-${at}`, outcome: "failed" }),
    );
    for (const event of earlier) expect(await beginHealing(db, event)).toBe(true);
    expect(await heal(sick)).toEqual([]);
    const clock = new SteppingClock();
    clock.advance(PLATFORM_LIMITS.periodMs - 10_000);
    expect(await beginHealing(db, eventOf(sick, { startedAt: clock.now() }), PLATFORM_LIMITS)).toBe(false);
    clock.advance(60_000);
    expect(await beginHealing(db, eventOf(sick, { startedAt: clock.now() }), PLATFORM_LIMITS)).toBe(true);
    expect((await sick.call("post", `/${sick.pluginId}/heal`)).body).toMatchObject({ healing: { outcome: "helped" } });
  });

  test("waits while somebody else heals the install, and not for ever", async () => {
    const sick = await healingTenant("echo");
    await lose(sick);
    const { id: installId } = await sick.install();
    const abandoned = eventOf(sick, { installId });
    expect(await beginHealing(db, abandoned)).toBe(true);
    expect(await heal(sick)).toEqual([]);
    await env.DB.prepare("UPDATE healing_events SET started_at = ?")
      .bind(Date.now() - LEASE_MS - 1)
      .run();
    expect((await heal(sick)).map(({ outcome }) => outcome)).toEqual(["helped"]);
    const healing = await sick.healing();
    expect(healing.find(({ id }) => id === abandoned.id)).toMatchObject({
      outcome: "failed",
      endedAt: expect.any(Number),
    });
  });
});

describe("a dry run", () => {
  test("says what would be done, keeps that, and does nothing", async () => {
    const sick = await healingTenant("echo");
    await lose(sick);
    const answer = await sick.call("post", `/self-debug/heal/${sick.pluginId}`, { dryRun: true });
    expect(answer.body).toMatchObject({
      choice: { remedy: "repair", code: "INTEGRITY_FAILED", why: expect.any(String) },
      facts: { failed: 1, faults: { INTEGRITY_FAILED: 1 } },
      healing: { outcome: "dry-run", remedy: "repair", after: null },
    });
    expect((await sick.run({ input: "x" })).outcome.failure?.code).toBe("INTEGRITY_FAILED");
    expect((await sick.healing()).map(({ outcome }) => outcome)).toEqual(["dry-run"]);
    expect((await heal(sick)).length).toBe(1);
  });

  test("of what is well says so and keeps nothing", async () => {
    const well = await healingTenant("echo");
    expect((await well.call("post", `/self-debug/heal/${well.pluginId}`, { dryRun: true })).body).toMatchObject({
      choice: { remedy: null, code: null, why: "Nothing is wrong that a remedy is known for." },
      healing: null,
    });
    expect(await well.healing()).toEqual([]);
  });
});
