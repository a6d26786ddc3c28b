import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { CHUNK_BYTES } from "../../../durable-objects/idempotency/rules.ts";
import { expectProblem, problemIn } from "../../support/workers/api.ts";
import { counted } from "../../support/workers/probe.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { installGuests } from "../execution/guest-installs.ts";
import { settledApi } from "../recording/recorded-calls.ts";
import { execute, executionOf, isReplay, newKey, stubOf, type Execute } from "./keyed-calls.ts";

let token: string;

beforeAll(async () => {
  const guests = [{ guest: "echo" }, { guest: "fail" }, { guest: "sleep" }, { guest: "wasi" }];
  await installGuests("acme", guests);
  await installGuests("globex", guests);
  token = await mintToken({ tenant: "acme", roles: ["caller"] });
});

describe("a call with an idempotency key", () => {
  test("runs once: later ones get the same answer, over both paths and mounts", async () => {
    const key = newKey();
    const first = await execute({ token, key });
    expect(first.status).toBe(200);
    expect(isReplay(first)).toBe(false);
    for (const path of ["/api/plugins/wasi/execute", "/api/plugins/execute/wasi", "/api/v1/plugins/wasi/execute"]) {
      const again = await execute({ token, key, path });
      expect([again.status, again.body, executionOf(again)]).toEqual([200, first.body, executionOf(first)]);
      expect(again.headers.get("content-type")).toBe(first.headers.get("content-type"));
      expect(again.headers.get("x-fuel-used")).toBe(first.headers.get("x-fuel-used"));
      expect(again.headers.get("x-trace-id")).not.toBe(first.headers.get("x-trace-id"));
      expect(isReplay(again)).toBe(true);
    }
  });

  test("runs once among twenty at the same time, and is reported once", async () => {
    const key = newKey();
    const queue = counted(env.OUTCOMES);
    const bindings = { OUTCOMES: queue.binding };
    const request = { body: { function: "nap", input: "one" }, path: "/api/plugins/sleep/execute", bindings };
    const answers = await Promise.all(Array.from({ length: 20 }, () => execute({ token, key, ...request })));
    expect(new Set(answers.map(executionOf)).size).toBe(1);
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    expect(answers.filter(isReplay)).toHaveLength(19);
    expect(queue.uses()).toEqual(["sendBatch"]);
  });

  test("keeps a plugin's failure, whose problem document names the first call's trace", async () => {
    const key = newKey();
    const request = { body: { function: "run" }, path: "/api/plugins/fail/execute" };
    const first = await execute({ token, key, ...request });
    expectProblem(first, "PLUGIN_ERROR");
    const again = await execute({ token, key, ...request });
    expect(again.body).toEqual(first.body);
    expect([again.status, executionOf(again), isReplay(again)]).toEqual([422, executionOf(first), true]);
    expect(again.headers.get("content-type")).toBe("application/problem+json");
  });

  test("keeps raw answers byte for byte, larger than one chunk and empty ones too", async () => {
    await installGuests("raw", [{ guest: "echo", limits: { input: 4 * CHUNK_BYTES, output: 4 * CHUNK_BYTES } }]);
    const raw = await mintToken({ tenant: "raw", roles: ["caller"] });
    for (const text of ["", "short", "0123456789".repeat(CHUNK_BYTES / 4)]) {
      const key = newKey();
      const request = { raw: text, token: raw, path: "/api/plugins/echo/execute" };
      const headers = { "content-type": "text/plain", accept: "text/plain" };
      const [first, again] = [await execute({ key, ...request, headers }), await execute({ key, ...request, headers })];
      expect(first.body === text).toBe(true);
      expect(again.body === text).toBe(true);
      expect([isReplay(first), isReplay(again)]).toEqual([false, true]);
      expect(again.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    }
  });

  test("outlives the object's memory", async () => {
    const key = newKey();
    const first = await execute({ token, key });
    await evictDurableObject(await stubOf(key));
    expect((await execute({ token, key })).body).toEqual(first.body);
  });
});

describe("the same key", () => {
  test.each<[string, Partial<Execute>]>([
    ["another body", { body: { function: "random", encoding: "base64", input: 1 } }],
    [
      "another content type",
      {
        raw: '{"function":"random","encoding":"base64"}',
        headers: { "content-type": "application/json; charset=utf-8" },
      },
    ],
  ])("with %s is refused and runs nothing", async (_case, change) => {
    const key = newKey();
    await execute({ token, key });
    const queue = counted(env.OUTCOMES);
    const answer = await execute({ token, key, ...change, bindings: { OUTCOMES: queue.binding } });
    expectProblem(
      answer,
      "IDEMPOTENCY_MISMATCH",
      "The idempotency key was first used with another body or content type; take a new key for a new request.",
    );
    expect(queue.uses()).toEqual([]);
  });

  test("of another function, plugin or tenant is another key", async () => {
    const key = newKey();
    const globex = await mintToken({ tenant: "globex", roles: ["caller"] });
    const answers = [
      await execute({ token, key }),
      await execute({ token, key, body: { function: "clock", encoding: "base64" } }),
      await execute({ token, key, path: "/api/plugins/echo/execute", body: {} }),
      await execute({ key, token: globex }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(new Set(answers.map(executionOf)).size).toBe(4);
  });

  test("means the same function whether it is named or the default", async () => {
    const key = newKey();
    const request = { raw: "x", headers: { "content-type": "text/plain" } };
    const first = await execute({ token, key, ...request, path: "/api/plugins/echo/execute" });
    const named = await execute({ token, key, ...request, path: "/api/plugins/echo/execute?function=run" });
    expect(executionOf(named)).toBe(executionOf(first));
  });
});

describe("what did not run is not kept", () => {
  test.each<[string, Partial<Execute>, string]>([
    ["a plugin that is not installed", { path: "/api/plugins/missing/execute" }, "INSTALL_NOT_FOUND"],
    ["a function that is not there", { body: { function: "missing" } }, "FUNCTION_NOT_FOUND"],
    [
      "a body that is no JSON",
      { raw: "{", headers: { "content-type": "application/json" }, path: "/api/plugins/echo/execute" },
      "BODY_UNREADABLE",
    ],
    ["an option too high", { body: { function: "random", options: { timeoutMs: 30_000 } } }, "REQUEST_INVALID"],
  ])("%s", async (_case, change, code) => {
    const key = newKey();
    for (let n = 0; n < 2; n++) {
      const answer = await execute({ token, key, ...change });
      expect(problemIn(answer)["code"]).toBe(code);
      expect(isReplay(answer)).toBe(false);
    }
    const good = await execute({
      token,
      key,
      ...(change.path === undefined ? {} : { path: "/api/plugins/echo/execute", body: {} }),
    });
    expect(good.status).toBe(200);
  });

  test.each([
    ["a space", "one two"],
    ["256 characters", "x".repeat(256)],
  ])("a key with %s is refused before anything else", async (_case, key) => {
    const keys = counted(env.IDEMPOTENCY);
    const problem = expectProblem(
      await execute({ token, key, bindings: { IDEMPOTENCY: keys.binding } }),
      "REQUEST_INVALID",
    );
    expect(problem["issues"]).toEqual([expect.objectContaining({ path: "idempotency-key" })]);
    expect(keys.uses()).toEqual([]);
  });

  test("without a permission the key is not even looked at", async () => {
    const viewer = await mintToken({ tenant: "acme", roles: ["viewer"] });
    expectProblem(await execute({ key: "not a key", token: viewer }), "PERMISSION_DENIED");
  });
});

test("without the header no key is looked at", async () => {
  const keys = counted(env.IDEMPOTENCY);
  const request = { token, body: { function: "random", encoding: "base64" } };
  const answer = await settledApi("POST", "/api/plugins/wasi/execute", request, { IDEMPOTENCY: keys.binding });
  expect(answer.status).toBe(200);
  expect(keys.uses()).toEqual([]);
});
