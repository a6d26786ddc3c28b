import { env } from "cloudflare:workers";
import { eq } from "drizzle-orm";
import * as v from "valibot";
import { afterEach, describe, expect, test, vi } from "vitest";
import { evaluateEvents } from "../../../worker/control/alerts/actions/evaluate.ts";
import {
  addAddress,
  confirmAddress,
  readLink,
  redriveMail,
  removeAddress,
} from "../../../worker/control/alerts/actions/emails.ts";
import { createRule } from "../../../worker/control/alerts/actions/manage.ts";
import { testRule } from "../../../worker/control/alerts/actions/test.ts";
import { LINKS_PER_HOUR, MAILS_PER_HOUR } from "../../../worker/control/alerts/mail-rules.ts";
import { RuleBody } from "../../../worker/control/alerts/schema.ts";
import { compileSnapshot } from "../../../worker/control/compile.ts";
import { createWebhook } from "../../../worker/control/webhooks/actions/manage.ts";
import { WEBHOOK_ATTEMPTS } from "../../../worker/control/webhooks/rules.ts";
import { pluginEvents, webhookDeliveries } from "../../../worker/db/schema.ts";
import { emailProvider, type EmailEnv } from "../../../worker/email/provider.ts";
import type { Actor } from "../../../worker/lib/actor.ts";
import { api, expectProblem, ORIGIN } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { db, refusal, seedTenant } from "../control/fixtures.ts";
import { Bench, toldOf } from "./bench.ts";

afterEach(() => vi.restoreAllMocks());

interface Mail {
  readonly key: string;
  readonly mail: { readonly from: string; readonly subject: string; readonly text: string; readonly html: string };
}

/** What came to an address; test/support/workers/upstream.ts is the provider. */
async function mailed(address: string): Promise<Mail[]> {
  return (await fetch(`https://mail.example.com/emails?to=${encodeURIComponent(address)}`)).json<Mail[]>();
}

const failure = { installId: "install", version: "1.0.0" };
const ruleWith = (emailId: string, name = "Failures") =>
  v.parse(RuleBody, {
    name,
    condition: { kind: "event", types: ["plugin.failed"], windowMinutes: 5 },
    channels: [{ kind: "email", id: emailId }],
    severity: "error",
    holdMinutes: 0,
  });

const linkIn = (text: string | undefined): string => /pbe_[0-9A-Z]{26}_[0-9a-f]{64}/.exec(text ?? "")?.[0] ?? "no link";

/** An address whose owner confirmed it. What is before its `@` tells the provider how to answer. */
async function confirmed(at: Bench, actor: Actor, address: string): Promise<string> {
  const { id } = await addAddress(at.deps, actor, address, ORIGIN);
  await confirmAddress(at.deps, linkIn((await mailed(address)).at(-1)?.mail.text));
  return id;
}

const deliveriesTo = (emailId: string) =>
  db.select().from(webhookDeliveries).where(eq(webhookDeliveries.webhookId, emailId));

