import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { recordExecutions } from "../../../worker/control/executions/actions.ts";
import { readMetrics } from "../../../worker/control/metrics/actions.ts";
import { deleteMetricsBefore } from "../../../worker/control/metrics/store.ts";
import { createDeps, createResident } from "../../../worker/deps.ts";
import { CallLedger } from "../../../worker/execution/call-ledger.ts";
import type { MetricPoint } from "../../../worker/execution/capabilities/analytics/rules.ts";
import { noPendingRecords, OutcomeReporter } from "../../../worker/execution/outcome-reporter.ts";
import type { ExecutionRecord } from "../../../worker/execution/settle.ts";
import type { Actor } from "../../../worker/lib/actor.ts";
import { api } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { ask } from "../../support/guests/platform-guest.ts";
import { db, seedInstall } from "../control/fixtures.ts";

const GRANTS = { analytics: {} };
const HOUR = 3_600_000;
const BASE = Date.UTC(2026, 0, 5, 10);
const deps = createDeps(env, { waitUntil: () => undefined }, undefined, createResident());

/** The record of a call that recorded these. */
function recordOf({ tenantId }: Actor, startedAt: number, points: readonly MetricPoint[], most = 100): ExecutionRecord {
  const ledger = new CallLedger();
  ledger.measure(points, most);
  const sizes = { durationMs: 1, fuel: 1, memoryBytes: 1, hostCalls: 0, inputBytes: 0, outputBytes: 0, logLines: 0 };
  const owner = { id: crypto.randomUUID(), tenantId, installId: "i", pluginId: "acme.echo", version: "1.0.0" };
  const end = { status: "succeeded", errorCode: null, errorDetail: null } as const;
  const call = { functionName: "run", traceId: "0".repeat(32), subject: "me", startedAt };
  return { ...owner, ...end, ...sizes, ...call, ...(ledger.metrics ? { metrics: ledger.metrics } : {}) };
}

const point = (name: string, kind: MetricPoint["kind"], value: number, labels = {}): MetricPoint => ({
  name,
  kind,
  value,
  labels,
});

async function series(actor: Actor, query: object = {}) {
  const range = { resolution: "minute", from: BASE, to: BASE + HOUR, name: undefined } as const;
  return (await readMetrics(deps, actor, "acme.echo", { ...range, ...query })).items;
}

describe("analytics_record", () => {
  test("takes points, and leaves them in the call's ledger", async () => {
    const points = [{ name: "orders", kind: "counter", value: 2, labels: { country: "de" } }];
    expect(await ask("analytics_record", { points }, GRANTS)).toEqual({ value: { recorded: 1 } });
    const ledger = new CallLedger();
    const one = point("latency", "histogram", 10, { b: "2", a: "1" });
    ledger.measure([one, { ...one, labels: { a: "1", b: "2" } }], 5);
    expect(ledger.metrics).toMatchObject({ series: 5, sums: [{ labels: '{"a":"1","b":"2"}', count: 2, sum: 20 }] });
  });

  test.each([
    [{ name: "Orders" }, "name"],
    [{ kind: "timer" }, "kind"],
    [{ value: -1 }, "only grows"],
    [{ value: 1e16 }, "value"],
    [{ labels: { a: "x".repeat(65) } }, "labels.a"],
    [{ labels: Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`l${n}`, ""])) }, "labels"],
  ])("refuses %j", async (change, message) => {
    const points = [{ name: "orders", kind: "counter", value: 1, ...change }];
    const { error } = await ask("analytics_record", { points }, GRANTS);
    expect(error).toMatchObject({ code: "HOST_REQUEST_INVALID", message: expect.stringContaining(message) as string });
  });

  test("has a quota of points, and of bytes", async () => {
    const many = Array.from({ length: 101 }, () => ({ name: "n", kind: "counter", value: 1 }));
    expect((await ask("analytics_record", { points: many }, GRANTS)).error?.code).toBe("CAPABILITY_QUOTA_EXCEEDED");
    const ledger = new CallLedger();
    const wide = (n: number) => point("n", "counter", 1, { a: `${n}`.padEnd(64), b: `${n}`.padEnd(64) });
    expect(() =>
      ledger.measure(
        Array.from({ length: 500 }, (_, n) => wide(n)),
        1,
      ),
    ).toThrow("32768 bytes");
  });
});

