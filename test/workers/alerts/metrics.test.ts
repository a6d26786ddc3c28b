import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { evaluateAll, evaluateEvents } from "../../../worker/control/alerts/actions/evaluate.ts";
import { createRule } from "../../../worker/control/alerts/actions/manage.ts";
import { executionFigures } from "../../../worker/control/alerts/figures-store.ts";
import { RuleBody } from "../../../worker/control/alerts/schema.ts";
import { auditFindings } from "../../../worker/db/schema.ts";
import { db, seedInstall, seedTenant } from "../control/fixtures.ts";
import { alertsOf, Bench, MINUTE, toldOf } from "./bench.ts";

const metricRule = (condition: object, more: object = {}) =>
  v.parse(RuleBody, {
    name: "Figures",
    condition: { kind: "metric", windowMinutes: 15, ...condition },
    holdMinutes: 0,
    ...more,
  });

const times = (count: number, duration: number): number[] => Array.from({ length: count }, () => duration);

describe("the built-in error rate", () => {
  test("is an alert of the plugin that fails, from the settings' rate and calls on", async () => {
    const [actor, other] = [await seedTenant(), await seedTenant()];
    const at = new Bench();
    await at.execute(actor.tenantId, "acme.echo", times(20, 5), 5); // 25 %
    await at.execute(actor.tenantId, "acme.fine", times(21, 5), 5); // 23.8 %
    await at.execute(other.tenantId, "acme.echo", times(19, 5), 19); // too few to say
    await evaluateAll(at.deps);
    expect(await alertsOf(other.tenantId)).toEqual([]);
    expect(await alertsOf(actor.tenantId)).toMatchObject([
      {
        ruleId: "error-rate",
        scope: "acme.echo",
        state: "firing",
        evidence: {
          value: 25,
          threshold: 25,
          executions: 20,
          summary: "executions that failed: 25% within 15 min (20 executions); alert from 25%.",
        },
      },
    ]);
    expect(await toldOf(actor.tenantId)).toMatchObject([{ type: "alert.firing", pluginId: "acme.echo" }]);
    at.advance(16);
    await evaluateAll(at.deps);
    at.advance(5);
    await evaluateAll(at.deps);
    expect(await alertsOf(actor.tenantId)).toMatchObject([{ state: "resolved" }]);
  });
});

describe("a rule on a figure", () => {
  test.each([
    ["error-rate", "above", 50, true],
    ["error-rate", "above", 50.1, false],
    ["failed", "above", 5, true],
    ["executions", "above", 11, false],
    ["p95-latency", "above", 100, true],
    ["p95-latency", "above", 101, false],
    ["fuel", "above", 100, true],
    ["memory-peak", "below", 65_537, true],
    ["host-calls", "above", 20, true],
    ["host-calls", "below", 20, false],
  ])("%s %s %d: %s", async (metric, comparison, threshold, holds) => {
    const actor = await seedTenant();
    const at = new Bench();
    await createRule(at.deps, actor, metricRule({ metric, comparison, threshold }));
    await at.execute(actor.tenantId, "acme.echo", [1, 2, 3, 4, 5, 6, 7, 8, 9, 100], 5);
    await evaluateAll(at.deps);
    expect(await alertsOf(actor.tenantId)).toHaveLength(holds ? 1 : 0);
  });

  test("sees a plugin that does nothing, where asked, and none that is not run", async () => {
    const actor = await seedInstall();
    const at = new Bench();
    const silent = { metric: "executions", comparison: "below", threshold: 1, minimumCalls: 0 };
    await createRule(at.deps, actor, metricRule(silent));
    await evaluateAll(at.deps);
    expect(await alertsOf(actor.tenantId)).toMatchObject([{ scope: "acme.echo", state: "firing" }]);
    await at.execute(actor.tenantId, "acme.echo", [1]);
    await evaluateAll(at.deps);
    expect(await alertsOf(actor.tenantId)).toMatchObject([{ state: "resolved" }]);
  });

  test("adds up the tenant's plugins where it is about the tenant", async () => {
    const actor = await seedTenant();
    const at = new Bench();
    await createRule(at.deps, actor, metricRule({ metric: "failed", threshold: 4 }, { per: "tenant" }));
    await createRule(at.deps, actor, metricRule({ metric: "failed", threshold: 4 }));
    await at.execute(actor.tenantId, "acme.echo", times(3, 1), 2);
    await at.execute(actor.tenantId, "acme.other", times(3, 1), 2);
    await evaluateAll(at.deps);
    expect(await alertsOf(actor.tenantId)).toMatchObject([{ scope: "", evidence: { value: 4 } }]);
  });
});

