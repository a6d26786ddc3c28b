import { describe, expect, test } from "vitest";
import type { Grants } from "../../../sdk/contract/grants.ts";
import { CAPABILITY_CASES, jsonOrText } from "../../support/guests/capability-cases.ts";
import { openGuest, text } from "../../support/guests/guest-isolate.ts";
import { NOW, type CallOptions } from "../../support/guests/sandbox-call.ts";

/** Plugins in TypeScript (test/fixtures/typescript) in an isolate of their own, with the real capabilities. */

async function json(
  plugin: string,
  functionName: string,
  options: CallOptions = {},
  grants: Grants = {},
): Promise<unknown> {
  const outcome = await openGuest(`typescript-${plugin}`).call(functionName, options, grants);
  expect(outcome.failure).toBeUndefined();
  return JSON.parse(text(outcome.output) ?? "null");
}

async function failure(plugin: string, functionName: string, input = ""): Promise<unknown> {
  const outcome = await openGuest(`typescript-${plugin}`).call(functionName, { input });
  return outcome.failure;
}

describe("a plugin in TypeScript", () => {
  test("has its input checked and its output written by its schemas", async () => {
    const order = JSON.stringify({
      id: "a",
      items: [
        { name: "one", price: 1.5 },
        { name: "two", price: 2 },
      ],
    });
    expect(await json("shop", "total", { input: order })).toEqual({ id: "a", total: 3.5 });
    expect(await failure("shop", "total", '{"id":1,"items":[{"name":"","price":2}]}')).toMatchObject({
      code: "PLUGIN_ERROR",
      detail: expect.stringMatching(/ValidationError: The input is not valid: \/id: .*; \/items\/0\/name: /),
    });
    expect(await failure("shop", "wrong")).toMatchObject({
      detail: expect.stringContaining("The output is not valid: /n: "),
    });
  });

  test("reads its configuration through its schema, defaults included", async () => {
    const guest = openGuest("typescript-shop");
    const plain = await guest.call("greet", { input: "wörld" });
    expect(text(plain.output)).toBe("Hello, wörld!");
    const set = await guest.call("greet", { input: "you", config: { $config: '{"greeting":"Hi"}', greeting: "Hi" } });
    expect(text(set.output)).toBe("Hi, you!");
    const wrong = await guest.call("greet", { config: { $config: '{"percent":"x"}' } });
    expect(wrong.failure?.detail).toContain("The configuration is not valid: /percent: ");
  });

  test("takes part in hooks, endpoints, services and its own health", async () => {
    expect(await json("shop", "hook_file_process", { input: '{"name":"a","x":1}' })).toEqual({ name: "A", x: 1 });
    expect(await json("shop", "endpoint_get_orders_id", { input: '{"params":{"id":"7"}}' })).toEqual({
      json: { id: "7" },
    });
    expect(await json("shop", "service_tax_rate", { input: '{"net":10}' })).toBe(2);
    expect(await json("shop", "health_check")).toEqual({ healthy: true });
  });

  test("can catch a refusal by its code, and is not blamed for letting it pass", async () => {
    const guest = openGuest("typescript-shop");
    expect(text((await guest.call("refused")).output)).toBe("GRANT_MISSING");
    expect((await guest.call("keep", { input: "x" })).failure).toMatchObject({ code: "GRANT_MISSING" });
  });

  test("knows whose call it is", async () => {
    const outcome = await openGuest("typescript-shop").call("whose", { context: { pluginId: "acme.shop" } });
    expect(text(outcome.output)).toBe("acme.shop");
  });

  test("costs the same fuel each time", async () => {
    const guest = openGuest("typescript-shop");
    const input = JSON.stringify({ id: "a", items: [{ name: "one", price: 1 }] });
    const [one, two] = [await guest.call("total", { input }), await guest.call("total", { input })];
    expect(one.usage.fuel).toBe(two.usage.fuel);
    expect(one.usage.fuel).toBeGreaterThan(10_000);
  });
});

describe("a capability", () => {
  test.each(CAPABILITY_CASES)(
    "$plugin $functionName with $grants",
    async ({ plugin, functionName, input = "", grants, expected }) => {
      const context = { installId: crypto.randomUUID() };
      const outcome = await openGuest(`typescript-${plugin}`).call(functionName, { input, context }, grants);
      if ("code" in expected) expect(outcome.failure?.code).toBe(expected.code);
      else expect([outcome.failure, jsonOrText(text(outcome.output) ?? "")]).toEqual([undefined, expected.output]);
    },
  );
});

