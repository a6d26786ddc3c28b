import { readFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, test } from "vitest";
import {
  ConnectionError,
  createClient,
  isPatchbayError,
  paginate,
  readLines,
  watchEvents,
  type ClientOptions,
} from "../../../sdk/client/index.ts";
import { ROOT } from "../../support/node/source-files.ts";

interface Description {
  readonly paths: Record<string, Record<string, { operationId: string; responses: object; parameters?: Parameter[] }>>;
}
interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
}

const URL_OF_API = "https://api.example.com";
const description = JSON.parse(await readFile(path.join(ROOT, "docs/openapi.json"), "utf8")) as Description;
const operations = Object.entries(description.paths).flatMap(([route, methods]) =>
  Object.entries(methods)
    .filter(([, { responses }]) => !route.endsWith("*") && !("101" in responses))
    .map(([method, operation]) => ({ ...operation, route, method })),
);

/** A server that gives its answers in turn, and what it was asked. */
function server(...answers: (Response | Error)[]): { asked: Request[]; fetch: typeof fetch } {
  const asked: Request[] = [];
  return {
    asked,
    fetch: async (target, init) => {
      asked.push(new Request(target, init));
      const answer = answers.shift();
      if (answer === undefined) throw new Error("asked more often than was expected");
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
}

function clientOf(answers: (Response | Error)[], options: Partial<ClientOptions> = {}) {
  const { asked, fetch } = server(...answers);
  const waits: number[] = [];
  const wait = async (milliseconds: number): Promise<void> => void waits.push(milliseconds);
  const client = createClient({
    url: URL_OF_API,
    token: "secret",
    fetch,
    wait,
    random: () => 0,
    now: () => 0,
    ...options,
  });
  return { client, asked, waits };
}

function problem(status: number, code: string, headers: Record<string, string> = {}): Response {
  const body = { code, status, detail: "because", title: code, traceId: "t", retryable: status > 499 };
  return Response.json(body, { status, headers: { "content-type": "application/problem+json", ...headers } });
}

describe("operations", () => {
  test.each(operations)(
    "$operationId goes where the description says",
    async ({ operationId, route, method, parameters = [] }) => {
      const { client, asked } = clientOf([Response.json({})]);
      const given = Object.fromEntries(
        parameters.filter(({ in: place }) => place === "path").map(({ name }) => [name, "x"]),
      );
      // Every operation in the same way, whatever its own type.
      await (client as unknown as Record<string, (given: object) => Promise<unknown>>)[operationId]?.(given);
      const request = asked[0];
      expect([request?.method.toLowerCase(), new URL(request?.url ?? "").pathname]).toEqual([
        method,
        route.replaceAll(/\{[^}]*\}/g, "x"),
      ]);
      expect(request?.headers.get("authorization")).toBe("Bearer secret");
    },
  );

  test("say nothing that the description does not have", () => {
    const { client } = clientOf([]);
    const own = new Set(["url", "fetch"]);
    const names = Object.keys(client).filter((name) => !own.has(name));
    expect(names.toSorted()).toEqual(operations.map(({ operationId }) => operationId).toSorted());
  });

  test("send arguments and take options", async () => {
    const { client, asked } = clientOf([Response.json({ items: [], nextCursor: null }), Response.json({})]);
    const signal = new AbortController().signal;
    await client.listPlugins({ q: "a b" }, { headers: { "x-trace-id": "t" }, signal });
    await client.putConfig({ id: "shop", ifMatch: '"3"', body: { greeting: "Hi" } });
    expect(asked[0]?.url).toBe(`${URL_OF_API}/api/plugins?q=a%20b`);
    expect(asked[0]?.headers.get("x-trace-id")).toBe("t");
    expect([asked[1]?.headers.get("if-match"), await asked[1]?.json()]).toEqual(['"3"', { greeting: "Hi" }]);
  });

  test("a token may be made for each request", async () => {
    let made = 0;
    const { client, asked } = clientOf([Response.json({}), Response.json({})], { token: async () => `t${++made}` });
    await client.getSystemHealth();
    await client.getSystemHealth();
    expect(asked.map(({ headers }) => headers.get("authorization"))).toEqual(["Bearer t1", "Bearer t2"]);
  });
});

describe("errors", () => {
  test("have the code and all that the platform said", async () => {
    const { client } = clientOf([problem(404, "INSTALL_NOT_FOUND")]);
    const error: unknown = await client.getPlugin({ id: "none" }).catch((reason: unknown) => reason);
    expect(isPatchbayError(error, "INSTALL_NOT_FOUND")).toBe(true);
    expect(isPatchbayError(error, "FUEL_EXHAUSTED")).toBe(false);
    expect(error).toMatchObject({ status: 404, code: "INSTALL_NOT_FOUND", message: "INSTALL_NOT_FOUND: because" });
  });

  test("of something in between have no code", async () => {
    const { client } = clientOf([new Response("<h1>No</h1>", { status: 403 })]);
    await expect(client.getPlugin({ id: "none" })).rejects.toMatchObject({ status: 403, code: undefined });
  });

  test("of the connection say why", async () => {
    const { client, asked } = clientOf([new TypeError("refused"), new TypeError("refused")], {
      retry: { attempts: 2 },
    });
    await expect(client.listPlugins()).rejects.toThrow(ConnectionError);
    expect(asked.length).toBe(2);
  });

  test("the caller's own end is the caller's", async () => {
    const reason = new Error("enough");
    const { client, asked } = clientOf([reason]);
    await expect(client.listPlugins({}, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(asked.length).toBe(1);
  });

  test("a request of one's own is refused as operations are", async () => {
    const { client } = clientOf([problem(403, "PERMISSION_DENIED"), new Response("bytes")]);
    await expect(client.fetch("/api/plugins/run/acme/shop/notes")).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    expect(await (await client.fetch("/api/plugins/run/acme/shop/notes")).text()).toBe("bytes");
  });
});

describe("second attempts", () => {
  test("an execution carries one key, however often it is sent", async () => {
    const { client, asked, waits } = clientOf([problem(503, "ISOLATE_BUSY"), Response.json({ status: "succeeded" })]);
    await client.executePlugin({ id: "shop", body: { input: 1 } });
    const keys = asked.map(({ headers }) => headers.get("idempotency-key"));
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect([keys[1], waits]).toEqual([keys[0], [100]]);
  });

  test("an execution without a key is sent once, and with a key of one's own again", async () => {
    const busy = [problem(503, "ISOLATE_BUSY")];
    const without = clientOf(busy, { keyExecutions: false });
    await expect(without.client.executePlugin({ id: "shop", body: {} })).rejects.toMatchObject({ status: 503 });
    const own = clientOf([problem(503, "ISOLATE_BUSY"), Response.json({})], { keyExecutions: false });
    await own.client.executePlugin({ id: "shop", idempotencyKey: "mine", body: {} });
    expect(own.asked.map(({ headers }) => headers.get("idempotency-key"))).toEqual(["mine", "mine"]);
  });

  test("wait as long as the server asks", async () => {
    const { client, waits } = clientOf([problem(429, "QUOTA_EXCEEDED", { "retry-after": "7" }), Response.json({})]);
    await client.createKey({ body: { name: "ci", roles: ["viewer"] } });
    expect(waits).toEqual([7_000]);
  });
});

describe("lists", () => {
  test("are read page by page", async () => {
    const page = (items: string[], nextCursor: string | null) => Response.json({ items, nextCursor });
    const { client, asked } = clientOf([page(["a", "b"], "next"), page(["c"], null)]);
    const found: unknown[] = [];
    for await (const item of paginate(client.listPlugins, { q: "x" })) found.push(item);
    expect(found).toEqual(["a", "b", "c"]);
    expect(asked.map(({ url }) => new URL(url).search)).toEqual(["?limit=100&q=x", "?limit=100&cursor=next&q=x"]);
  });

  test("of lines are read as they come, whatever the pieces", async () => {
    const bytes = new TextEncoder().encode('{"a":"é"}\n{"b":2}\n3');
    const pieces = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
        controller.close();
      },
    });
    const found: unknown[] = [];
    for await (const value of readLines(new Response(pieces))) found.push(value);
    expect(found).toEqual([{ a: "é" }, { b: 2 }, 3]);
  });
});

