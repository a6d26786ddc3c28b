import { createExecutionContext, createMessageBatch, getQueueResult } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { eq } from "drizzle-orm";
import { afterEach, describe, expect, test, vi } from "vitest";
import { verifyWebhook } from "../../../sdk/contract/webhook-signature.ts";
import { compileSnapshot } from "../../../worker/control/compile.ts";
import { newEvent } from "../../../worker/control/events/rules.ts";
import { recordEvent } from "../../../worker/control/events/store.ts";
import { deliverWebhooks, sendWebhook } from "../../../worker/control/webhooks/actions/deliver.ts";
import { catchUpWebhooks, dispatchWebhooks } from "../../../worker/control/webhooks/actions/dispatch.ts";
import { createWebhook, redriveDelivery, removeWebhook } from "../../../worker/control/webhooks/actions/manage.ts";
import { WEBHOOK_ATTEMPTS, WEBHOOKS } from "../../../worker/control/webhooks/rules.ts";
import type { Webhook, WebhookBell } from "../../../worker/control/webhooks/webhook-record.ts";
import { commit } from "../../../worker/db/client.ts";
import { pluginEvents, webhookDeliveries, webhooks } from "../../../worker/db/schema.ts";
import { createDeps, createResident, type Deps } from "../../../worker/deps.ts";
import type { Actor } from "../../../worker/lib/actor.ts";
import { api, expectProblem } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { db, refusal, seedInstall, seedTenant } from "../control/fixtures.ts";

afterEach(() => vi.restoreAllMocks());

interface Received {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What came to a receiver; test/support/workers/upstream.ts is the receiver. */
async function received(box: string): Promise<Received[]> {
  return (await fetch(`https://hooks.example.com/hooks?box=${box}`)).json<Received[]>();
}

const hook = (box: string, more = ""): string => `https://hooks.example.com/hooks?box=${box}${more}`;

/** The worker's parts with a clock of the test's, and a queue whose bells the test rings itself. */
class Bench {
  now = Date.now();
  readonly bells: WebhookBell[] = [];
  broken = false;
  readonly deps: Deps;

  constructor() {
    const queue = {
      sendBatch: async (batch: readonly { readonly body: WebhookBell }[]): Promise<void> => {
        if (this.broken) throw new Error("the queue is away");
        this.bells.push(...batch.map(({ body }) => body));
      },
    } as unknown as Queue<WebhookBell>; // the one method that is used
    this.deps = createDeps(
      { ...env, WEBHOOKS: queue },
      createExecutionContext(),
      { now: () => this.now },
      createResident(),
    );
  }

