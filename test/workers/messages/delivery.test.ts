import { createExecutionContext, createMessageBatch, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { and, eq } from "drizzle-orm";
import { afterEach, describe, expect, test, vi } from "vitest";
import { inboxOf } from "../../../durable-objects/message-inbox/client.ts";
import {
  DELIVERY_ATTEMPTS,
  DELIVERY_LEASE_MS,
  INBOX_RETENTION_MS,
} from "../../../durable-objects/message-inbox/rules.ts";
import { deliverMessages } from "../../../worker/control/deliveries/actions.ts";
import { deadLetters, pluginEvents, topicCounts } from "../../../worker/db/schema.ts";
import { IsolateBook } from "../../../worker/execution/isolate-book.ts";
import { Isolates } from "../../../worker/execution/isolate.ts";
import type { Delivery } from "../../../worker/execution/bus/rules.ts";
import { snapshotKey } from "../../../worker/execution/snapshot.ts";
import { db } from "../control/fixtures.ts";
import { installGuests } from "../execution/guest-installs.ts";
import { ageInbox, buryBatch, consumeBatch, delivery, depsOf, messagesOf } from "./consumer.ts";

afterEach(() => vi.restoreAllMocks());

let tenants = 0;
const tenant = (): string => `bus-${++tenants}`;

const lettersOf = (tenantId: string) => db.select().from(deadLetters).where(eq(deadLetters.tenantId, tenantId));
const eventsOf = (tenantId: string) => db.select().from(pluginEvents).where(eq(pluginEvents.tenantId, tenantId));

async function countsOf(tenantId: string, topic = "orders.created") {
  const rows = await db
    .select()
    .from(topicCounts)
    .where(and(eq(topicCounts.tenantId, tenantId), eq(topicCounts.topic, topic)));
  return rows[0];
}

describe("a message", () => {
  test("runs its subscriber with the envelope and is acknowledged", async () => {
    const tenantId = tenant();
    await installGuests(tenantId, [{ guest: "echo" }]);
    const message = delivery(tenantId, "echo");
    const { acknowledged, retried, records } = await consumeBatch([message]);
    expect([acknowledged, retried]).toEqual([[message.messageId], {}]);
    expect(records).toMatchObject([
      { status: "succeeded", functionName: "run", subject: "topic:orders.created", traceId: message.traceId },
    ]);
    expect(records[0]?.outputBytes).toBe(records[0]?.inputBytes);
    expect(await countsOf(tenantId)).toMatchObject({ published: 1, delivered: 1, failed: 0, deadLettered: 0 });
  });

  test("delivered again, alone or to several consumers at once, does not run again", async () => {
    const tenantId = tenant();
    await installGuests(tenantId, [{ guest: "echo" }]);
    const messages = Array.from({ length: 6 }, () => delivery(tenantId, "echo"));
    const rounds = await Promise.all([0, 1, 2].map(() => consumeBatch(messages)));
    const late = await consumeBatch(messages);
    const runs = [...rounds, late].flatMap(({ records }) => records);
    expect(runs).toHaveLength(6);
    expect(late.acknowledged.toSorted()).toEqual(messages.map(({ messageId }) => messageId).sort());
    // Whoever met a message that ran elsewhere left it to come back.
    for (const { acknowledged, retried } of rounds) expect(acknowledged.length + Object.keys(retried).length).toBe(6);
    expect(await countsOf(tenantId)).toMatchObject({ published: 6, delivered: 6 });
  });

  test("with one id for two functions is two deliveries", async () => {
    const tenantId = tenant();
    await installGuests(tenantId, [{ guest: "loop", limits: { fuel: 1_000_000 } }]);
    const one = delivery(tenantId, "loop", { functionName: "fine" });
    await consumeBatch([one]);
    const { retried } = await consumeBatch([{ ...one, functionName: "run" }]);
    expect(Object.keys(retried)).toEqual([one.messageId]);
  });
});

describe("a subscriber that fails", () => {
  test("is tried again after growing pauses, then the message becomes a dead letter with its last error", async () => {
    const tenantId = tenant();
    await installGuests(tenantId, [{ guest: "fail" }]);
    const message = delivery(tenantId, "fail");
    for (let attempt = 1; attempt < DELIVERY_ATTEMPTS; attempt++) {
      const { retried, acknowledged } = await consumeBatch([message]);
      expect(acknowledged).toEqual([]);
      const longest = 5 * 2 ** (attempt - 1);
      expect(retried[message.messageId]).toBeGreaterThanOrEqual(Math.floor(longest * 0.75));
      expect(retried[message.messageId]).toBeLessThanOrEqual(longest);
      expect(await lettersOf(tenantId)).toEqual([]);
    }
    const last = await consumeBatch([message]);
    expect([last.acknowledged, last.retried]).toEqual([[message.messageId], {}]);
    const [letter] = await lettersOf(tenantId);
    expect(letter).toMatchObject({
      messageId: message.messageId,
      delivery: message,
      errorCode: "PLUGIN_ERROR",
      attempts: DELIVERY_ATTEMPTS,
      topic: "orders.created",
    });
    expect(await eventsOf(tenantId)).toMatchObject([
      {
        type: "message.dead-lettered",
        pluginId: "fail",
        subject: "system",
        data: { deadLetterId: letter?.id, code: "PLUGIN_ERROR", attempts: DELIVERY_ATTEMPTS },
      },
    ]);
    expect(await countsOf(tenantId)).toMatchObject({ published: 1, delivered: 0, failed: 5, deadLettered: 1 });
  });

  test("and is repaired meanwhile gets its message", async () => {
    const tenantId = tenant();
    await installGuests(tenantId, [{ guest: "trap" }]);
    const message = delivery(tenantId, "trap");
    expect(Object.keys((await consumeBatch([message])).retried)).toEqual([message.messageId]);
    const repaired = await installGuests(tenantId, [{ guest: "echo", pluginId: "trap" }]);
    const install = { ...repaired.installs["trap"], installId: message.installId };
    await env.STORE.put(snapshotKey(tenantId), JSON.stringify({ ...repaired, installs: { trap: install } }));
    const { acknowledged, records } = await consumeBatch([message]);
    expect(acknowledged).toEqual([message.messageId]);
    expect(records).toMatchObject([{ status: "succeeded" }]);
    expect(await lettersOf(tenantId)).toEqual([]);
  });

  test("does not hold up the others of its batch", async () => {
    const tenantId = tenant();
    await installGuests(tenantId, [{ guest: "echo" }, { guest: "trap" }]);
    const messages = ["echo", "trap", "echo", "trap", "echo"].map((guest) => delivery(tenantId, guest));
    const { acknowledged, retried } = await consumeBatch(messages);
    expect(acknowledged).toHaveLength(3);
    expect(Object.keys(retried)).toHaveLength(2);
  });
});

describe("a message for nobody", () => {
  test.each<[string, Partial<Delivery>, string]>([
    ["a plugin that is not installed", { pluginId: "gone" }, "INSTALL_NOT_FOUND"],
    ["an install that was replaced", { installId: "older" }, "INSTALL_NOT_FOUND"],
    ["a function that is not exported", { functionName: "gone" }, "FUNCTION_NOT_FOUND"],
  ])("for %s becomes a dead letter at once", async (_name, change, code) => {
    const tenantId = tenant();
    await installGuests(tenantId, [{ guest: "echo" }]);
    const message = delivery(tenantId, "echo", change);
    expect((await consumeBatch([message])).acknowledged).toEqual([message.messageId]);
    expect(await lettersOf(tenantId)).toMatchObject([{ errorCode: code, attempts: 1 }]);
  });

  test("for an inactive plugin waits for it", async () => {
    const tenantId = tenant();
    const snapshot = await installGuests(tenantId, [{ guest: "echo" }]);
    const inactive = { ...snapshot.installs["echo"], state: "inactive" };
    await env.STORE.put(snapshotKey(tenantId), JSON.stringify({ ...snapshot, installs: { echo: inactive } }));
    const message = delivery(tenantId, "echo");
    expect(Object.keys((await consumeBatch([message])).retried)).toEqual([message.messageId]);
    await env.STORE.put(snapshotKey(tenantId), JSON.stringify(snapshot));
    expect((await consumeBatch([message])).acknowledged).toEqual([message.messageId]);
  });

  test("that had no subscriber is counted", async () => {
    const tenantId = tenant();
    const note = { kind: "unrouted", tenantId, topic: "orders.created", publishedAt: 7 } as const;
    expect((await consumeBatch([note])).acknowledged).toEqual(["unrouted-0"]);
    expect(await countsOf(tenantId)).toMatchObject({ published: 1, delivered: 0, lastPublishedAt: 7 });
  });
});

describe("a consumer that is killed in the middle of a batch", () => {
  /** Runs calls until a number of them, then hangs for ever, as an isolate that went away. */
  class DyingIsolates extends Isolates {
    left = 4;

    override call(...values: Parameters<Isolates["call"]>): ReturnType<Isolates["call"]> {
      return this.left-- > 0 ? super.call(...values) : new Promise(() => undefined);
    }
  }

  test("loses nothing, and what it had done is not done again", async () => {
    const tenantId = tenant();
    await installGuests(tenantId, [{ guest: "echo" }]);
    const messages = Array.from({ length: 10 }, () => delivery(tenantId, "echo"));

    const context = createExecutionContext();
    const doomed = depsOf(context);
    const isolates = new DyingIsolates({
      loader: env.LOADER,
      bucket: env.STORE,
      health: env.PLUGIN_HEALTH,
      book: new IsolateBook(),
      clock: doomed.clock,
      pause: doomed.pause,
    });
    const batch = createMessageBatch("patchbay-messages", messagesOf(messages));
    void deliverMessages({ ...doomed, isolates }, batch.messages);
    await vi.waitFor(() => expect(isolates.left).toBe(-2));
    expect(doomed.outcomes.records).toHaveLength(4);

    // The queue gives all ten to another consumer. Two are still held by the one that died, until their leases end.
    const second = await consumeBatch(messages);
    expect(second.records).toHaveLength(4);
    expect(second.acknowledged).toHaveLength(8);
    expect(Object.keys(second.retried)).toHaveLength(2);

    await ageInbox(tenantId, `${tenantId}-echo`, DELIVERY_LEASE_MS);
    const held = messages.filter(({ messageId }) => messageId in second.retried);
    const third = await consumeBatch(held);
    expect(third.records).toHaveLength(2);
    expect(third.acknowledged).toHaveLength(2);
    expect((await consumeBatch(messages)).records).toEqual([]);
  });

  test("by the message itself, every time, ends in a dead letter", async () => {
    const tenantId = tenant();
    await installGuests(tenantId, [{ guest: "echo" }]);
    const message = delivery(tenantId, "echo");
    const inbox = inboxOf(env.MESSAGE_INBOX, tenantId, message.installId);
    for (let attempt = 1; attempt <= DELIVERY_ATTEMPTS; attempt++) {
      expect(await inbox.claim(`run ${message.messageId}`, `token-${attempt}`)).toEqual({ decision: "run", attempt });
      await ageInbox(tenantId, message.installId, DELIVERY_LEASE_MS);
    }
    const { acknowledged, records } = await consumeBatch([message]);
    expect([acknowledged, records]).toEqual([[message.messageId], []]);
    expect(await lettersOf(tenantId)).toMatchObject([
      { errorCode: "MESSAGE_UNDELIVERABLE", errorDetail: "Each of 5 attempts was cut off." },
    ]);
  });
});

describe("where the platform fails", () => {
  test("the message comes back, and the attempt does not count against the subscriber", async () => {
    vi.spyOn(console, "error").mockReturnValue();
    const tenantId = tenant();
    await installGuests(tenantId, [{ guest: "echo" }]);
    await env.STORE.put(snapshotKey(tenantId), JSON.stringify({ format: 0 }));
    const message = delivery(tenantId, "echo");
    for (let round = 0; round < DELIVERY_ATTEMPTS + 1; round++) {
      expect((await consumeBatch([message])).retried).toEqual({ [message.messageId]: 10 });
    }
    await installGuests(tenantId, [{ guest: "echo" }]);
    expect((await consumeBatch([message])).records).toMatchObject([{ status: "succeeded" }]);
  });

  test("and D1 takes no dead letter, the message comes back until it does", async () => {
    vi.spyOn(console, "error").mockReturnValue();
    const tenantId = tenant();
    await installGuests(tenantId, []);
    const message = delivery(tenantId, "gone");
    const away = new Proxy(db, {
      get: (target, name) =>
        name === "batch" ? () => Promise.reject(new Error("D1 is away")) : Reflect.get(target, name),
    });
    expect((await consumeBatch([message], { db: away })).retried).toEqual({ [message.messageId]: 10 });
    expect((await buryBatch([message], { db: away })).retried).toEqual({ [message.messageId]: 10 });
    expect(await lettersOf(tenantId)).toEqual([]);
    await ageInbox(tenantId, message.installId, DELIVERY_LEASE_MS);
    expect((await consumeBatch([message])).acknowledged).toEqual([message.messageId]);
    expect(await lettersOf(tenantId)).toHaveLength(1);
  });

  test("to note that a message ran, it comes back, and runs again only once its lease is over", async () => {
    vi.spyOn(console, "error").mockReturnValue();
    const tenantId = tenant();
    await installGuests(tenantId, [{ guest: "echo" }]);
    const message = delivery(tenantId, "echo");
    const inbox = inboxOf(env.MESSAGE_INBOX, tenantId, message.installId);
    const mute = {
      claim: (id: string, token: string) => inbox.claim(id, token),
      complete: () => Promise.reject(new Error("the inbox is away")),
    };
    const namespace = { idFromName: () => "id", get: () => mute } as unknown as Env["MESSAGE_INBOX"]; // what is used of it
    const first = await consumeBatch([message], { env: { ...env, MESSAGE_INBOX: namespace } });
    expect([first.records.length, first.acknowledged, first.retried]).toEqual([1, [], { [message.messageId]: 10 }]);
    const second = await consumeBatch([message]);
    expect(second.records).toEqual([]);
    expect(second.retried[message.messageId]).toBeGreaterThan(50);
    await ageInbox(tenantId, message.installId, DELIVERY_LEASE_MS);
    expect((await consumeBatch([message])).acknowledged).toEqual([message.messageId]);
  });

  test("too often for the queue, the message is kept as a dead letter, once", async () => {
    const tenantId = tenant();
    const message = delivery(tenantId, "echo");
    expect((await buryBatch([message, message])).acknowledged).toEqual([message.messageId, message.messageId]);
    expect(await lettersOf(tenantId)).toMatchObject([
      { errorCode: "MESSAGE_UNDELIVERABLE", messageId: message.messageId },
    ]);
  });
});

describe("the inbox of an install", () => {
  test("takes word only from who holds the claim", async () => {
    const inbox = inboxOf(env.MESSAGE_INBOX, "acme", "held");
    await inbox.claim("run m", "first");
    await inbox.complete("run m", "second");
    await inbox.release("run m", "second", false);
    expect(await inbox.claim("run m", "third")).toMatchObject({ decision: "busy" });
    await inbox.complete("run m", "first");
    await inbox.forget("run m");
    expect(await inbox.claim("run m", "third")).toEqual({ decision: "done" });
  });

  test("forgets after a day, row by row, and then everything", async () => {
    const inbox = inboxOf(env.MESSAGE_INBOX, "acme", "forgetful");
    await inbox.claim("run old", "a");
    await inbox.complete("run old", "a");
    await ageInbox("acme", "forgetful", INBOX_RETENTION_MS);
    await inbox.claim("run young", "b");
    const rows = (): Promise<unknown[]> =>
      runInDurableObject(inbox, (_object, state) =>
        state.storage.sql
          .exec("SELECT id FROM deliveries")
          .toArray()
          .map(({ id }) => id),
      );
    expect(await runDurableObjectAlarm(inbox)).toBe(true);
    expect(await rows()).toEqual(["run young"]);
    await ageInbox("acme", "forgetful", INBOX_RETENTION_MS);
    expect(await runDurableObjectAlarm(inbox)).toBe(true);
    expect(await runDurableObjectAlarm(inbox)).toBe(false);
    expect(await inbox.claim("run young", "c")).toEqual({ decision: "run", attempt: 1 });
  });
});
