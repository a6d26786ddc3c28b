import { describe, expect, test, vi } from "vitest";
import { evaluateAll, evaluateEvents } from "../../../worker/control/alerts/actions/evaluate.ts";
import {
  acknowledgeAlert,
  createRule,
  createSilence,
  removeRule,
  removeSilence,
  replaceRule,
} from "../../../worker/control/alerts/actions/manage.ts";
import { RuleBody, type RuleInput } from "../../../worker/control/alerts/schema.ts";
import { compileSnapshot } from "../../../worker/control/compile.ts";
import { followEvents } from "../../../worker/control/events/actions/follow.ts";
import { createWebhook } from "../../../worker/control/webhooks/actions/manage.ts";
import { webhookDeliveries } from "../../../worker/db/schema.ts";
import * as v from "valibot";
import { eq } from "drizzle-orm";
import { api } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { db, refusal, seedInstall, seedTenant } from "../control/fixtures.ts";
import { listen } from "../events/listener.ts";
import { alertsOf, Bench, toldOf } from "./bench.ts";

const failure = { installId: "install", version: "1.0.0" };
const violation = { ...failure, executionId: "e", functionName: "run", capabilities: "http", refused: 1 };

const ruleOf = (more: object = {}): RuleInput =>
  v.parse(RuleBody, {
    name: "Failures",
    condition: { kind: "event", types: ["plugin.failed"], windowMinutes: 15 },
    severity: "error",
    repeatMinutes: 60,
    ...more,
  });

async function bench() {
  return { actor: await seedTenant(), at: new Bench() };
}