  /** Rings every bell once. @returns ids of deliveries whose bell comes back */
  async ring(bells: readonly WebhookBell[] = this.bells.splice(0)): Promise<string[]> {
    const context = createExecutionContext();
    const messages = bells.map((body, index) => ({ id: String(index), timestamp: new Date(), attempts: 1, body }));
    const batch = createMessageBatch("patchbay-webhooks", messages);
    await deliverWebhooks(this.deps, batch.messages);
    const { retryMessages } = await getQueueResult(batch, context);
    const back = retryMessages.flatMap(({ msgId }) => bells[Number(msgId)] ?? []);
    this.bells.push(...back);
    return back.map(({ deliveryId }) => deliveryId);
  }
}

async function record(actor: Actor, count = 1): Promise<void> {
  const bench = new Bench();
  for (let n = 0; n < count; n++) {
    const event = newEvent({
      id: bench.deps.newId(),
      tenantId: actor.tenantId,
      pluginId: "acme.echo",
      type: n % 2 === 0 ? "plugin.failed" : "plugin.recovered",
      data: { installId: "install", version: "1.0.0" },
      subject: "olga",
      createdAt: bench.now,
    });
    await commit(db, recordEvent(db, event));
  }
}

/** A tenant with a webhook that has heard of everything so far. */
async function withWebhook(more = "", types: Webhook["types"] = ["plugin.failed", "plugin.recovered"]) {
  const actor = await seedTenant();
  const bench = new Bench();
  const { webhook, secret } = await createWebhook(bench.deps, actor, { url: hook(actor.tenantId, more), types });
  await dispatchWebhooks(bench.deps, actor.tenantId);
  return { actor, bench, webhook, secret };
}

const deliveriesOf = (webhook: Webhook) =>
  db
    .select()
    .from(webhookDeliveries)
    .where(eq(webhookDeliveries.webhookId, webhook.id))
    .orderBy(webhookDeliveries.sequence);

test("what an operation changes is sent, signed, through the real queue", async () => {
  const actor = await seedInstall();
  const token = await mintToken({ tenant: actor.tenantId, roles: ["operator"] });
  const box = actor.tenantId;
  const created = await api("post", "/api/plugins/webhooks", {
    token,
    body: { url: hook(box), types: ["plugin.deactivated"] },
  });
  expect(created.status).toBe(201);
  const { id, secret } = created.body as { id: string; secret: string };
  expect(secret).toMatch(/^whsec_[0-9a-f]{64}$/);
  await api("post", "/api/plugins/acme.echo/deactivate", { token });

  const [post] = await vi.waitFor(
    async () => {
      const posts = await received(box);
      expect(posts).toHaveLength(1);
      return posts;
    },
    { timeout: 15_000, interval: 200 },
  );
  const { body } = await api("get", "/api/plugins/events?type=plugin.deactivated", { token });
  expect(JSON.parse(post?.body ?? "")).toEqual({
    ...(body as { items: object[] }).items[0],
    tenantId: actor.tenantId,
  });
  const signature = post?.headers["patchbay-signature"] ?? "";
  expect(await verifyWebhook(secret, signature, post?.body ?? "", Date.now() / 1000)).toBe(true);
  expect(post?.headers).toMatchObject({ "content-type": "application/json", "patchbay-event": "plugin.deactivated" });
  await vi.waitFor(
    async () => {
      const deliveries = await api("get", `/api/plugins/webhooks/${id}/deliveries`, { token });
      expect(deliveries.body).toMatchObject({
        items: [
          {
            state: "delivered",
            attempts: 1,
            status: 202,
            errorCode: null,
            dueAt: null,
            id: post?.headers["patchbay-delivery"],
          },
        ],
      });
    },
    { timeout: 5_000, interval: 100 },
  );
});

describe("delivery", () => {
  test("goes on after failures, with growing pauses, until the event is taken", async () => {
    const { actor, bench, webhook } = await withWebhook("&fail=2");
    await record(actor);
    await dispatchWebhooks(bench.deps, actor.tenantId);
    for (const [attempt, least, most] of [
      [1, 7, 10],
      [2, 22, 30],
    ] as const) {
      expect(await bench.ring()).toHaveLength(1);
      const [delivery] = await deliveriesOf(webhook);
      expect(delivery).toMatchObject({
        state: "pending",
        attempts: attempt,
        status: 503,
        errorCode: "WEBHOOK_REFUSED",
      });
      const pause = ((delivery?.dueAt ?? 0) - bench.now) / 1000;
      expect(pause).toBeGreaterThanOrEqual(least);
      expect(pause).toBeLessThanOrEqual(most);
      // A bell before its time does nothing.
      expect(await bench.ring()).toHaveLength(1);
      expect(await received(actor.tenantId)).toHaveLength(attempt);
      bench.now += most * 1000;
    }
    expect(await bench.ring()).toEqual([]);
    expect(await deliveriesOf(webhook)).toMatchObject([
      { state: "delivered", attempts: 3, status: 202, errorCode: null },
    ]);
    const posts = await received(actor.tenantId);
    expect(new Set(posts.map(({ headers }) => headers["patchbay-delivery"])).size).toBe(1);
  });

  test("is given up after all attempts, which is an event that no webhook gets, and can be sent again", async () => {
    const { actor, bench, webhook } = await withWebhook(`&fail=${WEBHOOK_ATTEMPTS}`, []);
    bench.bells.length = 0; // of its own making
    await record(actor);
    await dispatchWebhooks(bench.deps, actor.tenantId);
    for (let attempt = 1; attempt <= WEBHOOK_ATTEMPTS; attempt++) {
      expect(await bench.ring()).toHaveLength(attempt < WEBHOOK_ATTEMPTS ? 1 : 0);
      bench.now += 8_000_000;
    }
    const [, dead] = await deliveriesOf(webhook);
    expect(dead).toMatchObject({ state: "dead", attempts: 8, status: 503, errorCode: "WEBHOOK_REFUSED" });
    const log = await db
      .select()
      .from(pluginEvents)
      .where(eq(pluginEvents.tenantId, actor.tenantId))
      .orderBy(pluginEvents.sequence);
    expect(log.at(-1)).toMatchObject({
      type: "webhook.failed",
      data: {
        webhookId: webhook.id,
        deliveryId: dead?.id,
        eventId: dead?.eventId,
        attempts: 8,
        code: "WEBHOOK_REFUSED",
      },
    });
    await dispatchWebhooks(bench.deps, actor.tenantId);
    expect(bench.bells).toEqual([]);

    await redriveDelivery(bench.deps, actor, webhook.id, dead?.id ?? "");
    expect(await bench.ring()).toEqual([]);
    expect((await deliveriesOf(webhook))[1]).toMatchObject({ state: "delivered", attempts: 1 });
    const again = await refusal(redriveDelivery(bench.deps, actor, webhook.id, dead?.id ?? ""));
    expect([again.code, again.message]).toEqual([
      "STATE_CONFLICT",
      "The delivery is delivered; only one given up is sent again.",
    ]);
  });

  test("is planned once, however many plan and ring at once", async () => {
    const { actor, bench, webhook } = await withWebhook();
    await record(actor, 120);
    await Promise.all([1, 2, 3, 4].map(() => dispatchWebhooks(bench.deps, actor.tenantId)));
    expect(await deliveriesOf(webhook)).toHaveLength(120);
    expect(bench.bells).toHaveLength(120);
    const bells = bench.bells.splice(0, 10);
    await Promise.all([bench.ring(bells), bench.ring(bells), bench.ring(bells)]);
    expect(await received(actor.tenantId)).toHaveLength(10);
  });

  test("survives a bell that was lost", async () => {
    const { actor, bench, webhook } = await withWebhook();
    await record(actor);
    const log = vi.spyOn(console, "error").mockReturnValue();
    bench.broken = true;
    await dispatchWebhooks(bench.deps, actor.tenantId);
    expect(String(log.mock.calls[0]?.[0])).toContain("webhooks.not-rung");
    bench.broken = false;
    await catchUpWebhooks(bench.deps);
    const mine = (): WebhookBell[] => bench.bells.filter(({ tenantId }) => tenantId === actor.tenantId);
    expect(mine()).toEqual([]);
    bench.now += 200_000;
    await catchUpWebhooks(bench.deps);
    await bench.ring(mine());
    expect(await deliveriesOf(webhook)).toMatchObject([{ state: "delivered" }]);
  });

  test("survives a consumer that was cut off while it sent", async () => {
    const { actor, bench, webhook } = await withWebhook();
    await record(actor);
    await dispatchWebhooks(bench.deps, actor.tenantId);
    const doomed: Deps = {
      ...bench.deps,
      capabilities: {
        ...bench.deps.capabilities,
        egress: { privateHosts: new Set(), send: () => new Promise(() => undefined) },
      },
    };
    const [bell] = bench.bells.splice(0);
    if (!bell) throw new Error("rung above");
    const batch = createMessageBatch("patchbay-webhooks", [
      { id: "0", timestamp: new Date(), attempts: 1, body: bell },
    ]);
    void deliverWebhooks(doomed, batch.messages);
    await vi.waitFor(async () => expect(await deliveriesOf(webhook)).toMatchObject([{ attempts: 1 }]));
    expect(await bench.ring([bell])).toHaveLength(1);
    bench.now += 61_000;
    expect(await bench.ring([bell])).toEqual([]);
    expect(await deliveriesOf(webhook)).toMatchObject([{ state: "delivered", attempts: 2 }]);
  });

  test("catches up where nobody came by", async () => {
    const { actor, bench } = await withWebhook();
    await record(actor, 2);
    await catchUpWebhooks(bench.deps);
    expect(bench.bells.filter(({ tenantId }) => tenantId === actor.tenantId)).toHaveLength(2);
  });

  test("ends where the webhook is switched off or deleted, and what happens meanwhile is not sent later", async () => {
    const { actor, bench, webhook } = await withWebhook();
    const token = await mintToken({ tenant: actor.tenantId, roles: ["operator"] });
    await record(actor);
    await dispatchWebhooks(bench.deps, actor.tenantId);
    await db.update(webhooks).set({ active: false }).where(eq(webhooks.id, webhook.id));
    await bench.ring();
    expect(await deliveriesOf(webhook)).toMatchObject([{ state: "dropped", attempts: 0 }]);
    await record(actor);
    await compileSnapshot(bench.deps, actor.tenantId);
    const on = await api("patch", `/api/plugins/webhooks/${webhook.id}`, { token, body: { active: true } });
    expect(on.body).toMatchObject({ active: true });
    await record(actor);
    await dispatchWebhooks(bench.deps, actor.tenantId);
    expect(bench.bells).toHaveLength(1);
    await removeWebhook(bench.deps, actor, webhook.id);
    expect(await deliveriesOf(webhook)).toEqual([]);
    expect(await bench.ring()).toEqual([]);
    expect(await received(actor.tenantId)).toEqual([]);
  });
});

describe("a receiver", () => {
  test.each([
    [
      "that sends elsewhere",
      "https://hooks.example.com/redirect?to=https://10.0.0.1/",
      { status: 302, errorCode: "WEBHOOK_REFUSED" },
    ],
    ["whose name leads inside", "https://private.example.com/hooks", { status: null, errorCode: "EGRESS_REFUSED" }],
    [
      "whose name leads inside among others",
      "https://mixed.example.com/hooks",
      { status: null, errorCode: "EGRESS_REFUSED" },
    ],
    ["that does not exist", "https://gone.example.com/hooks", { status: null, errorCode: "UPSTREAM_UNREACHABLE" }],
    ["that never answers", "https://hooks.example.com/never", { status: null, errorCode: "UPSTREAM_TIMED_OUT" }],
  ])("%s fails", async (_name, url, result) => {
    vi.spyOn(console, "error").mockReturnValue();
    const actor = await seedTenant();
    const { deps } = new Bench();
    const { webhook } = await createWebhook(deps, actor, { url, types: [] });
    expect(await sendWebhook(deps, webhook, { id: "d", type: "plugin.failed", body: "{}" }, 300)).toEqual(result);
  });

  test("can be tried out", async () => {
    const { actor, webhook, bench, secret } = await withWebhook();
    await compileSnapshot(bench.deps, actor.tenantId);
    const token = await mintToken({ tenant: actor.tenantId, roles: ["operator"] });
    const answer = await api("post", `/api/plugins/webhooks/${webhook.id}/test`, { token });
    expect(answer.body).toEqual({ delivered: true, status: 202, errorCode: null, durationMs: expect.any(Number) });
    const [post] = await received(actor.tenantId);
    expect(JSON.parse(post?.body ?? "")).toMatchObject({ type: "webhook.test", tenantId: actor.tenantId });
    expect(
      await verifyWebhook(secret, post?.headers["patchbay-signature"] ?? "", post?.body ?? "", Date.now() / 1000),
    ).toBe(true);
  });
});

describe("a webhook", () => {
  test.each([
    "http://hooks.example.com/",
    "https://localhost/",
    "https://169.254.169.254/",
    "https://[::1]/",
    "nothing",
  ])("may not send to %s", async (url) => {
    const actor = await seedTenant();
    const error = await refusal(createWebhook(new Bench().deps, actor, { url, types: [] }));
    expect(error.code).toBe("REQUEST_INVALID");
    expect(error.issues?.[0]?.path).toBe("/url");
  });

  test("hides its secret, also in the database, and takes one that is given", async () => {
    const { bench, actor } = await withWebhook();
    const given = "a-secret-of-the-receiver's-choosing-0001";
    const { webhook, secret } = await createWebhook(bench.deps, actor, { url: hook("own"), types: [], secret: given });
    expect(secret).toBe(given);
    const rows = await db.select().from(webhooks).where(eq(webhooks.id, webhook.id));
    expect(JSON.stringify(rows)).not.toContain(given);
    await compileSnapshot(bench.deps, actor.tenantId);
    const token = await mintToken({ tenant: actor.tenantId, roles: ["operator"] });
    const list = await api("get", "/api/plugins/webhooks", { token });
    expect((list.body as { items: object[] }).items.map((item) => Object.keys(item).sort())).toEqual(
      Array.from({ length: 2 }, () => ["active", "createdAt", "createdBy", "id", "types", "updatedAt", "url"]),
    );
  });

  test("is one of a few", async () => {
    const actor = await seedTenant();
    const { deps } = new Bench();
    const results = await Promise.allSettled(
      Array.from({ length: WEBHOOKS + 3 }, () => createWebhook(deps, actor, { url: hook("many"), types: [] })),
    );
    expect(results.filter(({ status }) => status === "rejected")).toHaveLength(3);
    const error = await refusal(createWebhook(deps, actor, { url: hook("many"), types: [] }));
    expect(error.limit).toEqual({ name: "webhooks", used: 20, allowed: 20 });
  });

  test("answers only for deliveries of its own", async () => {
    const { actor, bench, webhook } = await withWebhook();
    const other = await createWebhook(bench.deps, actor, { url: hook("other"), types: ["plugin.failed"] });
    await record(actor);
    await dispatchWebhooks(bench.deps, actor.tenantId);
    const [theirs] = await deliveriesOf(other.webhook);
    const error = await refusal(redriveDelivery(bench.deps, actor, webhook.id, theirs?.id ?? ""));
    expect(error.code).toBe("DELIVERY_NOT_FOUND");
  });

  test("refuses changes of nothing and of too much", async () => {
    const { actor, webhook, bench } = await withWebhook();
    await compileSnapshot(bench.deps, actor.tenantId);
    const token = await mintToken({ tenant: actor.tenantId, roles: ["operator"] });
    for (const body of [{}, { types: ["nothing"] }, { secret: "x".repeat(40) }, { url: "https://10.0.0.1/" }]) {
      expectProblem(await api("patch", `/api/plugins/webhooks/${webhook.id}`, { token, body }), "REQUEST_INVALID");
    }
  });
});
