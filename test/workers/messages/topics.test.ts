import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createMessageBatch } from "cloudflare:test";
import { deadLetters, tenants } from "../../../worker/db/schema.ts";
import { keepDeadLetter, redriveLetter } from "../../../worker/control/dead-letters/actions.ts";
import { installPlugin } from "../../../worker/control/installs/actions/install.ts";
import { Publisher } from "../../../worker/execution/bus/publisher.ts";
import type { BusMessage } from "../../../worker/execution/bus/rules.ts";
import { consume } from "../../../worker/queues.ts";
import { api, expectProblem } from "../../support/workers/api.ts";
import { counted } from "../../support/workers/probe.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { db, makeDeps, NOW, seedTenant, seedVersion, storedSnapshot } from "../control/fixtures.ts";
import { installGuests } from "../execution/guest-installs.ts";
import { consumeBatch, delivery, depsOf } from "./consumer.ts";
import { createExecutionContext } from "cloudflare:test";

afterEach(() => vi.restoreAllMocks());

const ORDERS = { publishes: [], subscribes: [{ filter: "orders.*", functionName: "run" }] };

const caller = (tenant: string) => mintToken({ tenant, roles: ["caller"] });
const operator = (tenant: string) => mintToken({ tenant, roles: ["operator"] });

async function publish(tenant: string, body: unknown, topic = "orders.created") {
  return api("post", `/api/plugins/topics/${topic}`, { token: await caller(tenant), body });
}

async function topicsOf(tenant: string): Promise<unknown[]> {
  const { body } = await api("get", "/api/plugins/topics", { token: await mintToken({ tenant, roles: ["viewer"] }) });
  return (body as { items: unknown[] }).items;
}

test("what is published reaches its subscriber through the real queue", async () => {
  await installGuests("wired", [{ guest: "echo", topics: ORDERS }, { guest: "vars" }]);
  const answer = await publish("wired", { data: { total: 3 }, id: "order-1" });
  expect(answer).toMatchObject({ status: 202, body: { id: "order-1", topic: "orders.created", subscribers: 1 } });
  await vi.waitFor(
    async () =>
      expect(await topicsOf("wired")).toMatchObject([
        { topic: "orders.*", counts: null },
        { topic: "orders.created", counts: { published: 1, delivered: 1, failed: 0, deadLettered: 0 } },
      ]),
    { timeout: 15_000, interval: 200 },
  );
});

