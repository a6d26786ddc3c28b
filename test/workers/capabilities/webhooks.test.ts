import { createExecutionContext, createMessageBatch, getQueueResult } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { eq } from "drizzle-orm";
import { describe, expect, test } from "vitest";
import type { Grants } from "../../../sdk/contract/grants.ts";
import { hmacKey, secretBytes, signedContent } from "../../../sdk/contract/standard-webhooks.ts";
import { deliverWebhooks } from "../../../worker/control/webhooks/actions/deliver.ts";
import { WEBHOOK_ATTEMPTS } from "../../../worker/control/webhooks/rules.ts";
import { pluginEvents, webhookDeliveries } from "../../../worker/db/schema.ts";
import { createDeps, createResident } from "../../../worker/deps.ts";
import { snapshotKey, type Snapshot } from "../../../worker/execution/snapshot.ts";
import { api, expectProblem } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { ask, type Answer, type AskOptions } from "../../support/guests/platform-guest.ts";
import { NOW } from "../../support/guests/sandbox-call.ts";
import { db, installIdOf, seedInstall } from "../control/fixtures.ts";

const GRANTS: Grants = { webhooks: { hosts: ["hooks.example.com"] } };
let boxes = 0;

interface Received {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** An install with a grant, its box, and the consumer of its deliveries. */
class Sender {
  now = NOW;
  readonly box = `plugin-${++boxes}`;
  readonly tenantId: string;
  readonly installId: string;

  private constructor(tenantId: string, installId: string) {
    this.tenantId = tenantId;
    this.installId = installId;
  }

  static async make(): Promise<Sender> {
    const { tenantId } = await seedInstall();
    const sender = new Sender(tenantId, await installIdOf({ tenantId }));
    await sender.grant(GRANTS);
    return sender;
  }

  get mine(): AskOptions {
    return { context: { tenantId: this.tenantId, installId: this.installId, pluginId: "acme.echo" } };
  }

  url(more = ""): string {
    return `https://hooks.example.com/hooks?box=${this.box}${more}`;
  }

  send(request: object = {}, body = '{"n":1}', grants = GRANTS): Promise<Answer> {
    return ask("webhooks_send", { url: this.url(), event: "order.paid", ...request }, grants, body, this.mine);
  }

  /** What execution may know of the install, as a compiled snapshot says it. */
  async grant(grants: Grants, state = "active"): Promise<void> {
    const install = { installId: this.installId, pluginId: "acme.echo", state, grants };
    const stored = {
      format: 1,
      tenantId: this.tenantId,
      status: "active",
      revision: 9,
      compiledAt: 0,
      keys: {},
      members: {},
    };
    const snapshot = { ...stored, installs: { "acme.echo": install } } as unknown as Snapshot; // what is read of it
    await env.STORE.put(snapshotKey(this.tenantId), JSON.stringify(snapshot));
  }

  rows() {
    return db.select().from(webhookDeliveries).where(eq(webhookDeliveries.tenantId, this.tenantId));
  }

  /** Rings for everything that is pending, once. */
  async deliver(): Promise<void> {
    const context = createExecutionContext();
    const deps = createDeps(env, context, { now: () => this.now }, createResident());
    const bells = (await this.rows()).map(({ id }) => ({ tenantId: this.tenantId, deliveryId: id }));
    const messages = bells.map((body, n) => ({ id: String(n), timestamp: new Date(), attempts: 1, body }));
    const batch = createMessageBatch("patchbay-webhooks", messages);
    await deliverWebhooks(deps, batch.messages);
    await getQueueResult(batch, context);
  }

  async received(): Promise<Received[]> {
    return (await fetch(this.url())).json<Received[]>();
  }