describe("a rule on events", () => {
  test("fires once, is repeated after its interval while it lasts, and resolves once", async () => {
    const { actor, at } = await bench();
    const { id } = await createRule(at.deps, actor, ruleOf({ repeatMinutes: 10 }));
    await evaluateEvents(at.deps, actor.tenantId);
    expect(await alertsOf(actor.tenantId)).toEqual([]);

    await at.record(actor.tenantId, "plugin.failed", failure);
    for (let n = 0; n < 3; n++) await evaluateEvents(at.deps, actor.tenantId);
    await at.record(actor.tenantId, "plugin.failed", failure);
    await evaluateEvents(at.deps, actor.tenantId);
    const [alert, ...others] = await alertsOf(actor.tenantId);
    expect(others).toEqual([]);
    expect(alert).toMatchObject({
      ruleId: id,
      scope: "acme.echo",
      state: "firing",
      severity: "error",
      notifications: 1,
    });
    expect(alert?.evidence).toMatchObject({
      value: 1,
      threshold: 1,
      windowMinutes: 15,
      eventIds: [expect.any(String)],
    });
    expect(await toldOf(actor.tenantId)).toMatchObject([
      { type: "alert.firing", pluginId: "acme.echo", data: { alertId: alert?.id, rule: "Failures", notification: 1 } },
    ]);

    at.advance(9);
    await evaluateAll(at.deps);
    expect(await toldOf(actor.tenantId)).toHaveLength(1);
    at.advance(2);
    await evaluateAll(at.deps);
    expect((await toldOf(actor.tenantId)).map(({ data }) => data["notification"])).toEqual([1, 2]);

    at.advance(5); // the window is past
    await evaluateAll(at.deps);
    expect(await alertsOf(actor.tenantId)).toMatchObject([{ state: "firing", clearedAt: at.now }]);
    at.advance(4);
    await evaluateAll(at.deps);
    expect(await alertsOf(actor.tenantId)).toMatchObject([{ state: "firing" }]);
    at.advance(1);
    await evaluateAll(at.deps);
    await evaluateAll(at.deps);
    expect(await alertsOf(actor.tenantId)).toMatchObject([{ state: "resolved", resolvedAt: at.now }]);
    expect((await toldOf(actor.tenantId)).map(({ type }) => type)).toEqual([
      "alert.firing",
      "alert.firing",
      "alert.resolved",
    ]);
  });

  test("counts, filters and keeps plugins apart", async () => {
    const { actor, at } = await bench();
    const filter = { capabilities: "http" };
    const condition = { kind: "event", types: ["security.violated"], count: 3, windowMinutes: 10, filter };
    await replaceRule(at.deps, actor, "security-burst", ruleOf({ enabled: false }));
    await createRule(at.deps, actor, ruleOf({ condition }));
    const tell = (plugin: string, data = violation) => at.record(actor.tenantId, "security.violated", data, plugin);
    await tell("acme.echo");
    await tell("acme.echo", { ...violation, capabilities: "kv" });
    await tell("acme.other");
    await tell("acme.echo");
    await evaluateEvents(at.deps, actor.tenantId);
    expect(await alertsOf(actor.tenantId)).toEqual([]);
    await tell("acme.other");
    at.advance(11); // those before are too old
    await tell("acme.other");
    await evaluateEvents(at.deps, actor.tenantId);
    expect(await alertsOf(actor.tenantId)).toEqual([]);
    await tell("acme.echo");
    await tell("acme.echo");
    await tell("acme.echo");
    await evaluateEvents(at.deps, actor.tenantId);
    expect(await alertsOf(actor.tenantId)).toMatchObject([
      {
        scope: "acme.echo",
        evidence: { value: 3, threshold: 3, summary: expect.stringContaining("security.violated") },
      },
    ]);
  });

  test("takes every event of a severity, but for what alerts tell", async () => {
    const { actor, at } = await bench();
    const condition = { kind: "event", minimumSeverity: "error", windowMinutes: 15 };
    await createRule(at.deps, actor, ruleOf({ condition, per: "tenant" }));
    await at.record(actor.tenantId, "plugin.recovered", failure); // a notice
    const mailFailed = { emailId: "e", deliveryId: "d", eventId: "v", attempts: 8, code: "EMAIL_REFUSED" };
    await at.record(actor.tenantId, "alert.email-failed", mailFailed, null); // an error
    await evaluateEvents(at.deps, actor.tenantId);
    expect(await alertsOf(actor.tenantId)).toEqual([]);
    await at.record(actor.tenantId, "plugin.failed", failure);
    await evaluateEvents(at.deps, actor.tenantId);
    expect(await alertsOf(actor.tenantId)).toMatchObject([{ scope: "" }]);
  });

  test("waits for what ends it where there is such an event, however long that takes", async () => {
    const { actor, at } = await bench();
    const condition = { kind: "event", types: ["plugin.failed"], windowMinutes: 5, endedBy: ["plugin.recovered"] };
    await createRule(at.deps, actor, ruleOf({ condition, holdMinutes: 0, repeatMinutes: 0 }));
    await at.record(actor.tenantId, "plugin.failed", failure);
    await evaluateEvents(at.deps, actor.tenantId);
    at.advance(1_000);
    await evaluateAll(at.deps);
    expect(await alertsOf(actor.tenantId)).toMatchObject([{ state: "firing", notifications: 1 }]);
    await at.record(actor.tenantId, "plugin.recovered", failure, "acme.other");
    await evaluateEvents(at.deps, actor.tenantId);
    expect(await alertsOf(actor.tenantId)).toMatchObject([{ state: "firing" }]);
    at.advance(1);
    await at.record(actor.tenantId, "plugin.recovered", failure);
    await evaluateEvents(at.deps, actor.tenantId);
    expect(await alertsOf(actor.tenantId)).toMatchObject([{ state: "resolved" }]);
    // What was before the end counts no more.
    await evaluateEvents(at.deps, actor.tenantId);
    expect(await alertsOf(actor.tenantId)).toHaveLength(1);
  });

  test("makes one alert of what comes and goes", async () => {
    const { actor, at } = await bench();
    const condition = { kind: "event", types: ["plugin.failed"], windowMinutes: 5, endedBy: ["plugin.recovered"] };
    await createRule(at.deps, actor, ruleOf({ condition, holdMinutes: 10 }));
    for (let n = 0; n < 4; n++) {
      await at.record(actor.tenantId, "plugin.failed", failure);
      await evaluateEvents(at.deps, actor.tenantId);
      at.advance(1);
      await at.record(actor.tenantId, "plugin.recovered", failure);
      await evaluateEvents(at.deps, actor.tenantId);
      at.advance(1);
    }
    expect(await alertsOf(actor.tenantId)).toMatchObject([{ state: "firing", notifications: 1 }]);
    at.advance(10);
    await evaluateAll(at.deps);
    expect(await alertsOf(actor.tenantId)).toMatchObject([{ state: "resolved" }]);
    expect(await toldOf(actor.tenantId)).toHaveLength(2);
  });

  test("is pending first where it must hold for a time, and quietly ends where it does not", async () => {
    const { actor, at } = await bench();
    const condition = { kind: "event", types: ["plugin.failed"], windowMinutes: 5 };
    await createRule(at.deps, actor, ruleOf({ condition, forMinutes: 10 }));
    await at.record(actor.tenantId, "plugin.failed", failure);
    await evaluateEvents(at.deps, actor.tenantId);
    expect(await alertsOf(actor.tenantId)).toMatchObject([{ state: "pending", firedAt: null }]);
    at.advance(6);
    await evaluateAll(at.deps);
    expect(await alertsOf(actor.tenantId)).toMatchObject([{ state: "resolved", firedAt: null }]);
    for (let n = 0; n < 4; n++) {
      await at.record(actor.tenantId, "plugin.failed", failure);
      await evaluateEvents(at.deps, actor.tenantId);
      at.advance(4);
    }
    expect((await alertsOf(actor.tenantId))[1]).toMatchObject({ state: "firing" });
    expect(await toldOf(actor.tenantId)).toHaveLength(1);
  });

  test("fires once, however many look at once", async () => {
    const { actor, at } = await bench();
    const { webhook } = await createWebhook(at.deps, actor, {
      url: "https://hooks.example.com/hooks?box=once",
      types: ["plugin.failed"],
    });
    await createRule(at.deps, actor, ruleOf({ channels: [{ kind: "webhook", id: webhook.id }] }));
    await at.record(actor.tenantId, "plugin.failed", failure);
    await Promise.all([1, 2, 3, 4, 5].map(() => followEvents(at.deps, actor.tenantId)));
    expect(await alertsOf(actor.tenantId)).toHaveLength(1);
    const told = await toldOf(actor.tenantId);
    expect(told).toHaveLength(1);
    const planned = await db.select().from(webhookDeliveries).where(eq(webhookDeliveries.webhookId, webhook.id));
    expect(planned.filter(({ eventType }) => eventType === "alert.firing")).toMatchObject([
      { eventId: told[0]?.id, sequence: told[0]?.sequence, channel: "webhook" },
    ]);
  });

  test("is told to a webhook that takes no such events, and once to one that does", async () => {
    const { actor, at } = await bench();
    const boxes = ["narrow", "wide"].map((name) => `${name}-${actor.tenantId}`);
    const hooks = await Promise.all(
      boxes.map((box, index) =>
        createWebhook(at.deps, actor, {
          url: `https://hooks.example.com/hooks?box=${box}`,
          types: index === 0 ? ["plugin.uninstalled"] : ["alert.firing"],
        }),
      ),
    );
    const channels = hooks.map(({ webhook }) => ({ kind: "webhook", id: webhook.id }));
    await createRule(at.deps, actor, ruleOf({ channels }));
    await at.record(actor.tenantId, "plugin.failed", failure);
    await followEvents(at.deps, actor.tenantId);
    await at.ring();
    for (const box of boxes) {
      const posts = await (await fetch(`https://hooks.example.com/hooks?box=${box}`)).json<{ body: string }[]>();
      expect(posts.map(({ body }) => JSON.parse(body) as unknown)).toMatchObject([
        { type: "alert.firing", tenantId: actor.tenantId, data: { severity: "error" } },
      ]);
    }
  });
});