describe("an address", () => {
  test("is asked first, through the front door, and gets nothing before its owner confirmed", async () => {
    const actor = await seedTenant();
    const at = new Bench();
    await compileSnapshot(at.deps, actor.tenantId);
    const token = await mintToken({ tenant: actor.tenantId, roles: ["operator"] });
    const address = `ops@${actor.tenantId}.example.com`;
    const added = await api("post", "/api/plugins/alerts/emails", { token, body: { address } });
    expect(added).toMatchObject({ status: 202, body: { address, confirmedAt: null } });
    const { id } = added.body as { id: string };
    const [first, ...others] = await mailed(address);
    expect(others).toEqual([]);
    expect(first?.mail).toMatchObject({
      from: "Patchbay <alerts@example.com>",
      subject: "[Patchbay] Confirm this address for alerts",
    });
    const rule = { ...ruleWith(id) };
    const refused = await api("post", "/api/plugins/alerts/rules", { token, body: rule });
    expect(expectProblem(refused, "REQUEST_INVALID")["issues"]).toEqual([
      { path: "/channels/0/id", message: "is an address that is not confirmed" },
    ]);

    const path = `/api/plugins/alerts/emails/confirm?token=${linkIn(first?.mail.text)}`;
    expect(first?.mail.text).toContain(ORIGIN + path);
    const page = await api("get", path);
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'; form-action 'self'");
    expect(page.body).toContain('<form method="post"');
    expect((await api("get", path)).status).toBe(200); // looking confirms nothing
    expect((await api("post", path)).body).toContain("Confirmed");
    expectProblem(await api("post", path), "EMAIL_LINK_INVALID");
    expectProblem(await api("get", path), "EMAIL_LINK_INVALID");
    const { results } = await env.DB.prepare(
      "SELECT subject, action FROM audit_log WHERE tenant_id = ? ORDER BY sequence",
    )
      .bind(actor.tenantId)
      .all();
    expect(results.slice(-2).map(({ action }) => action)).toEqual(["alert-email.add", "alert-email.confirm"]);
    expect(results.at(-1)?.["subject"]).toBe(`email:${id}`);
    expect((await api("post", "/api/plugins/alerts/rules", { token, body: rule })).status).toBe(201);
    expectProblem(await api("post", "/api/plugins/alerts/emails", { token, body: { address } }), "ALREADY_EXISTS");
  });

  test("has one link that holds, for a day", async () => {
    const actor = await seedTenant();
    const at = new Bench();
    const address = `links@${actor.tenantId}.example.com`;
    const first = await addAddress(at.deps, actor, address, ORIGIN);
    const second = await addAddress(at.deps, actor, address, ORIGIN);
    expect(second.id).toBe(first.id);
    const [old, fresh] = (await mailed(address)).map(({ mail }) => linkIn(mail.text));
    expect((await refusal(readLink(at.deps, old ?? ""))).code).toBe("EMAIL_LINK_INVALID");
    expect(await readLink(at.deps, fresh ?? "")).toMatchObject({ address });
    const forged = fresh?.replace(/.$/, (digit) => (digit === "0" ? "1" : "0"));
    expect((await refusal(confirmAddress(at.deps, forged ?? ""))).code).toBe("EMAIL_LINK_INVALID");
    at.advance(24 * 60);
    expect((await refusal(confirmAddress(at.deps, fresh ?? ""))).code).toBe("EMAIL_LINK_INVALID");
  });

  test.each([
    "ops",
    "ops@example",
    "a b@example.com",
    "ops@example.com\r\nBcc: all@example.com",
    "<ops@example.com>",
    ".a@example.com",
  ])("cannot be %j", async (address) => {
    const at = new Bench();
    const error = await refusal(addAddress(at.deps, await seedTenant(), address, ORIGIN));
    expect([error.code, error.issues?.[0]?.path]).toEqual(["REQUEST_INVALID", "/address"]);
  });

  test("cannot be made to bother people: confirmations are few, also where addresses are deleted again", async () => {
    const actor = await seedTenant();
    const at = new Bench();
    for (let n = 0; n < LINKS_PER_HOUR; n++) {
      const { id } = await addAddress(at.deps, actor, `bother@${actor.tenantId}.example.com`, ORIGIN);
      await removeAddress(at.deps, actor, id);
    }
    expect((await refusal(addAddress(at.deps, actor, "bother@example.com", ORIGIN))).code).toBe("QUOTA_EXCEEDED");
    at.advance(61);
    await addAddress(at.deps, actor, `bother@${actor.tenantId}.example.com`, ORIGIN);
  });

  test("is refused where the platform can send no e-mail, and so is a rule that needs it", async () => {
    const actor = await seedTenant();
    const at = new Bench();
    const id = await confirmed(at, actor, `none@${actor.tenantId}.example.com`);
    const { EMAIL: _binding, EMAIL_TOKEN: _token, ...rest } = at.deps.env;
    const without = { ...at.deps, email: emailProvider({ ...rest }, fetch, at.deps.clock) };
    expect(without.email).toBeUndefined();
    const address = await refusal(addAddress(without, actor, "a@example.com", ORIGIN));
    const rule = await refusal(createRule(without, actor, ruleWith(id)));
    expect([address.code, rule.code]).toEqual(["EMAIL_NOT_CONFIGURED", "EMAIL_NOT_CONFIGURED"]);
    expect(rule.message).toContain("EMAIL_TOKEN");
  });

  test("waits where the provider did not take the confirmation", async () => {
    const actor = await seedTenant();
    const at = new Bench();
    const address = `fail-1-503@${actor.tenantId}.example.com`;
    const error = await refusal(addAddress(at.deps, actor, address, ORIGIN));
    expect([error.code, error.message]).toEqual([
      "EMAIL_REFUSED",
      "The e-mail provider did not take the confirmation (EMAIL_REFUSED). It answered 503.",
    ]);
    expect(await addAddress(at.deps, actor, address, ORIGIN)).toMatchObject({ address, confirmedAt: null });
  });
});