describe("globals", () => {
  test("URL, text, clones and base64 are the standard's", async () => {
    expect(await json("web", "url", { input: "../ü?x=1#h" })).toEqual({
      href: "https://xn--exmple-cua.com/%C3%BC?x=1&q=%C3%BC#h",
      host: "xn--exmple-cua.com",
      query: "ü",
    });
    expect(await json("web", "utf8", { input: "aü€😀" })).toEqual({ text: "aü€😀", same: true });
    expect(await failure("web", "fatal", "\ufffd")).toBeUndefined();
    const bytes = await openGuest("typescript-web").call("fatal", { input: Uint8Array.of(0x61, 0xff) });
    expect(bytes.failure?.detail).toContain("TypeError: The bytes are not UTF-8.");
    expect(await json("web", "clone")).toEqual({ at: 5, b: [1] });
    const base64 = await openGuest("typescript-web").call("base64", { input: "plain" });
    expect(text(base64.output)).toBe("plain");
  });

  test("requests and responses carry bodies and headers", async () => {
    expect(await json("web", "request")).toEqual({
      method: "POST",
      type: "application/x-www-form-urlencoded;charset=UTF-8",
      sent: "a=1+2",
      status: 201,
      headers: [
        ["content-type", "application/json"],
        ["x-one", "1"],
      ],
      json: { n: 1 },
    });
  });

  test("time is the call's, and randomness its seed's", async () => {
    expect(await json("web", "time")).toBe(NOW);
    const [one, two] = [await json("web", "random"), await json("web", "random")];
    expect(one).toEqual(two);
    expect(new Set(one as unknown[]).size).toBe(4);
  });

  test("the console writes the log, values as people read them", async () => {
    const { logs } = await openGuest("typescript-web").call("log");
    expect(logs.map(({ level, text: line }) => [level, line.split("\n")[0]])).toEqual([
      ["debug", 'one 1 {"a":[true]}'],
      ["info", "two"],
      ["warn", '[["k","1n"]]'],
      ["error", "Error: bad"],
    ]);
  });

  test("a promise that nobody waits for is in the log when it fails", async () => {
    const outcome = await openGuest("typescript-web").call("forget");
    expect(text(outcome.output)).toBe("done");
    expect(outcome.logs.map((line) => line.text.split("\n")[0])).toEqual([
      "A promise was rejected and nobody waited for it: Error: forgotten",
    ]);
  });

  test("what a plugin cannot have says so", async () => {
    expect(await failure("web", "wait")).toMatchObject({
      detail: expect.stringContaining("setTimeout is not available"),
    });
    expect(await failure("web", "evaluate")).toMatchObject({ detail: expect.stringMatching(/eval/i) });
    expect(await failure("web", "never")).toMatchObject({ detail: expect.stringContaining("never settled") });
    expect(await failure("web", "recurse")).toMatchObject({
      detail: expect.stringContaining("RangeError: Maximum call stack size exceeded"),
    });
    expect(await failure("web", "fail")).toMatchObject({
      code: "PLUGIN_ERROR",
      detail: expect.stringMatching(/^RangeError: no such thing\n {4}at fail \(plugin\.js:\d+:\d+\)/),
    });
  });
});

test("packages of npm work as they are", async () => {
  expect(await json("packages", "zod", { input: '{"id":"a","total":1}' })).toBe(true);
  expect(await json("packages", "zod", { input: '{"id":"a","total":-1}' })).toBe(false);
  expect(await json("packages", "valibot", { input: '{"name":""}' })).toBe(false);
  const guest = openGuest("typescript-packages");
  expect(text((await guest.call("marked", { input: "# A *b*" })).output)).toBe("<h1>A <em>b</em></h1>\n");
  expect(text((await guest.call("date", { input: "2026-02-01" })).output)).toBe("2026-03-03");
  expect(await json("packages", "lodash", { input: '["aB","c","dE"]' })).toEqual({ "1": ["c"], "3": ["aB", "dE"] });
  expect(text((await guest.call("yaml", { input: "a: [1, 2]\n" })).output)).toBe("a:\n  - 1\n  - 2\nseen: true\n");
});