describe("people", () => {
  test("who acknowledge an alert are reminded of it no more, and told when it is over", async () => {
    const { actor, at } = await bench();
    await createRule(
      at.deps,
      actor,
      ruleOf({ repeatMinutes: 5, condition: { kind: "event", types: ["plugin.failed"], windowMinutes: 30 } }),
    );
    await at.record(actor.tenantId, "plugin.failed", failure);
    await evaluateEvents(at.deps, actor.tenantId);
    const [alert] = await alertsOf(actor.tenantId);
    await acknowledgeAlert(at.deps, actor, alert?.id ?? "", "looking");
    at.advance(20);
    await evaluateAll(at.deps);
    expect(await toldOf(actor.tenantId)).toHaveLength(1);
    expect((await refusal(acknowledgeAlert(at.deps, actor, alert?.id ?? ""))).message).toBe(
      "The alert was acknowledged already.",
    );
    at.advance(20);
    await evaluateAll(at.deps);
    at.advance(20);
    await evaluateAll(at.deps);
    expect((await toldOf(actor.tenantId)).map(({ type }) => type)).toEqual(["alert.firing", "alert.resolved"]);
    expect(await alertsOf(actor.tenantId)).toMatchObject([{ acknowledgedBy: "olga", note: "looking" }]);
    expect((await refusal(acknowledgeAlert(at.deps, actor, alert?.id ?? ""))).message).toBe("The alert is resolved.");
  });

  test("hear nothing of silenced alerts, which are recorded all the same, until the silence is over", async () => {
    const { actor, at } = await bench();
    const rule = await createRule(
      at.deps,
      actor,
      ruleOf({ condition: { kind: "event", types: ["plugin.failed"], windowMinutes: 60 } }),
    );
    const reason = "maintenance";
    const other = { pluginId: "acme.other", until: at.now + 3_600_000, reason };
    await createSilence(at.deps, actor, other);
    const silence = await createSilence(at.deps, actor, { rule: rule.id, until: at.now + 600_000, reason });
    await at.record(actor.tenantId, "plugin.failed", failure);
    await evaluateEvents(at.deps, actor.tenantId);
    expect(await alertsOf(actor.tenantId)).toMatchObject([
      { state: "firing", notifications: 0, silenceId: silence.id, lastNotifiedAt: null },
    ]);
    const { revision } = (await alertsOf(actor.tenantId))[0] ?? {};
    at.advance(5);
    await evaluateAll(at.deps);
    expect(await alertsOf(actor.tenantId)).toMatchObject([{ revision }]); // nothing is written meanwhile
    expect(await toldOf(actor.tenantId)).toEqual([]);
    await removeSilence(at.deps, actor, silence.id);
    await evaluateAll(at.deps);
    expect(await toldOf(actor.tenantId)).toHaveLength(1);
    expect(await alertsOf(actor.tenantId)).toMatchObject([{ notifications: 1, silenceId: null }]);
    expect((await refusal(removeSilence(at.deps, actor, silence.id))).code).toBe("SILENCE_NOT_FOUND");
  });

  test("end the alerts of a rule that they switch off or delete", async () => {
    const { actor, at } = await bench();
    const first = await createRule(at.deps, actor, ruleOf());
    const second = await createRule(at.deps, actor, ruleOf());
    await at.record(actor.tenantId, "plugin.failed", failure);
    await evaluateEvents(at.deps, actor.tenantId);
    expect(await alertsOf(actor.tenantId)).toMatchObject([{ state: "firing" }, { state: "firing" }]);
    await replaceRule(at.deps, actor, first.id, ruleOf({ enabled: false }));
    await removeRule(at.deps, actor, second.id);
    expect(await alertsOf(actor.tenantId)).toMatchObject([{ state: "resolved" }, { state: "resolved" }]);
    await evaluateAll(at.deps);
    expect(await toldOf(actor.tenantId)).toHaveLength(2);
  });
});