describe("an alert", () => {
  test("is mailed once, as text and HTML, whatever its rule is called", async () => {
    const actor = await seedTenant();
    const at = new Bench();
    const address = `alerts@${actor.tenantId}.example.com`;
    const id = await confirmed(at, actor, address);
    await createRule(at.deps, actor, ruleWith(id, `<img src=x onerror=alert(1)> "größer" & mehr`));
    await at.record(actor.tenantId, "plugin.failed", failure);
    await evaluateEvents(at.deps, actor.tenantId);
    await evaluateEvents(at.deps, actor.tenantId);
    expect(at.bells).toHaveLength(1);
    await at.ring();
    const [, message, ...others] = await mailed(address);
    expect(others).toEqual([]);
    const [delivery] = await deliveriesTo(id);
    expect(delivery).toMatchObject({
      state: "delivered",
      attempts: 1,
      status: 200,
      channel: "email",
      eventType: "alert.firing",
    });
    expect(message?.key).toBe(delivery?.id);
    expect(message?.mail.subject).toBe(
      `[Patchbay] FIRING error: <img src=x onerror=alert(1)> "größer" & mehr (acme.echo of ${actor.tenantId})`,
    );
    expect(message?.mail.html).not.toContain("<img");
    expect(message?.mail.html).toContain("&lt;img src=x onerror=alert(1)&gt; &quot;größer&quot; &amp; mehr");
    expect(message?.mail.text).toContain("1 event (plugin.failed); alert at 1 or more within 5 min.");
  });

  test("is tried again as the provider asks, and once only where it comes twice", async () => {
    const actor = await seedTenant();
    const at = new Bench();
    const address = `fail-0-0@${actor.tenantId}.example.com`;
    const id = await confirmed(at, actor, address);
    await createRule(at.deps, actor, ruleWith(id));
    await at.record(actor.tenantId, "plugin.failed", failure);
    await evaluateEvents(at.deps, actor.tenantId);
    const { email } = at.deps;
    let answer: Partial<Awaited<ReturnType<NonNullable<typeof email>["send"]>>> = { status: 429, retryAfter: 600 };
    Object.defineProperty(at.deps, "email", {
      value: { send: async () => ({ status: null, errorCode: "EMAIL_REFUSED", ...answer }) },
    });
    expect(await at.ring()).toBe(1);
    expect(await deliveriesTo(id)).toMatchObject([{ state: "pending", status: 429, dueAt: at.now + 600_000 }]);
    at.advance(10);
    answer = { status: 500 };
    expect(await at.ring()).toBe(1);
    at.advance(1);
    Object.defineProperty(at.deps, "email", { value: email });
    expect(await at.ring()).toBe(0);
    expect(await deliveriesTo(id)).toMatchObject([{ state: "delivered", attempts: 3 }]);
    expect(await mailed(address)).toHaveLength(2);
  });

  test.each([
    ["after every attempt", 503, WEBHOOK_ATTEMPTS],
    ["at once where the provider will never take it", 422, 1],
  ])("is given up %s, which is an event that makes no alert of its own", async (_name, status, attempts) => {
    const actor = await seedTenant();
    const at = new Bench();
    // One request for the confirmation, which is taken, before those of the alert.
    const address = `given-up-${status}@${actor.tenantId}.example.com`;
    const id = await confirmed(at, actor, address);
    await env.DB.prepare("UPDATE alert_emails SET address = ? WHERE id = ?")
      .bind(`fail-99-${status}@${actor.tenantId}.example.com`, id)
      .run();
    await createRule(at.deps, actor, ruleWith(id));
    await at.record(actor.tenantId, "plugin.failed", failure);
    await evaluateEvents(at.deps, actor.tenantId);
    for (let n = 0; n < attempts; n++) {
      await at.ring();
      at.advance(200);
    }
    expect(at.bells).toEqual([]);
    expect(await deliveriesTo(id)).toMatchObject([{ state: "dead", attempts, status, errorCode: "EMAIL_REFUSED" }]);
    const log = await db.select().from(pluginEvents).where(eq(pluginEvents.tenantId, actor.tenantId));
    expect(log.filter(({ type }) => type === "alert.email-failed")).toMatchObject([
      { data: { emailId: id, attempts, code: "EMAIL_REFUSED" } },
    ]);
    const [dead] = await deliveriesTo(id);
    await env.DB.prepare("UPDATE alert_emails SET address = ? WHERE id = ?").bind(address, id).run();
    await redriveMail(at.deps, actor, id, dead?.id ?? "");
    expect(await at.ring()).toBe(0);
    expect(await deliveriesTo(id)).toMatchObject([{ state: "delivered", attempts: 1 }]);
    expect((await refusal(redriveMail(at.deps, actor, id, dead?.id ?? ""))).code).toBe("STATE_CONFLICT");
    const before = (await toldOf(actor.tenantId)).length;
    await evaluateEvents(at.deps, actor.tenantId);
    expect((await toldOf(actor.tenantId)).filter(({ type }) => type === "alert.firing")).toHaveLength(1);
    expect((await toldOf(actor.tenantId)).length - before).toBeLessThanOrEqual(1); // that it is over
  });

  test("waits where its address had enough for an hour, and goes then", async () => {
    const actor = await seedTenant();
    const at = new Bench();
    const address = `many@${actor.tenantId}.example.com`;
    const id = await confirmed(at, actor, address);
    const rules = MAILS_PER_HOUR + 2;
    for (let n = 0; n < rules; n++) await createRule(at.deps, actor, ruleWith(id, `Rule ${n}`));
    await at.record(actor.tenantId, "plugin.failed", failure);
    await evaluateEvents(at.deps, actor.tenantId);
    const bells = at.bells.splice(0);
    for (const bell of bells) {
      at.bells.push(bell);
      await at.ring();
    }
    const states = Map.groupBy(await deliveriesTo(id), ({ state }) => state);
    expect([states.get("delivered")?.length, states.get("pending")?.length]).toEqual([MAILS_PER_HOUR, 2]);
    const later = { attempts: 0, dueAt: at.now + 3_600_000 };
    expect(states.get("pending")).toMatchObject([later, later]);
    at.advance(60);
    await at.ring();
    expect(await mailed(address)).toHaveLength(rules + 1);
  });

  test("is dropped where its address was deleted meanwhile", async () => {
    const actor = await seedTenant();
    const at = new Bench();
    const address = `gone@${actor.tenantId}.example.com`;
    const id = await confirmed(at, actor, address);
    await createRule(at.deps, actor, ruleWith(id));
    await at.record(actor.tenantId, "plugin.failed", failure);
    await evaluateEvents(at.deps, actor.tenantId);
    await removeAddress(at.deps, actor, id);
    expect(await at.ring()).toBe(0);
    expect(await deliveriesTo(id)).toMatchObject([{ state: "dropped", attempts: 0, errorCode: "EMAIL_NOT_FOUND" }]);
    expect(await mailed(address)).toHaveLength(1);
  });

  test("can be tried out over every channel of a rule", async () => {
    const actor = await seedTenant();
    const at = new Bench();
    const address = `tried@${actor.tenantId}.example.com`;
    const id = await confirmed(at, actor, address);
    const url = "https://hooks.example.com/hooks?box=tried&fail=1";
    const { webhook } = await createWebhook(at.deps, actor, { url, types: [] });
    const rule = ruleWith(id);
    const channels = [...rule.channels, { kind: "webhook" as const, id: webhook.id }];
    const made = await createRule(at.deps, actor, { ...rule, channels });
    expect(await testRule(at.deps, actor, made.id)).toEqual([
      { kind: "email", id, delivered: true, status: 200, errorCode: null },
      { kind: "webhook", id: webhook.id, delivered: false, status: 503, errorCode: "WEBHOOK_REFUSED" },
    ]);
    expect((await mailed(address)).at(-1)?.mail.subject).toContain("TEST Failures");
    expect(await toldOf(actor.tenantId)).toEqual([]);
  });
});