describe("publishing", () => {
  test.each([
    ["orders.*", { data: 1 }],
    ["Orders", { data: 1 }],
    ["a".repeat(129), { data: 1 }],
    ["orders", { data: 1, id: "with space" }],
    ["orders", { data: 1, id: "" }],
    ["orders", { data: 1, more: 2 }],
  ])("to %s of %j is refused", async (topic, body) => {
    await installGuests("strict", []);
    expectProblem(await publish("strict", body, topic), "REQUEST_INVALID");
  });

  test("too much is refused and says how much is allowed", async () => {
    await installGuests("strict", []);
    const problem = expectProblem(await publish("strict", { data: "x".repeat(65_535) }), "MESSAGE_TOO_LARGE");
    expect(problem["limit"]).toEqual({ name: "messageData", used: 65_537, allowed: 65_536 });
  });

  test("again with the same id runs the subscriber once", async () => {
    const snapshot = await installGuests("twice", [{ guest: "echo", topics: ORDERS }]);
    const sent: BusMessage[] = [];
    const queue = new Proxy(env.MESSAGES, {
      get: () => (batch: { body: BusMessage }[]) => void sent.push(...batch.map(({ body }) => body)),
    });
    const publisher = new Publisher(queue, { now: () => NOW }, () => "fresh");
    const message = { topic: "orders.created", data: 1, source: { kind: "subject", id: "me" }, traceId: "t" } as const;
    await publisher.publish(snapshot, { ...message, id: "same" });
    await publisher.publish(snapshot, { ...message, id: "same" });
    expect(await publisher.publish(snapshot, message)).toEqual({ id: "fresh", subscribers: 1 });
    expect(sent).toHaveLength(3);
    const { records, acknowledged } = await consumeBatch(sent);
    const rest = await consumeBatch(sent);
    expect([...records, ...rest.records]).toHaveLength(2);
    expect(new Set([...acknowledged, ...rest.acknowledged])).toEqual(new Set(["same", "fresh"]));
  });

  test("to many subscribers is a few batches; a queue that refuses them is tried three times", async () => {
    const snapshot = await installGuests("many", [{ guest: "echo", topics: ORDERS }]);
    const one = snapshot.installs["echo"];
    if (!one) throw new Error("installed above");
    const installs = Object.fromEntries(
      Array.from({ length: 130 }, (_, n) => [`p${n}`, { ...one, pluginId: `p${n}` }]),
    );
    const queue = counted(env.MESSAGES);
    const message = { topic: "orders.created", data: 1, source: { kind: "subject", id: "me" }, traceId: "t" } as const;
    const clock = { now: () => NOW };
    const many = await new Publisher(queue.binding, clock, () => "id").publish({ ...snapshot, installs }, message);
    expect(many.subscribers).toBe(130);
    expect(queue.uses()).toEqual(["sendBatch", "sendBatch"]);
    const away = counted({
      sendBatch: () => Promise.reject(new Error("the queue is away")),
    } as unknown as Queue<BusMessage>); // refuses all
    await expect(new Publisher(away.binding, clock, () => "id").publish(snapshot, message)).rejects.toMatchObject({
      code: "BUS_UNAVAILABLE",
    });
    expect(away.uses()).toHaveLength(3);
  });

  test("touches no D1", async () => {
    await installGuests("light", [{ guest: "echo", topics: ORDERS }]);
    const deps = depsOf(createExecutionContext());
    const database = counted(env.DB);
    const snapshot = await deps.snapshots.read("light");
    if (!snapshot) throw new Error("installed above");
    await deps.bus.publish(snapshot, {
      topic: "orders.created",
      data: 1,
      source: { kind: "subject", id: "me" },
      traceId: "t",
    });
    expect(database.uses()).toEqual([]);
  });
});

test("an install brings its manifest's topics into the snapshot, and its list", async () => {
  const actor = await seedTenant();
  const events = {
    publishes: ["invoices.paid"],
    subscribes: [
      { topic: "orders.*", function: "run" },
      { topic: "invoices.*", function: "run" },
    ],
  };
  await seedVersion({ tenantId: actor.tenantId, manifest: { events } });
  await installPlugin(makeDeps(), actor, { pluginId: "acme.echo", activate: true });
  expect((await storedSnapshot(actor.tenantId))?.installs["acme.echo"]?.topics).toEqual({
    publishes: ["invoices.paid"],
    subscribes: [
      { filter: "orders.*", functionName: "run" },
      { filter: "invoices.*", functionName: "run" },
    ],
  });
  const subscriber = { pluginId: "acme.echo", functionName: "run" };
  expect(await topicsOf(actor.tenantId)).toEqual([
    { topic: "invoices.*", subscribers: [{ ...subscriber, filter: "invoices.*" }], publishers: [], counts: null },
    {
      topic: "invoices.paid",
      subscribers: [{ ...subscriber, filter: "invoices.*" }],
      publishers: ["acme.echo"],
      counts: null,
    },
    { topic: "orders.*", subscribers: [{ ...subscriber, filter: "orders.*" }], publishers: [], counts: null },
  ]);
});

