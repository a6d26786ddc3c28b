import {
  createExecutionContext,
  createScheduledController,
  evictDurableObject,
  runInDurableObject,
  waitOnExecutionContext,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { sql } from "drizzle-orm";
import { afterEach, describe, expect, test, vi } from "vitest";
import { streamOf } from "../../../durable-objects/event-stream/client.ts";
import {
  RING_EVENTS,
  SOCKET_AGE_MS,
  STREAM_SOCKETS,
  TICKETS,
  UNACKNOWLEDGED_EVENTS,
  type Listener,
} from "../../../durable-objects/event-stream/rules.ts";
import { compileSnapshot } from "../../../worker/control/compile.ts";
import { followEvents } from "../../../worker/control/events/actions/follow.ts";
import { issueTicket } from "../../../worker/control/events/actions/stream.ts";
import { newEvent } from "../../../worker/control/events/rules.ts";
import { recordEventsWhere } from "../../../worker/control/events/store.ts";
import { commit } from "../../../worker/db/client.ts";
import { tenants } from "../../../worker/db/schema.ts";
import worker from "../../../worker/index.ts";
import { api, expectProblem } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { db, makeDeps, NOW, seedInstall } from "../control/fixtures.ts";
import { ask, listen, refused } from "./listener.ts";

afterEach(() => vi.restoreAllMocks());

const { newId } = makeDeps();
const followers = { env, db, newId, clock: { now: () => Date.now() } };
let number = 0;

interface Tenant {
  readonly id: string;
  readonly token: string;
}

async function openTenant(): Promise<Tenant> {
  const id = `stream-${++number}`;
  await db.insert(tenants).values({ id, name: id, plan: "pro", status: "active", snapshotRevision: 1, createdAt: NOW });
  await compileSnapshot(makeDeps(), id);
  return { id, token: await mintToken({ tenant: id, roles: ["viewer"] }) };
}

/** Records events without telling anybody. */
async function record(tenantId: string, count: number, pluginId = "acme.echo", at = Date.now()): Promise<void> {
  for (let start = 0; start < count; start += 500) {
    const events = Array.from({ length: Math.min(500, count - start) }, (_, index) =>
      newEvent({
        id: newId(),
        tenantId,
        pluginId,
        type: (start + index) % 2 === 0 ? "plugin.activated" : "plugin.deactivated",
        data: { installId: "install", version: "1.0.0" },
        subject: "olga",
        createdAt: at,
      }),
    );
    await commit(db, recordEventsWhere(db, events, sql`true`));
  }
}

const follow = (tenantId: string): Promise<void> => followEvents(followers, tenantId);
const stub = (tenantId: string) => streamOf(env.EVENT_STREAM, tenantId);
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe("a listener", () => {
  test("hears of what an operation of the API changed", async () => {
    const actor = await seedInstall();
    const token = await mintToken({ tenant: actor.tenantId, roles: ["operator"] });
    const listener = await listen("", token);
    await vi.waitFor(() => expect(listener.frames).toEqual([{ kind: "ready", sequence: 2 }]));
    await api("post", "/api/plugins/acme.echo/deactivate", { token });
    await listener.reach(3);
    const { body } = await api("get", "/api/plugins/events?limit=1", { token });
    expect(listener.frames[1]).toEqual({ kind: "event", event: (body as { items: unknown[] }).items[0] });
  });

  test("gets what it missed first, then what comes, each once and in order, whoever writes meanwhile", async () => {
    const { id, token } = await openTenant();
    await record(id, 30);
    const writers = Array.from({ length: 12 }, async () => {
      await record(id, 5);
      await follow(id);
    });
    const listeners = await Promise.all([0, 10, 29, 30].map((after) => listen(`?after=${after}`, token)));
    await Promise.all(writers);
    await follow(id);
    for (const [index, after] of [0, 10, 29, 30].entries()) {
      await listeners[index]?.reach(90);
      expect(listeners[index]?.sequences).toEqual(range(after + 1, 90));
    }
  });

  test("resumes after its socket broke", async () => {
    const { id, token } = await openTenant();
    const first = await listen("?after=0", token);
    await record(id, 3);
    await follow(id);
    await first.reach(3);
    first.close();
    await record(id, 4);
    await follow(id);
    const second = await listen(`?after=${first.sequences.at(-1)}`, token);
    await second.reach(7);
    expect([...first.sequences, ...second.sequences]).toEqual(range(1, 7));
  });

  test("hears only what it asked for", async () => {
    const { id, token } = await openTenant();
    await record(id, 4);
    await record(id, 4, "acme.other");
    const byType = await listen("?after=0&type=plugin.deactivated", token);
    const byPlugin = await listen("?after=0&plugin=acme.other", token);
    const nothing = await listen("?after=0&plugin=acme.none", token);
    await record(id, 2, "acme.other");
    await follow(id);
    await byType.reach(10);
    await byPlugin.reach(10);
    expect([byType.sequences, byPlugin.sequences, nothing.sequences]).toEqual([
      [2, 4, 6, 8, 10],
      [5, 6, 7, 8, 9, 10],
      [],
    ]);
  });

  test("never hears another tenant", async () => {
    const [one, two] = [await openTenant(), await openTenant()];
    const [first, second] = [await listen("?after=0", one.token), await listen("?after=0", two.token)];
    await record(one.id, 3, "acme.one");
    await record(two.id, 2, "acme.two");
    await Promise.all([follow(one.id), follow(two.id)]);
    await first.reach(3);
    await second.reach(2);
    expect(new Set(first.frames.map(({ event }) => event?.pluginId))).toEqual(new Set([undefined, "acme.one"]));
    expect(new Set(second.frames.map(({ event }) => event?.pluginId))).toEqual(new Set([undefined, "acme.two"]));
  });

  test("is told to read the history where more is missing than is kept", async () => {
    const { id, token } = await openTenant();
    await record(id, RING_EVENTS + 100);
    const listener = await listen("?after=40", token);
    await listener.reach(RING_EVENTS + 100);
    expect(listener.frames.slice(0, 2)).toEqual([
      { kind: "ready", sequence: 1_100 },
      { kind: "resync", after: 40, before: 101 },
    ]);
    expect(listener.sequences).toEqual(range(101, 1_100));
  });
});

describe("what is lost on the way", () => {
  test("a push is made up for by the next one", async () => {
    const { id, token } = await openTenant();
    const listener = await listen("?after=0", token);
    await record(id, 3);
    await record(id, 1);
    await follow(id);
    await listener.reach(4);
    expect(listener.sequences).toEqual([1, 2, 3, 4]);
  });

  test("a push out of order is not taken", async () => {
    const { id, token } = await openTenant();
    const listener = await listen("?after=0", token);
    const event = { sequence: 9, type: "plugin.failed", pluginId: null, json: '{"sequence":9}' };
    expect(await stub(id).append(8, [event])).toBe(0);
    await record(id, 1);
    await follow(id);
    await listener.reach(1);
    expect(listener.sequences).toEqual([1]);
  });

  test("the object sleeps and its sockets stay", async () => {
    const { id, token } = await openTenant();
    const listener = await listen("?after=0&type=plugin.activated", token);
    await record(id, 2);
    await follow(id);
    await listener.reach(1);
    await evictDurableObject(stub(id));
    await record(id, 3);
    await follow(id);
    await listener.reach(5);
    expect(listener.sequences).toEqual([1, 3, 5]);
    expect(listener.closed).toBeUndefined();
  });

  test("the object's memory of events comes back from the log, and nobody hears anything twice", async () => {
    const { id, token } = await openTenant();
    const listener = await listen("?after=0", token);
    await record(id, 3);
    await follow(id);
    await listener.reach(3);
    await runInDurableObject(stub(id), (_object, state) => void state.storage.sql.exec("DELETE FROM events"));
    await record(id, 2);
    await follow(id);
    await listener.reach(5);
    expect(listener.sequences).toEqual([1, 2, 3, 4, 5]);
  });

  test("what nobody told of is found by the cron job", async () => {
    const { id, token } = await openTenant();
    const listener = await listen("?after=0", token);
    await record(id, 2);
    const context = createExecutionContext();
    await worker.scheduled(createScheduledController({ cron: "* * * * *" }), env, context);
    await waitOnExecutionContext(context);
    await listener.reach(2);
    expect(listener.sequences).toEqual([1, 2]);
  });

  test("a stream that does not answer holds up no operation", async () => {
    const log = vi.spyOn(console, "error").mockReturnValue();
    const away = new Proxy(env.EVENT_STREAM, {
      get: () => () => {
        throw new Error("away");
      },
    });
    await followEvents({ ...followers, env: { ...env, EVENT_STREAM: away } }, "acme");
    expect(JSON.parse(String(log.mock.calls[0]?.[0]))).toMatchObject({
      event: "events.not-streamed",
      tenantId: "acme",
    });
  });
});

describe("a listener that goes too far", () => {
  test("is dropped where it does not acknowledge, and not where it does", async () => {
    const { id, token } = await openTenant();
    const [silent, good] = [await listen("?after=0", token), await listen("?after=0", token)];
    const half = UNACKNOWLEDGED_EVENTS / 2;
    await record(id, half);
    await follow(id);
    await good.reach(half);
    good.send(`ack ${half}`);
    await record(id, half);
    await follow(id);
    await good.reach(2 * half);
    expect(silent.closed).toBeUndefined();
    await record(id, 1);
    await follow(id);
    await good.reach(2 * half + 1);
    await vi.waitFor(() => expect(silent.closed?.code).toBe(4408));
    expect(good.closed).toBeUndefined();
    expect(good.sequences).toEqual(range(1, 2 * half + 1));
  });

  test.each(["hello", "ack", "ack x", '{"ack":1}'])("is dropped for saying %s", async (text) => {
    const { token } = await openTenant();
    const listener = await listen("", token);
    listener.send(text);
    await vi.waitFor(() =>
      expect(listener.closed).toEqual({ code: 4400, reason: "only `ping` and `ack <sequence>` are understood" }),
    );
  });

  test("must come again after an hour", async () => {
    const { id, token } = await openTenant();
    const listener = await listen("", token);
    await runInDurableObject(stub(id), (_object, state) => {
      for (const socket of state.getWebSockets()) {
        const kept = socket.deserializeAttachment() as Listener; // written by the object
        socket.serializeAttachment({ ...kept, openedAt: kept.openedAt - SOCKET_AGE_MS });
      }
    });
    await record(id, 1);
    await follow(id);
    await vi.waitFor(() => expect(listener.closed?.code).toBe(4401));
    expect(listener.sequences).toEqual([]);
  });

  test("is one too many", async () => {
    const { token } = await openTenant();
    const listeners = await Promise.all(Array.from({ length: STREAM_SOCKETS }, () => listen("", token)));
    expectProblem(await refused("", token), "STREAM_FULL");
    listeners[0]?.close();
    await vi.waitFor(async () => expect((await ask("", token)).status).toBe(101));
  });

  test("and one that pings is answered", async () => {
    const { token } = await openTenant();
    const listener = await listen("", token);
    listener.send("ping");
    await vi.waitFor(() => expect(listener.texts).toEqual(["pong"]));
  });
});

describe("who may listen", () => {
  const ticketOf = async (token: string): Promise<string> => {
    const answer = await api("post", "/api/plugins/events/stream/tickets", { token });
    expect(answer.status).toBe(201);
    return (answer.body as { ticket: string }).ticket;
  };

  test("a ticket opens the stream of its tenant, once", async () => {
    const { id, token } = await openTenant();
    await record(id, 1);
    const ticket = await ticketOf(token);
    const listener = await listen(`?after=0&ticket=${ticket}`);
    await listener.reach(1);
    expectProblem(await refused(`?ticket=${ticket}`), "TOKEN_INVALID");
  });

  test("of two who bring one ticket at once, one gets in", async () => {
    const ticket = await ticketOf((await openTenant()).token);
    const answers = await Promise.all([1, 2, 3].map(() => ask(`?ticket=${ticket}`)));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([101, 401, 401]);
  });

  test("a ticket past its time does not", async () => {
    const { id, token } = await openTenant();
    const ticket = await ticketOf(token);
    await runInDurableObject(
      stub(id),
      (_object, state) => void state.storage.sql.exec("UPDATE tickets SET expires_at = 0"),
    );
    expectProblem(await refused(`?ticket=${ticket}`), "TOKEN_INVALID");
  });

  test.each([
    ["another tenant's name", (ticket: string, other: string) => ticket.replace(/^pbs_[^_]+/, `pbs_${other}`)],
    ["another secret", (ticket: string) => ticket.replace(/.{64}$/, "0".repeat(64))],
    ["a tenant that does not exist", (ticket: string) => ticket.replace(/^pbs_[^_]+/, "pbs_nobody")],
    ["nothing of a ticket", () => "x"],
  ])("a ticket with %s does not", async (_name, forge) => {
    const other = await openTenant();
    const ticket = await ticketOf((await openTenant()).token);
    expectProblem(await refused(`?ticket=${forge(ticket, other.id)}`), "TOKEN_INVALID");
  });

  test("a ticket has the roles of who asked for it, and asking needs them too", async () => {
    const { id } = await openTenant();
    const caller = await mintToken({ tenant: id, roles: ["caller"] });
    expectProblem(await api("post", "/api/plugins/events/stream/tickets", { token: caller }), "PERMISSION_DENIED");
    expectProblem(await refused("", caller), "PERMISSION_DENIED");
    const deps = {
      env,
      clock: { now: () => Date.now() },
      randomBytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)),
    };
    const { ticket } = await issueTicket(deps, { tenantId: id, subject: "carl", roles: ["caller"] });
    expectProblem(await refused(`?ticket=${ticket}`), "PERMISSION_DENIED");
  });

  test("tickets that nobody uses do not pile up", async () => {
    const { id, token } = await openTenant();
    await ticketOf(token);
    await runInDurableObject(stub(id), (_object, state) => {
      for (let n = 1; n < TICKETS; n++) {
        state.storage.sql.exec("INSERT INTO tickets VALUES (?, 's', '[]', ?)", `hash-${n}`, Date.now() + 60_000);
      }
    });
    expectProblem(await api("post", "/api/plugins/events/stream/tickets", { token }), "STREAM_FULL");
    await runInDurableObject(
      stub(id),
      (_object, state) => void state.storage.sql.exec("UPDATE tickets SET expires_at = 0"),
    );
    await ticketOf(token);
  });

  test("only a WebSocket is answered", async () => {
    const { token } = await openTenant();
    const answer = await refused("", token, "");
    expectProblem(answer, "UPGRADE_REQUIRED");
    expect(answer.headers.get("upgrade")).toBe("websocket");
  });
});