describe("a provider", () => {
  const mail = { id: "01J00000000000000000000000", to: "ops@example.com", subject: "s", text: "t", html: "<p>h</p>" };
  const clock = { now: () => 1_700_000_000_000 };
  const over = (changed: Partial<EmailEnv>) => emailProvider({ ...env, ...changed }, fetch, clock);

  test.each([
    [
      "that does not know the token",
      { EMAIL_TOKEN: "wrong" },
      { status: 401, errorCode: "EMAIL_REFUSED", final: false },
    ],
    [
      "that is not there",
      { EMAIL_ENDPOINT: "https://mail.example.com/status?code=404" },
      { status: 404, errorCode: "EMAIL_REFUSED", final: true },
    ],
    [
      "that sends elsewhere",
      { EMAIL_ENDPOINT: "https://mail.example.com/redirect?to=https://evil.example.com/" },
      { status: 302, errorCode: "EMAIL_REFUSED", final: false },
    ],
    ["that takes it", {}, { status: 200, errorCode: null }],
  ])("over HTTP %s", async (_name, changed, result) => {
    expect(await over(changed)?.send(mail)).toEqual(result);
  });

  test("over HTTP that cannot be reached, or takes too long", async () => {
    const failing = (error: Error) => {
      const refuse = async () => {
        throw error;
      };
      return emailProvider(env, refuse, clock)?.send(mail);
    };
    expect(await failing(new TypeError("no connection"))).toEqual({ status: null, errorCode: "UPSTREAM_UNREACHABLE" });
    expect(await failing(new DOMException("late", "TimeoutError"))).toEqual({
      status: null,
      errorCode: "UPSTREAM_TIMED_OUT",
    });
  });

  test.each([
    ["seconds", "120", 120],
    ["a date", new Date(1_700_000_090_000).toUTCString(), 90],
    ["too long", "99999", 3_600],
    ["nonsense", "soon", undefined],
  ])("over HTTP asks to wait: %s", async (_name, header, seconds) => {
    const busy = () => Promise.resolve(new Response("busy", { status: 429, headers: { "retry-after": header } }));
    expect((await emailProvider(env, busy, clock)?.send(mail))?.retryAfter).toBe(seconds);
  });

  test("over the binding: the message is one that the runtime takes", async () => {
    const provider = over({ EMAIL_TOKEN: "" });
    const hostile = { ...mail, subject: "Größe\r\nBcc: all@example.com 🚨", html: "<p>.\r\n.\r\n</p>" };
    expect(await provider?.send(hostile)).toEqual({ status: null, errorCode: null });
  });

  test("over the binding: what it refuses is a result", async () => {
    const log = vi.spyOn(console, "error").mockReturnValue();
    const refusing = (error: Error) => {
      const send = async () => {
        throw error;
      };
      return over({ EMAIL_TOKEN: "", EMAIL: { send } })?.send(mail);
    };
    const suppressed = Object.assign(new Error("no mail to ops@example.com"), { code: "E_RECIPIENT_SUPPRESSED" });
    expect(await refusing(suppressed)).toEqual({ status: null, errorCode: "EMAIL_REFUSED", final: true });
    expect(await refusing(new Error("busy"))).toEqual({ status: null, errorCode: "EMAIL_REFUSED", final: false });
    expect(log.mock.calls.map(String).join("\n")).not.toContain("ops@example.com");
  });

  test("is none where there is nobody that mail is from", () => {
    expect(over({ EMAIL_FROM: "" })).toBeUndefined();
    expect(() => over({ EMAIL_FROM: "Patchbay" })).toThrow("EMAIL_FROM is no mailbox");
  });
});