describe("the rollup", () => {
  test("adds up counters, keeps the last of a gauge, and tells quantiles, by minute and hour", async () => {
    const actor = await seedInstall();
    const values = Array.from({ length: 100 }, (_, n) => point("latency", "histogram", n + 1));
    await recordExecutions(deps, [
      recordOf(actor, BASE + 61_000, [point("orders", "counter", 2), point("queue", "gauge", 7)]),
      recordOf(actor, BASE + 1_000, [point("orders", "counter", 1), point("queue", "gauge", 9), ...values]),
      recordOf(actor, BASE + 2_000, [point("orders", "counter", 3)]),
    ]);
    const [latency, orders, queue] = await series(actor);
    expect(orders?.points).toMatchObject([
      { at: BASE, count: 2, sum: 4, min: 1, max: 3 },
      { at: BASE + 60_000, count: 1, sum: 2 },
    ]);
    expect(queue?.points.map(({ last }) => last)).toEqual([9, 7]);
    const [point1] = latency?.points ?? [];
    expect(point1).toMatchObject({ count: 100, sum: 5_050, min: 1, max: 100 });
    expect(Math.abs((point1?.p50 ?? 0) - 50)).toBeLessThan(5.5);
    expect(Math.abs((point1?.p99 ?? 0) - 99)).toBeLessThan(10.5);
    const hours = await series(actor, { resolution: "hour" });
    expect(hours.find(({ name }) => name === "orders")?.points).toMatchObject([{ at: BASE, count: 3, sum: 6 }]);
    expect(hours.find(({ name }) => name === "queue")?.points).toMatchObject([{ last: 7, count: 2 }]);
  });

  test("counts each record once, however often it is delivered", async () => {
    const actor = await seedInstall();
    const record = recordOf(actor, BASE, [point("orders", "counter", 1)]);
    await recordExecutions(deps, [record]);
    await recordExecutions(deps, [record, recordOf(actor, BASE, [point("orders", "counter", 1)])]);
    expect((await series(actor))[0]?.points).toMatchObject([{ count: 2, sum: 2 }]);
  });

  test("counts no more series than the quota says, and goes on counting those", async () => {
    const actor = await seedInstall();
    const labelled = (n: number) => point("orders", "counter", 1, { customer: `c${n}` });
    const all = [0, 1, 2, 3, 4].map(labelled);
    await recordExecutions(deps, [recordOf(actor, BASE, all.slice(0, 2), 3)]);
    await recordExecutions(deps, [recordOf(actor, BASE, all, 3), recordOf(actor, BASE, all.toReversed(), 3)]);
    const found = await series(actor);
    expect(found.map(({ labels }) => labels["customer"])).toEqual(["c0", "c1", "c2"]);
    expect(found.map(({ points }) => points[0]?.sum)).toEqual([3, 3, 2]);
  });

  test("is another tenant's own", async () => {
    const [mine, theirs] = [await seedInstall(), await seedInstall()];
    await recordExecutions(deps, [recordOf(mine, BASE, [point("orders", "counter", 1)])]);
    expect(await series(theirs)).toEqual([]);
  });

  test("forgets minutes first", async () => {
    const actor = await seedInstall();
    await recordExecutions(deps, [recordOf(actor, BASE, [point("orders", "counter", 1)])]);
    await deleteMetricsBefore(db, { minute: BASE + HOUR, hour: BASE }, 10_000);
    expect(await series(actor)).toEqual([]);
    expect(await series(actor, { resolution: "hour" })).toHaveLength(1);
  });

  test("is read by viewers", async () => {
    const actor = await seedInstall();
    await recordExecutions(deps, [recordOf(actor, BASE, [point("orders", "counter", 1)])]);
    const token = await mintToken({ tenant: actor.tenantId, subject: "vi", roles: ["viewer"] });
    const path = `/api/plugins/acme.echo/metrics?resolution=hour&from=${BASE}&to=${BASE + 1}`;
    expect(await api("get", path, { token })).toMatchObject({ status: 200, body: { items: [{ name: "orders" }] } });
    expect((await api("get", `${path}&from=1`, { token })).status).toBe(400);
  });
});

test("batches of records stay below what the queue takes", async () => {
  const sent: number[] = [];
  const sendBatch = (batch: readonly unknown[]) => Promise.resolve(void sent.push(JSON.stringify(batch).length));
  const queue = { sendBatch } as unknown as Queue<ExecutionRecord>; // the one method that is used
  const work: Promise<unknown>[] = [];
  const reporter = new OutcomeReporter(
    { queue, bucket: env.STORE, newId: deps.newId },
    noPendingRecords(),
    deps.clock,
    (promise) => void work.push(promise),
  );
  const points = Array.from({ length: 100 }, (_, n) => point("n", "counter", 1, { a: `${n}`.padEnd(64) }));
  const actor: Actor = { tenantId: "t", subject: "s", roles: [] };
  for (let n = 0; n < 100; n++) reporter.report(recordOf(actor, BASE, points));
  await Promise.all(work);
  expect(Math.max(...sent)).toBeLessThan(256_000);
  expect(sent.length).toBeGreaterThan(1);
});