test("what cannot be evaluated for one tenant stops no other", async () => {
  const { actor, at } = await bench();
  const broken = await seedTenant();
  await createRule(at.deps, broken, ruleOf({ per: "tenant" }));
  await damageCondition(at, broken.tenantId);
  await createRule(
    at.deps,
    actor,
    ruleOf({ condition: { kind: "absence", types: ["plugin.installed"], windowMinutes: 5 } }),
  );
  const log = vi.spyOn(console, "error").mockReturnValue();
  at.advance(10);
  await evaluateAll(at.deps);
  expect(log.mock.calls.map(String).join("\n")).toContain("alerts.not-evaluated");
  expect(await alertsOf(actor.tenantId)).toMatchObject([{ state: "firing" }]);
  log.mockRestore();
});

/** A condition that no schema let in. */
async function damageCondition(at: Bench, tenantId: string): Promise<void> {
  await at.deps.env.DB.prepare("UPDATE alert_rules SET condition = ? WHERE tenant_id = ?")
    .bind(JSON.stringify({ kind: "metric", metric: "none", comparison: "above", windowMinutes: 5 }), tenantId)
    .run();
}

test("what an operation causes is an alert without anybody asking, on the live stream too", async () => {
  const actor = await seedInstall();
  const token = await mintToken({ tenant: actor.tenantId, roles: ["operator"] });
  const at = new Bench();
  await compileSnapshot(at.deps, actor.tenantId);
  const listener = await listen("", token);
  await api("post", "/api/plugins/alerts/rules", {
    token,
    body: { ...ruleOf(), condition: { kind: "event", types: ["plugin.deactivated"], windowMinutes: 15 } },
  });
  await api("post", "/api/plugins/acme.echo/deactivate", { token });
  await vi.waitFor(
    async () => {
      const { body } = await api("get", "/api/plugins/alerts?state=firing", { token });
      expect(body).toMatchObject({ items: [{ rule: { name: "Failures" }, pluginId: "acme.echo", notifications: 1 }] });
    },
    { timeout: 10_000, interval: 100 },
  );
  await vi.waitFor(() => expect(listener.frames.map(({ event }) => event?.type)).toContain("alert.firing"), {
    timeout: 10_000,
    interval: 100,
  });
});
