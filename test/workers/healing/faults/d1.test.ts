import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { listAudit } from "../../../../worker/control/audit-log/store.ts";
import { listEvents } from "../../../../worker/control/events/store.ts";
import { healSickInstalls } from "../../../../worker/control/healing/actions/run.ts";
import { LEASE_MS } from "../../../../worker/control/healing/store.ts";
import { moduleKey } from "../../../../worker/execution/module-store.ts";
import { SCHEDULE } from "../../../../worker/schedule.ts";
import { expectProblem } from "../../../support/workers/api.ts";
import { after, fails, Faults, SteppingClock } from "../../../support/workers/faults.ts";
import { settledApi } from "../../recording/recorded-calls.ts";
import { db } from "../../packages/upload-fixtures.ts";
import { freshDeps, healingTenant, type HealingTenant } from "../healing-tenant.ts";

/**
 * D1 fails while something has to be healed. The platform then refuses changes for a while, so all that a test needs is made before
 * anything fails.
 */

let sick: HealingTenant;
let cutOff: HealingTenant;
let healthy: HealingTenant;

beforeAll(async () => {
  [sick, cutOff, healthy] = [await healingTenant("echo"), await healingTenant("echo"), await healingTenant("log")];
});

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

describe("D1 is down", () => {
  test("calls go on, the job fails and says so, readiness names the database, and it heals once D1 is back", async () => {
    await lose(sick);
    const faults = new Faults(env);
    faults.inject("DB", fails());
    await expect(heal(sick, { bindings: faults.env })).rejects.toThrow("Failed query");
    const job = SCHEDULE["* * * * *"]?.find(({ name }) => name === "heal-sick-installs");
    await expect(job?.run(freshDeps(faults.env))).rejects.toThrow("Failed query");
    expect(
      (await healthy.run({ functionName: "run", bindings: { DB: faults.env.DB } })).outcome.failure,
    ).toBeUndefined();
    const ready = await settledApi("get", "/readyz", {}, { DB: faults.env.DB });
    expect(expectProblem(ready, "NOT_READY")["detail"]).toContain("database: D1 does not answer");
    faults.heal();
    expect((await heal(sick))[0]).toMatchObject({ remedy: "repair", outcome: "helped" });
  });

  test("in the middle of a remedy: what it began is closed as cut off, and the next run heals", async () => {
    await lose(cutOff);
    const faults = new Faults(env);
    let cut: readonly string[] = [];
    // Later and later, until the remedy has begun: its event is then written.
    for (let operations = 3; cut.length === 0; operations++) {
      faults.inject("DB", fails(after(operations)));
      await heal(cutOff, { bindings: faults.env }).catch(() => []);
      cut = (await cutOff.healing()).map(({ outcome }) => outcome);
    }
    faults.heal();
    expect(cut).toEqual(["running"]);
    expect(await heal(cutOff)).toEqual([]);
    await heal(cutOff, { ahead: LEASE_MS + 60_000 });
    const healing = await cutOff.healing();
    expect(healing.map(({ outcome }) => outcome)).toEqual(["helped", "failed"]);
    expect(healing[1]?.reason).toContain("It was cut off; what it had done stays.");
    const ended = await listEvents(db, cutOff.tenantId, { type: ["healing.ended"] }, { limit: 9, order: "oldest" });
    expect(ended.map(({ data }) => (data as { outcome?: string }).outcome)).toEqual(["failed", "helped"]);
    const audited = await listAudit(db, cutOff.tenantId, { action: "install.heal" }, { limit: 9 });
    expect(audited.map(({ after: text }) => JSON.parse(text ?? "") as unknown)).toMatchObject([
      { outcome: "failed", healingId: healing[1]?.id },
    ]);
    expect((await cutOff.run({ input: "x" })).outcome.failure).toBeUndefined();
  });
});