/** A socket whose other end is the test. */
class Socket extends EventTarget {
  static readonly opened: Socket[] = [];
  readonly OPEN = 1;
  readonly CLOSED = 3;
  readyState = 1;
  readonly sent: string[] = [];
  readonly url: URL;
  constructor(url: URL) {
    super();
    this.url = url;
    Socket.opened.push(this);
  }
  send(text: string): void {
    this.sent.push(text);
  }
  close(): void {
    this.readyState = 3;
    this.dispatchEvent(new Event("close"));
  }
  say(...frames: object[]): void {
    for (const frame of frames) this.dispatchEvent(new MessageEvent("message", { data: JSON.stringify(frame) }));
  }
}

function event(sequence: number) {
  return { kind: "event", event: { sequence } };
}

describe("events", () => {
  test("come in order, over connections that end and what was not sent", async () => {
    Socket.opened.length = 0;
    const ticket = () => Response.json({ ticket: "once" }, { status: 201 });
    const history = Response.json({ items: [4, 5, 6].map((sequence) => ({ sequence })), nextCursor: null });
    const { client, asked } = clientOf([ticket(), ticket(), history]);
    const waits: number[] = [];
    const stream = watchEvents(client, {
      plugin: "shop",
      WebSocket: Socket as unknown as typeof WebSocket, // as much of one as is used
      wait: async (milliseconds) => void waits.push(milliseconds),
    });
    const first = stream.next();
    await expect.poll(() => Socket.opened.length).toBe(1);
    Socket.opened[0]?.say({ kind: "ready", sequence: 1 }, event(2), event(3));
    expect([(await first).value?.sequence, (await stream.next()).value?.sequence]).toEqual([2, 3]);
    const third = stream.next();
    Socket.opened[0]?.close();
    await expect.poll(() => Socket.opened.length).toBe(2);
    Socket.opened[1]?.say({ kind: "resync", after: 3, before: 6 }, event(6));
    const found = [await third, await stream.next(), await stream.next()].map(({ value }) => value?.sequence);
    expect(found).toEqual([4, 5, 6]);
    expect(Socket.opened.map(({ url }) => url.search)).toEqual([
      "?ticket=once&plugin=shop",
      "?ticket=once&after=3&plugin=shop",
    ]);
    expect(new URL(asked[2]?.url ?? "").search).toBe("?limit=100&plugin=shop&after=3&order=oldest");
    expect(waits).toEqual([500]);
    await stream.return();
    expect(Socket.opened[1]?.readyState).toBe(3);
  });

  test("are given up after as many failures as were allowed", async () => {
    const { client } = clientOf([0, 1].map(() => Response.json({ ticket: "once" }, { status: 201 })));
    const dead = class extends Socket {
      constructor(url: URL) {
        super(url);
        queueMicrotask(() => this.close());
      }
    };
    const stream = watchEvents(client, {
      attempts: 2,
      WebSocket: dead as unknown as typeof WebSocket, // as much of one as is used
      wait: async () => undefined,
    });
    await expect(stream.next()).rejects.toThrow("ended 2 times in a row");
  });
});