describe("a dead letter", () => {
  /** A tenant whose plugin failed at one message for good. */
  async function buried(tenantId: string, guest = "echo") {
    await db
      .insert(tenants)
      .values({ id: tenantId, name: tenantId, plan: "pro", status: "active", snapshotRevision: 1, createdAt: NOW })
      .onConflictDoNothing();
    await installGuests(tenantId, [{ guest, topics: ORDERS }]);
    const message = delivery(tenantId, guest, { data: { secret: "told" } });
    await keepDeadLetter(makeDeps(), message, { code: "PLUGIN_TRAPPED", detail: "unreachable", attempts: 5 });
    const { body } = await api("get", "/api/plugins/dead-letters", { token: await operator(tenantId) });
    const [letter] = (body as { items: { id: string }[] }).items;
    if (!letter) throw new Error("kept above");
    return { message, letter, token: await operator(tenantId) };
  }

  test("is listed without what it says, and shown with it", async () => {
    const { message, letter, token } = await buried("letters");
    expect(letter).toEqual({
      id: letter.id,
      messageId: message.messageId,
      topic: "orders.created",
      installId: "letters-echo",
      pluginId: "echo",
      functionName: "run",
      errorCode: "PLUGIN_TRAPPED",
      errorDetail: "unreachable",
      attempts: 5,
      publishedAt: message.publishedAt,
      createdAt: expect.any(Number),
    });
    const one = await api("get", `/api/plugins/dead-letters/${letter.id}`, { token });
    expect(one.body).toEqual({ ...letter, data: { secret: "told" }, source: message.source, traceId: message.traceId });
    const none = await api("get", "/api/plugins/dead-letters?topic=other", { token });
    expect(none.body).toEqual({ items: [], nextCursor: null });
  });

  test("sent again reaches the subscriber through the real queue and is gone", async () => {
    const { letter, token } = await buried("redriven");
    const answer = await api("post", `/api/plugins/dead-letters/${letter.id}/redrive`, { token });
    expect(answer.status).toBe(202);
    await vi.waitFor(
      async () => expect(await topicsOf("redriven")).toMatchObject([{}, { counts: { published: 0, delivered: 1 } }]),
      { timeout: 15_000, interval: 200 },
    );
    expectProblem(
      await api("post", `/api/plugins/dead-letters/${letter.id}/redrive`, { token }),
      "DEAD_LETTER_NOT_FOUND",
    );
    const { body } = await api("get", "/api/plugins/events?order=oldest", { token });
    const types = (body as { items: { type: string }[] }).items.map(({ type }) => type);
    expect(types.slice(0, 2)).toEqual(["message.dead-lettered", "message.redriven"]);
  });

  test("is not deleted by a redrive that the queue refused", async () => {
    const { message, letter } = await buried("kept");
    const deps = depsOf(createExecutionContext());
    const away = new Publisher(
      { sendBatch: () => Promise.reject(new Error("away")) } as unknown as Queue<BusMessage>, // refuses all
      deps.clock,
      deps.newId,
    );
    const actor = { tenantId: "kept", subject: "olga", roles: ["operator"] } as const;
    await expect(redriveLetter({ ...deps, bus: away }, actor, letter.id)).rejects.toMatchObject({
      code: "BUS_UNAVAILABLE",
    });
    const rows = await db.select().from(deadLetters);
    expect(rows.map(({ messageId }) => messageId)).toContain(message.messageId);
  });

  test("deleted is gone, and the log says by whom", async () => {
    const { letter, token } = await buried("discarded");
    expect((await api("delete", `/api/plugins/dead-letters/${letter.id}`, { token })).status).toBe(204);
    expectProblem(await api("get", `/api/plugins/dead-letters/${letter.id}`, { token }), "DEAD_LETTER_NOT_FOUND");
    const { body } = await api("get", "/api/plugins/events?limit=1", { token });
    expect(body).toMatchObject({ items: [{ type: "message.discarded", subject: "user-1" }] });
  });
});

test("a queue that nobody consumes keeps its messages", async () => {
  const deps = depsOf(createExecutionContext());
  await expect(consume(deps, createMessageBatch("patchbay-unknown", []))).rejects.toThrow(
    "Nobody consumes the queue patchbay-unknown.",
  );
});
