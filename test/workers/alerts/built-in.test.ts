import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { evaluateAll, evaluateEvents } from "../../../worker/control/alerts/actions/evaluate.ts";
import { removeRule, replaceRule } from "../../../worker/control/alerts/actions/manage.ts";
import { RuleBody, type RuleInput } from "../../../worker/control/alerts/schema.ts";
import { refusal, seedTenant } from "../control/fixtures.ts";
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

describe("built-in rules", () => {
  test("alert a tenant that did nothing for it", async () => {
    const { actor, at } = await bench();
    await at.record(actor.tenantId, "plugin.quarantined", failure);
    for (let n = 0; n < 5; n++) await at.record(actor.tenantId, "security.violated", violation);
    await evaluateEvents(at.deps, actor.tenantId);
    const found = await alertsOf(actor.tenantId);
    expect(found.map(({ ruleId }) => ruleId).sort()).toEqual(["install-quarantined", "security-burst"]);
    at.advance(200);
    await evaluateAll(at.deps);
    at.advance(10);
    await at.record(actor.tenantId, "plugin.released", failure);
    await evaluateAll(at.deps);
    at.advance(6);
    await evaluateAll(at.deps);
    expect((await alertsOf(actor.tenantId)).map(({ state }) => state)).toEqual(["resolved", "resolved"]);
  });

  test("can be changed and disabled, and are as they came once the change is deleted", async () => {
    const { actor, at } = await bench();
    await replaceRule(at.deps, actor, "install-quarantined", ruleOf({ enabled: false }));
    await at.record(actor.tenantId, "plugin.quarantined", failure);
    await evaluateEvents(at.deps, actor.tenantId);
    expect(await alertsOf(actor.tenantId)).toEqual([]);
    await removeRule(at.deps, actor, "install-quarantined");
    await evaluateEvents(at.deps, actor.tenantId);
    expect(await alertsOf(actor.tenantId)).toMatchObject([{ ruleId: "install-quarantined" }]);
    expect((await refusal(removeRule(at.deps, actor, "install-quarantined"))).code).toBe("STATE_CONFLICT");
  });

  test("tell nobody below the level that the settings name", async () => {
    const { actor, at } = await bench();
    const settings = { audit: { notificationLevel: "errors" } };
    const { DB } = at.deps.env;
    await DB.prepare("INSERT INTO platform_settings VALUES (1, ?, '[]', 'ada', 0)")
      .bind(JSON.stringify(settings))
      .run();
    try {
      const letter = {
        deadLetterId: "d",
        messageId: "m",
        topic: "t",
        installId: "i",
        functionName: "f",
        code: "X",
        attempts: 5,
      };
      await at.record(actor.tenantId, "message.dead-lettered", letter); // a warning
      await at.record(actor.tenantId, "plugin.quarantined", failure); // an error
      await evaluateEvents(at.deps, actor.tenantId);
      expect(await alertsOf(actor.tenantId)).toHaveLength(2);
      expect((await toldOf(actor.tenantId)).map(({ data }) => data["ruleId"])).toEqual(["install-quarantined"]);
    } finally {
      await DB.prepare("DELETE FROM platform_settings").run();
    }
  });
});