  async admin(method: string, path: string): Promise<Record<string, unknown>> {
    const token = await mintToken({ tenant: this.tenantId, subject: "ada", roles: ["admin"] });
    return (await api(method, `/api/plugins/acme.echo/webhooks${path}`, { token })).body as Record<string, unknown>; // checked by each test
  }
}

/** Whether one of the signatures is right, as a receiver finds out. */
async function isSignedBy(secret: unknown, { headers, body }: Received): Promise<boolean> {
  const { "webhook-id": id = "", "webhook-timestamp": seconds = "", "webhook-signature": all = "" } = headers;
  const key = await hmacKey(secretBytes(String(secret)), "SHA-256", "verify");
  const content = signedContent(id, seconds, new TextEncoder().encode(body));
  const checks = all
    .split(" ")
    .map((one) => crypto.subtle.verify("HMAC", key, Uint8Array.fromBase64(one.replace("v1,", "")), content));
  return (await Promise.all(checks)).includes(true);
}

describe("webhooks_send", () => {
  test("delivers the body, signed as the specification says", async () => {
    const sender = await Sender.make();
    expect(await sender.send({ id: "msg-1" })).toEqual({ value: { id: "msg-1", queued: true } });
    await sender.deliver();
    const [request, ...more] = await sender.received();
    expect(more).toEqual([]);
    expect(request).toMatchObject({
      body: '{"n":1}',
      headers: {
        "content-type": "application/json",
        "webhook-id": "msg-1",
        "webhook-timestamp": String(Math.floor(NOW / 1000)),
        "user-agent": "Patchbay (acme.echo)",
      },
    });
    const { secret } = await sender.admin("get", "/secret");
    expect(request && (await isSignedBy(secret, request))).toBe(true);
    expect(request && (await isSignedBy(secret, { ...request, body: "{}" }))).toBe(false);
  });

  test("sends once for each id", async () => {
    const sender = await Sender.make();
    await sender.send({ id: "same" });
    expect(await sender.send({ id: "same" })).toEqual({ value: { id: "same", queued: false } });
    await sender.deliver();
    await sender.deliver();
    expect(await sender.received()).toHaveLength(1);
  });

  test("tries again later, with the same id", async () => {
    const sender = await Sender.make();
    await sender.send({ url: sender.url("&fail=2") });
    await sender.deliver();
    await sender.deliver(); // too early: nothing is sent
    expect(await sender.received()).toHaveLength(1);
    for (let attempt = 0; attempt < 2; attempt++) {
      sender.now += 3_600_000;
      await sender.deliver();
    }
    const ids = (await sender.received()).map(({ headers }) => headers["webhook-id"]);
    expect([ids.length, new Set(ids).size]).toEqual([3, 1]);
    expect(await sender.rows()).toMatchObject([{ state: "delivered", attempts: 3, status: 202 }]);
  });

  test("gives up in the end, says so, and is sent again by whoever is asked", async () => {
    const sender = await Sender.make();
    await sender.send({ url: sender.url(`&fail=${WEBHOOK_ATTEMPTS}`), id: "msg-9" });
    for (let attempt = 0; attempt < WEBHOOK_ATTEMPTS; attempt++) {
      await sender.deliver();
      sender.now += 24 * 3_600_000;
    }
    const list = (await sender.admin("get", "/deliveries?state=dead"))["items"];
    expect(list).toMatchObject([
      { messageId: "msg-9", event: "order.paid", status: 503, errorCode: "WEBHOOK_REFUSED" },
    ]);
    expect(JSON.stringify(list)).not.toContain('\\"n\\"');
    const events = await db.select().from(pluginEvents).where(eq(pluginEvents.tenantId, sender.tenantId));
    const [failed, ...more] = events.filter(({ type }) => type === "plugin-webhook.failed");
    expect(more).toEqual([]);
    expect(failed).toMatchObject({ data: { messageId: "msg-9", attempts: 8 } });
    const id = (list as { id: string }[])[0]?.id;
    expect(await sender.admin("post", `/deliveries/${id}/redrive`)).toMatchObject({ state: "pending", attempts: 0 });
    await sender.deliver();
    expect(await sender.rows()).toMatchObject([{ state: "delivered" }]);
  });

  test("is decided on again when it is delivered", async () => {
    const sender = await Sender.make();
    await sender.send({ id: "a" });
    await sender.grant({ webhooks: { hosts: ["other.example.com"] } });
    await sender.deliver();
    await sender.send({ id: "b" });
    await sender.grant(GRANTS, "quarantined");
    await sender.deliver();
    expect(await sender.received()).toEqual([]);
    const ends = (await sender.rows()).map(({ eventId, state, errorCode }) => `${eventId}: ${state}, ${errorCode}`);
    expect(ends.sort()).toEqual(["a: dropped, GRANT_MISSING", "b: dropped, PLUGIN_INACTIVE"]);
  });

  test("signs with the secret before too, for a day after a rotation", async () => {
    const sender = await Sender.make();
    const before = (await sender.admin("get", "/secret"))["secret"];
    const { secret, previous } = await sender.admin("post", "/secret/rotate");
    expect(previous).toMatchObject({ secret: before });
    sender.now = Date.now();
    await sender.send();
    await db
      .update(webhookDeliveries)
      .set({ dueAt: sender.now })
      .where(eq(webhookDeliveries.tenantId, sender.tenantId));
    await sender.deliver();
    sender.now += 25 * 3_600_000;
    await sender.send();
    await db.update(webhookDeliveries).set({ dueAt: sender.now }).where(eq(webhookDeliveries.state, "pending"));
    await sender.deliver();
    const [first, second] = await sender.received();
    if (!first || !second) throw new Error("two requests were expected");
    expect([await isSignedBy(before, first), await isSignedBy(secret, first)]).toEqual([true, true]);
    expect([await isSignedBy(before, second), await isSignedBy(secret, second)]).toEqual([false, true]);
  });

  test("shows the secret to admins only", async () => {
    const sender = await Sender.make();
    const token = await mintToken({ tenant: sender.tenantId, subject: "olga", roles: ["operator", "developer"] });
    expectProblem(await api("get", "/api/plugins/acme.echo/webhooks/secret", { token }), "PERMISSION_DENIED");
  });

  test.each([
    [{ url: "https://elsewhere.example.com/" }, "GRANT_MISSING", "grant for webhooks"],
    [{ url: "http://hooks.example.com/" }, "EGRESS_REFUSED", "https"],
    [{ url: "https://127.0.0.1/" }, "EGRESS_REFUSED", "127.0.0.1"],
    [{ event: "" }, "HOST_REQUEST_INVALID", "event"],
    [{ id: "two words" }, "HOST_REQUEST_INVALID", "id"],
  ])("refuses %j", async (request, code, message) => {
    const sender = await Sender.make();
    const { error } = await sender.send(request);
    expect(error).toMatchObject({ code, message: expect.stringContaining(message) as string });
    expect(await sender.rows()).toEqual([]);
  });

  test("has quotas for calls, bytes and what is on its way", async () => {
    const sender = await Sender.make();
    const withQuota = (quotas: Record<string, number>) => ({ webhooks: { ...GRANTS.webhooks, quotas } });
    for (const [quotas, name] of [
      [{ deliveries: 0 }, "webhooks.deliveries"],
      [{ bodyBytes: 6 }, "webhooks.bodyBytes"],
      [{ pending: 0 }, "webhooks.pending"],
    ] as const) {
      const { error } = await sender.send({}, '{"n":1}', withQuota(quotas));
      expect(error).toMatchObject({
        code: "CAPABILITY_QUOTA_EXCEEDED",
        message: expect.stringContaining(name) as string,
      });
    }
    expect(await sender.rows()).toEqual([]);
  });
});