test("open findings of audits are a figure, whether the plugin runs or not", async () => {
  const actor = await seedInstall();
  const at = new Bench();
  const figure = { metric: "open-findings", threshold: 2 };
  await createRule(at.deps, actor, metricRule(figure));
  const finding = (n: number) => ({
    id: `finding-${n}-of-${actor.tenantId}`,
    tenantId: actor.tenantId,
    installId: "i",
    pluginId: "acme.echo",
    rule: "r",
    dedupKey: String(n),
    severity: "high" as const,
    evidence: {},
    remedy: "none" as never, // no remedy is looked at here
    remedyText: "",
    state: n === 0 ? ("fixed" as const) : ("open" as const),
    firstSeenAt: at.now,
    lastSeenAt: at.now,
    stateSince: at.now,
    count: 1,
    auditId: "a",
    history: [],
  });
  for (const n of [0, 1]) await db.insert(auditFindings).values(finding(n));
  await evaluateAll(at.deps);
  expect(await alertsOf(actor.tenantId)).toEqual([]);
  await db.insert(auditFindings).values(finding(2));
  await evaluateAll(at.deps);
  expect(await alertsOf(actor.tenantId)).toMatchObject([{ scope: "acme.echo", evidence: { value: 2, executions: 0 } }]);
});

test("figures are those of each plugin and of each tenant, with the nearest rank", async () => {
  const [one, two] = [await seedTenant(), await seedTenant()];
  const at = new Bench();
  at.advance(60 * 24 * 365); // apart from the executions of other tests
  await at.execute(
    one.tenantId,
    "acme.a",
    Array.from({ length: 20 }, (_, index) => index + 1),
  );
  await at.execute(one.tenantId, "acme.b", [500], 1);
  await at.execute(two.tenantId, "acme.a", [7]);
  const rows = await executionFigures(db, at.now - MINUTE, { p95: true, findings: false });
  const of = (tenantId: string, pluginId: string) =>
    rows.find((row) => row.tenantId === tenantId && row.pluginId === pluginId);
  expect(of(one.tenantId, "acme.a")).toMatchObject({ executions: 20, failed: 0, fuel: 200, p95: 19 });
  expect(of(one.tenantId, "acme.b")).toMatchObject({ executions: 1, failed: 1, p95: 500 });
  expect(of(one.tenantId, "")).toMatchObject({ executions: 21, failed: 1, p95: 20, hostCalls: 42 });
  expect(of(two.tenantId, "")).toMatchObject({ executions: 1, p95: 7 });
  expect(rows).toHaveLength(5);
});

describe("a rule on absence", () => {
  test("fires where an event does not come, counted from when the rule was made", async () => {
    const actor = await seedTenant();
    const at = new Bench();
    const condition = { kind: "absence", types: ["plugin.recovered"], windowMinutes: 30 };
    await createRule(at.deps, actor, v.parse(RuleBody, { name: "Quiet", condition, per: "tenant", holdMinutes: 0 }));
    at.advance(30);
    await evaluateAll(at.deps);
    expect(await alertsOf(actor.tenantId)).toEqual([]);
    await at.record(actor.tenantId, "plugin.recovered", { installId: "i", version: "1.0.0" });
    at.advance(29);
    await evaluateAll(at.deps);
    expect(await alertsOf(actor.tenantId)).toEqual([]);
    at.advance(2);
    await evaluateAll(at.deps);
    await evaluateEvents(at.deps, actor.tenantId); // leaves what only time decides
    expect(await alertsOf(actor.tenantId)).toMatchObject([{ state: "firing", evidence: { value: 31, threshold: 30 } }]);
    await at.record(actor.tenantId, "plugin.recovered", { installId: "i", version: "1.0.0" });
    await evaluateAll(at.deps);
    expect(await alertsOf(actor.tenantId)).toMatchObject([{ state: "resolved" }]);
  });
});
