import { describe, expect, test } from "vitest";
import type { PluginDescription } from "../../../sdk/builder/description.ts";
import { completeManifest } from "../../../sdk/project/complete-manifest.ts";
import { UserError } from "../../../sdk/project/user-error.ts";

const AUTHORED = {
  id: "acme.shop",
  name: "Shop",
  version: "1.0.0",
  description: "A shop.",
  author: { name: "Ann" },
  type: "processor",
  category: "tools",
};
const NOTHING: PluginDescription = {
  hooks: [],
  endpoints: [],
  services: [],
  subscribes: [],
  publishes: [],
  messages: {},
  lifecycle: {},
  functions: {},
  types: {},
};

function imports(...names: readonly string[]) {
  return names.map((name) => ({ module: "extism:host/user", name }));
}

describe("a completed manifest", () => {
  test("of a plugin that only computes is what its author wrote", () => {
    const { text, notes } = completeManifest(AUTHORED, NOTHING, []);
    expect(JSON.parse(text)).toEqual(AUTHORED);
    expect(notes).toEqual([]);
  });

  test("says what the code says, beside what the author says", () => {
    const description = {
      ...NOTHING,
      hooks: [{ name: "file:process", function: "hook_file_process" }],
      endpoints: [{ method: "GET", path: "/a", function: "endpoint_get_a" }],
      services: [{ name: "tax.rate", function: "service_tax_rate" }],
      subscribes: [{ topic: "orders.*", function: "on_orders_any" }],
      lifecycle: { class: "security" },
      config: { type: "object", properties: { a: { type: "string" } } },
    };
    const authored = {
      ...AUTHORED,
      events: { publishes: ["orders.paid"] },
      services: { requires: [{ name: "mail.send" }] },
    };
    const { manifest } = completeManifest(authored, description, []);
    expect(manifest).toMatchObject({
      hooks: [{ name: "file:process", function: "hook_file_process" }],
      api: { endpoints: [{ method: "GET", path: "/a" }] },
      services: { provides: [{ name: "tax.rate" }], requires: [{ name: "mail.send" }] },
      events: { publishes: ["orders.paid"], subscribes: [{ topic: "orders.*" }] },
      lifecycle: { class: "security" },
      config: { properties: { a: { type: "string" } } },
    });
  });

  test("describes functions, types and messages by the code and by the author", () => {
    const schema = { type: "object", properties: { line: { $ref: "#/$defs/Line" } } };
    const description = {
      ...NOTHING,
      functions: { price: { input: { schema } }, raw: {} },
      types: { Line: { type: "string" } },
      publishes: ["orders.priced", "orders.paid"],
      messages: { "orders.priced": { schema } },
    };
    const authored = {
      ...AUTHORED,
      functions: { price: { summary: "Prices an order" }, raw: { input: { contentType: "text/plain" } } },
      events: { publishes: ["orders.paid"] },
    };
    const { manifest } = completeManifest(authored, description, []);
    expect(manifest).toMatchObject({
      functions: {
        price: { summary: "Prices an order", input: { schema } },
        raw: { input: { contentType: "text/plain" } },
      },
      types: { Line: { type: "string" } },
      events: { publishes: ["orders.paid", "orders.priced"], messages: { "orders.priced": { schema } } },
    });
    const both = { ...AUTHORED, functions: { price: { input: { contentType: "text/plain" } } } };
    expect(() => completeManifest(both, description, [])).toThrow(
      "Both manifest.json and the code say what `input` of functions/price is",
    );
  });

  test("asks for what the module imports, once, and says so", () => {
    const { manifest, notes } = completeManifest(
      AUTHORED,
      NOTHING,
      imports("call_body", "storage_get", "storage_set", "http_send"),
    );
    expect(manifest.permissions.map(({ capability }) => capability)).toEqual(["storage", "http"]);
    expect(notes).toEqual([
      "The plugin uses storage, so the manifest asks for it.",
      expect.stringMatching(/^The plugin uses http, so the manifest asks for it, for any host: name the hosts/),
    ]);
  });

  test("leaves what the author asks for as it is", () => {
    const authored = { ...AUTHORED, permissions: [{ capability: "network", hosts: ["api.example.com"] }] };
    const { manifest, notes } = completeManifest(authored, NOTHING, imports("http_send"));
    expect(manifest.permissions).toEqual([{ capability: "http", hosts: ["api.example.com"] }]);
    expect(notes).toEqual([]);
  });

  test("is refused where both say the same thing, or the whole is not valid", () => {
    const endpoints = [{ method: "GET", path: "/a", function: "endpoint_get_a" }];
    const both = () => completeManifest({ ...AUTHORED, api: { endpoints } }, { ...NOTHING, endpoints }, []);
    expect(both).toThrow("Both manifest.json and the code say what `api` is");
    const invalid = () => completeManifest({ ...AUTHORED, version: "one", extra: 1 }, NOTHING, []);
    expect(invalid).toThrow(UserError);
    try {
      invalid();
    } catch (error) {
      expect((error as UserError).detail?.split("\n")).toEqual([
        "/version: must be a semantic version 2.0.0 such as `1.4.0`",
        "/extra: is not a known field",
      ]);
    }
  });
});
