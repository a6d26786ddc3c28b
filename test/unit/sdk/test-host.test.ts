import { describe, expect, test } from "vitest";
import { createHost, PluginCallError, type HostOptions } from "../../../sdk/testing/index.ts";
import { CAPABILITY_CASES, jsonOrText } from "../../support/guests/capability-cases.ts";
import { guestBytes } from "../../support/guests/provided-guests.ts";

/** The SDK's test host: production code in Node. The same cases run in isolates (test/workers/typescript). */

function open(plugin: string, options: Partial<HostOptions> = {}) {
  return createHost({ plugin: guestBytes(`typescript-${plugin}`), ...options });
}

test.each(CAPABILITY_CASES)("$plugin $functionName with $grants is as in an isolate", async (given) => {
  const host = await open(given.plugin, { grants: given.grants, http: () => new Response("not asked") });
  const call = await host.call(given.functionName, given.input);
  if ("code" in given.expected) {
    expect(call.failure?.code).toBe(given.expected.code);
    expect(() => call.text()).toThrow(PluginCallError);
  } else {
    expect(jsonOrText(call.text())).toEqual(given.expected.output);
  }
});

describe("a host that validates", () => {
  const manifest = {
    functions: {
      greet: { input: { contentType: "text/plain" }, output: { contentType: "application/json" } },
      total: { input: { schema: { $ref: "#/$defs/Order" } }, output: { schema: { required: ["total", "tax"] } } },
    },
    types: { Order: { type: "object", required: ["id", "items"] } },
  };
  const order = { id: "a", items: [{ name: "x", price: 2 }] };

  test("refuses an input that does not fit before the plugin runs", async () => {
    const host = await open("shop", { validate: "input", manifest });
    const call = await host.call("total", { id: "a" });
    expect(call.failure).toMatchObject({
      code: "INPUT_INVALID",
      issues: [{ path: "/items", message: "is required (required)" }],
    });
    expect([call.fuel, call.hostCalls]).toEqual([0, []]);
    expect((await host.call("total", order)).json()).toEqual({ id: "a", total: 2 });
  });

  test("fails a call whose output does not fit, with what it cost", async () => {
    const host = await open("shop", { validate: "both", manifest });
    const call = await host.call("total", order);
    expect(call.failure).toMatchObject({ code: "OUTPUT_INVALID", issues: [{ path: "/tax" }] });
    expect(call.fuel).toBeGreaterThan(0);
    expect((await host.call("greet", "Ada")).failure?.detail).toBe(
      "The output does not fit: it must be JSON (contentType); found other text.",
    );
  });

  test("needs to know against what", async () => {
    await expect(open("shop", { validate: "both" })).rejects.toThrow("name its `manifest` too");
  });
});

describe("storage", () => {
  test("is laid out before the first call, and looked at after it", async () => {
    const host = await open("shop", { grants: { storage: {} }, storage: { order: "earlier", list: [1, "ü"] } });
    const call = await host.call("keep", "content");
    expect(call.json()).toMatchObject({ written: { stored: false, revision: 1 }, text: "earlier" });
    expect([await host.storage.text("order"), await host.storage.json("list")]).toEqual(["earlier", [1, "ü"]]);
    expect(await host.storage.text("none")).toBeUndefined();
    await host.storage.set("orders/1", Uint8Array.of(1, 255));
    expect(await host.storage.bytes("orders/1")).toEqual(Uint8Array.of(1, 255));
    expect([await host.storage.keys(), await host.storage.keys("orders/")]).toEqual([
      ["list", "order", "orders/1"],
      ["orders/1"],
    ]);
  });

  test("has what the plugin wrote, whatever the plugin may do", async () => {
    const host = await open("shop", { grants: { storage: {} } });
    await host.call("keep", "content");
    expect(await host.storage.text("order")).toBe("content");
    const without = await open("shop", { storage: { order: "x" } });
    expect((await without.call("keep", "content")).failure?.code).toBe("GRANT_MISSING");
    expect(await without.storage.text("order")).toBe("x");
  });

  test("takes what the platform takes", async () => {
    await expect(open("shop", { storage: { "": "x" } })).rejects.toThrow("HOST_REQUEST_INVALID");
    const large = new Uint8Array(2 * 1024 * 1024);
    await expect(open("shop", { storage: { large } })).rejects.toThrow("CAPABILITY_QUOTA_EXCEEDED");
  });
});

describe("the test host", () => {
  test("stands for the internet as the test says, behind the platform's rules", async () => {
    const seen: string[] = [];
    const host = await open("web", {
      grants: { http: { hosts: ["api.example.com"] } },
      http: (request) => {
        seen.push(`${request.method} ${request.url} ${request.headers.get("x-asked")}`);
        return new Response("hello", { status: 201 });
      },
    });
    expect((await host.call("fetch", "https://api.example.com/x")).json()).toEqual({
      status: 201,
      ok: true,
      text: "hello",
    });
    expect(seen).toEqual(["GET https://api.example.com/x yes"]);
    const unanswered = await (await open("web", { grants: { http: {} } })).call("fetch", "https://api.example.com/x");
    expect(unanswered.failure?.code).toBe("UPSTREAM_UNREACHABLE");
  });

  test("keeps what calls store, and begins empty", async () => {
    const host = await open("shop", { grants: { storage: {} } });
    expect((await host.call("keep", "one")).json()).toMatchObject({ written: { stored: true, revision: 1 } });
    expect((await host.call("keep", "two")).json()).toMatchObject({
      written: { stored: false, revision: 1 },
      text: "one",
    });
    const other = await open("shop", { grants: { storage: {} } });
    expect((await other.call("keep", "three")).json()).toMatchObject({ text: "three" });
  });

  test("shows what the plugin published, raised, measured and asked for", async () => {
    const host = await open("shop", { grants: { events: {}, analytics: {}, security: {} }, publishes: ["orders.*"] });
    const published = await host.call("publish");
    expect(host.published).toEqual([{ topic: "orders.created", id: expect.any(String), data: { id: 1 } }]);
    expect(published.hostCalls).toEqual([
      {
        name: "events_publish",
        request: { topic: "orders.created", data: { id: 1 } },
        answer: { value: { id: expect.any(String), subscribers: 0 } },
      },
    ]);
    const measured = await host.call("measure");
    expect(measured.metrics).toMatchObject([
      { name: "orders", kind: "counter", sum: 1, labels: { kind: "test" } },
      { name: "size", kind: "histogram", sum: 2.5 },
    ]);
    expect(host.findings).toEqual([{ severity: "notice", title: "a finding" }]);
  });

  test("has a clock and randomness that the test decides", async () => {
    const at = Date.UTC(2030, 1, 1);
    expect((await (await open("web", { clock: () => at })).call("time")).json()).toBe(at);
    const [one, same, other] = await Promise.all(
      [1, 1, 2].map(async (random) => (await (await open("web", { random })).call("random")).text()),
    );
    expect(one).toBe(same);
    expect(one).not.toBe(other);
  });

  test("passes configuration as the platform does, and holds the platform's limits", async () => {
    const host = await open("shop", { config: { greeting: "Hi", percent: 5 } });
    expect((await host.call("greet", "you")).text()).toBe("Hi, you!");
    const starved = await host.call("greet", "you", { limits: { fuel: 10_000 } });
    expect(starved.failure).toMatchObject({ code: "FUEL_EXHAUSTED", limit: { name: "fuel", allowed: 10_000 } });
  });
});
