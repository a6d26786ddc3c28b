import { describe, expect, test } from "vitest";
import type { CapabilityUse } from "../../../sdk/contract/sandbox.ts";
import { listAudit } from "../../../worker/control/audit-log/store.ts";
import { listEvents } from "../../../worker/control/events/store.ts";
import { recordExecutions } from "../../../worker/control/executions/actions.ts";
import { readUsage, reportGrants } from "../../../worker/control/grants/actions/review.ts";
import { dayOf, DAY_MS } from "../../../worker/control/grants/report-rules.ts";
import { deleteUsageBefore, sumDetails, sumUsage } from "../../../worker/control/grants/usage-store.ts";
import { installPlugin } from "../../../worker/control/installs/actions/install.ts";
import type { ExecutionRecord } from "../../../worker/execution/settle.ts";
import type { Actor } from "../../../worker/lib/actor.ts";
import { db, makeDeps, NOW, refusal, seedTenant, seedVersion } from "./fixtures.ts";

const use = (change: Partial<CapabilityUse>): CapabilityUse => ({
  capability: "http",
  calls: 1,
  refused: 0,
  scopes: [],
  bytes: 10,
  ...change,
});

interface Seeded {
  readonly actor: Actor;
  readonly installId: string;
  readonly record: (
    n: number,
    capabilities: readonly CapabilityUse[] | undefined,
    startedAt?: number,
  ) => ExecutionRecord;
}

async function seed(): Promise<Seeded> {
  const operator = await seedTenant();
  const actor: Actor = { ...operator, roles: ["admin"] };
  const permissions = [{ capability: "http" as const, hosts: ["a.test", "b.test"] }, { capability: "cache" as const }];
  await seedVersion({ tenantId: actor.tenantId, manifest: { permissions } });
  const { install } = await installPlugin(makeDeps(), actor, {
    pluginId: "acme.echo",
    activate: true,
    grants: { http: {}, cache: {} },
  });
  const record: Seeded["record"] = (n, capabilities, startedAt = NOW) => ({
    id: `${actor.tenantId}-${n}`,
    tenantId: actor.tenantId,
    installId: install.id,
    pluginId: "acme.echo",
    version: "1.0.0",
    functionName: "run",
    status: "succeeded",
    errorCode: null,
    errorDetail: null,
    durationMs: 1,
    fuel: 1,
    memoryBytes: 1,
    hostCalls: 1,
    inputBytes: 1,
    outputBytes: 1,
    logLines: 0,
    traceId: "0".repeat(32),
    subject: "carl",
    startedAt,
    ...(capabilities ? { capabilities } : {}),
  });
  return { actor, installId: install.id, record };
}

describe("sums of use", () => {
  test("count each execution once, however often and with whatever others its record is delivered", async () => {
    const { actor, installId, record } = await seed();
    const records = Array.from({ length: 10 }, (_, n) =>
      record(n, [use({ calls: n, bytes: 100, scopes: n % 2 ? ["a.test"] : ["a.test", "b.test"] })]),
    );
    await recordExecutions(makeDeps(), records.slice(0, 6));
    await Promise.all([0, 3, 6, 0].map((start) => recordExecutions(makeDeps(), records.slice(start))));
    const sums = await sumUsage(db, { tenantId: actor.tenantId, installId }, dayOf(NOW));
    expect(sums).toEqual([
      {
        capability: "http",
        scope: "",
        executions: 10,
        calls: 45,
        refused: 0,
        bytes: 1_000,
        peakCalls: 9,
        peakBytes: 100,
        lastUsedAt: NOW,
      },
      expect.objectContaining({ scope: "a.test", executions: 10, calls: 0 }),
      expect.objectContaining({ scope: "b.test", executions: 5, calls: 0 }),
    ]);
  });

  test("are by day, and a period leaves earlier days out", async () => {
    const { actor, record } = await seed();
    await recordExecutions(makeDeps(), [
      record(1, [use({ calls: 1 })], NOW),
      record(2, [use({ calls: 2 })], NOW - DAY_MS),
      record(3, [use({ calls: 4 })], NOW - 2 * DAY_MS),
      record(4, undefined, NOW),
    ]);
    const { capabilities, period } = await readUsage(makeDeps(), actor, "acme.echo", 2);
    expect(period).toMatchObject({ from: NOW - DAY_MS, days: 2 });
    expect(capabilities[0]).toMatchObject({
      capability: "http",
      granted: true,
      calls: 3,
      peakCalls: 2,
      quotas: [
        { quota: "requests", limit: 10, peak: 2, per: "call", unit: "calls" },
        { quota: "requestBytes", peak: null },
        { quota: "responseBytes", peak: null },
      ],
      daily: [
        { day: NOW - DAY_MS, calls: 2 },
        { day: NOW, calls: 1 },
      ],
    });
    expect(capabilities[1]).toMatchObject({
      capability: "cache",
      granted: true,
      calls: 0,
      lastUsedAt: null,
      daily: [],
    });
  });

  test("past their retention are deleted, in bounded steps", async () => {
    const { actor, installId, record } = await seed();
    await recordExecutions(
      makeDeps(),
      [1, 2, 3].map((n) => record(n, [use({})], NOW - n * DAY_MS)),
    );
    const scope = { tenantId: actor.tenantId, installId };
    const before = dayOf(NOW) - 1;
    const deleted = (await deleteUsageBefore(db, before, 1)) + (await deleteUsageBefore(db, before, 100));
    expect(deleted).toBeGreaterThanOrEqual(2);
    expect((await sumUsage(db, scope, 0)).map(({ executions }) => executions)).toEqual([1]);
  });

  test("of another tenant are not there", async () => {
    const { record } = await seed();
    await recordExecutions(makeDeps(), [record(1, [use({})])]);
    const stranger: Actor = { ...(await seedTenant()), roles: ["admin"] };
    expect((await refusal(readUsage(makeDeps(), stranger, "acme.echo", 1))).code).toBe("INSTALL_NOT_FOUND");
    expect((await refusal(reportGrants(makeDeps(), stranger, "acme.echo", 1))).code).toBe("INSTALL_NOT_FOUND");
  });
});

test("the report names unused grants and suggests the least that would do", async () => {
  const { actor, record } = await seed();
  await recordExecutions(makeDeps(), [record(1, [use({ scopes: ["a.test"] })])]);
  const report = await reportGrants(makeDeps(), actor, "acme.echo", 30);
  expect(report.capabilities.map(({ capability, verdict }) => [capability, verdict])).toEqual([
    ["http", "partly-used"],
    ["cache", "unused"],
  ]);
  expect(report.suggestion).toEqual({ grants: { http: { hosts: ["a.test"] } } });
});

describe("peaks and refusals", () => {
  test("are carried by the records: the most of a quota, and how often which error, each once", async () => {
    const { actor, record } = await seed();
    const cache = (peaks: Record<string, number>) => use({ capability: "cache", peaks });
    const records = [
      record(1, [cache({ bytes: 500, valueBytes: 20 }), use({ refused: 2, refusals: { EGRESS_REFUSED: 2 } })]),
      record(2, [cache({ bytes: 300, valueBytes: 90 })], NOW + DAY_MS),
      record(3, [use({ refused: 3, refusals: { EGRESS_REFUSED: 1, CAPABILITY_QUOTA_EXCEEDED: 2 } })]),
    ];
    await recordExecutions(makeDeps(), records.slice(0, 2));
    await recordExecutions(makeDeps(), records);
    const deps = makeDeps();
    deps.advance(DAY_MS);
    const { capabilities } = await readUsage(deps, actor, "acme.echo", 30);
    const quotas = (name: string) => {
      const found = capabilities.find(({ capability }) => capability === name);
      return Object.fromEntries(found?.quotas.map(({ quota, peak }) => [quota, peak]) ?? []);
    };
    expect(quotas("cache")).toEqual({ bytes: 500, valueBytes: 90 });
    expect(quotas("http")).toEqual({ requests: 1, requestBytes: null, responseBytes: null });
    expect(capabilities.find(({ capability }) => capability === "http")?.refusals).toEqual({
      EGRESS_REFUSED: 3,
      CAPABILITY_QUOTA_EXCEEDED: 2,
    });
  });

  test("a refusal that the plugin went on after is told with its code, in events and audit log", async () => {
    const { actor, record } = await seed();
    await recordExecutions(makeDeps(), [
      record(1, [use({ refused: 3, refusals: { GRANT_MISSING: 1, EGRESS_REFUSED: 2 } })]),
    ]);
    const page = { limit: 10, order: "newest" } as const;
    const [event] = await listEvents(db, actor.tenantId, { type: "security.violated" }, page);
    expect(event?.data).toMatchObject({ capabilities: "http", refused: 3, codes: "EGRESS_REFUSED,GRANT_MISSING" });
    expect(event?.data).not.toHaveProperty("code");
    const [row] = await listAudit(db, actor.tenantId, { resource: "install", resourceId: "acme.echo" }, { limit: 1 });
    expect(JSON.stringify(row)).toContain("EGRESS_REFUSED,GRANT_MISSING");
  });

  test("go with the days they are of", async () => {
    const { actor, installId, record } = await seed();
    await recordExecutions(makeDeps(), [record(1, [use({ peaks: { requests: 1 } })], NOW - 200 * DAY_MS)]);
    const scope = { tenantId: actor.tenantId, installId };
    expect(await sumDetails(db, scope, 0)).toHaveLength(1);
    await deleteUsageBefore(db, dayOf(NOW) - 90, 1_000);
    expect(await sumDetails(db, scope, 0)).toEqual([]);
  });
});
