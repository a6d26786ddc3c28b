import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createPlugin } from "@extism/extism";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildPlugin } from "../../../sdk/builder/build-plugin.ts";

const ROOT = path.resolve(import.meta.dirname, "../../..");
const FIXTURES = path.join(ROOT, "test/fixtures/typescript");
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "plugin-"));
  await symlink(path.join(ROOT, "node_modules"), path.join(folder, "node_modules"));
});
afterAll(() => rm(folder, { recursive: true }));

async function build(source: string, options = {}) {
  const entry = path.join(folder, "plugin.ts");
  await writeFile(entry, source);
  return await buildPlugin(entry, options);
}

function plugin(functions: string, before = ""): string {
  return `import { definePlugin, storage, http } from "@patchbay/sdk";\n${before}\nexport default definePlugin({ functions: { ${functions} } });\n`;
}

async function failureOf(source: string): Promise<{ message: string; detail: string }> {
  return await build(source).then(
    () => ({ message: "it was built", detail: "" }),
    (error: { message: string; detail: string }) => error,
  );
}

describe("a build", () => {
  test("imports what the plugin uses and nothing else", async () => {
    const pure = await build(plugin("a: () => 1"));
    expect(pure.hostFunctions).toEqual([]);
    const modules = new Set(
      WebAssembly.Module.imports(await WebAssembly.compile(pure.wasm as BufferSource)).map(({ module }) => module),
    );
    expect([...modules].sort()).toEqual(["extism:host/env", "wasi_snapshot_preview1"]);
    const stores = await build(plugin('a: () => storage.getText("k")'));
    expect(stores.hostFunctions.map(({ name }) => name)).toEqual([
      "call_body",
      "storage_get",
      "storage_set",
      "storage_delete",
      "storage_list",
    ]);
    const fetches = await build(plugin('a: () => globalThis.fetch("https://a.example/")'));
    expect(fetches.hostFunctions.map(({ name }) => name)).toEqual(["call_body", "http_send"]);
  });

  test("exports the functions of the definition, and describes them", async () => {
    const built = await buildPlugin(path.join(FIXTURES, "shop.ts"));
    expect(built.functions).toEqual(
      expect.arrayContaining(["greet", "total", "hook_file_process", "service_tax_rate", "health_check"]),
    );
    expect(built.description).toMatchObject({
      hooks: [{ name: "file:process", function: "hook_file_process", priority: 5 }],
      endpoints: [{ method: "GET", path: "/orders/:id", function: "endpoint_get_orders_id", permission: "public" }],
      services: [{ name: "tax.rate", function: "service_tax_rate" }],
      subscribes: [{ topic: "orders.*", function: "on_orders_any" }],
      lifecycle: { class: "infrastructure" },
      config: { type: "object", properties: { greeting: { type: "string", default: "Hello" } } },
    });
    const { functions } = built.description;
    expect(functions["total"]).toMatchObject({
      summary: "Adds up an order",
      input: { schema: { required: ["id", "items"] } },
      output: { schema: { properties: { total: { type: "number" } } } },
    });
    expect(functions).toMatchObject({
      greet: {},
      service_tax_rate: { input: { schema: { required: ["net"] } } },
      hook_file_process: { input: { schema: { required: ["name"] } } },
    });
    expect(functions).not.toHaveProperty("health_check");
  });

  test("describes types that have a name once, and the messages of topics", async () => {
    const { description } = await build(`
      import { defineFunction, definePlugin, defineSubscription } from "@patchbay/sdk";
      import * as v from "valibot";
      import * as z from "zod";
      const Line = v.object({ sku: v.string() });
      const Node = v.object({ name: v.string(), children: v.array(v.lazy(() => Node)) });
      const Unnamed = v.object({ next: v.optional(v.lazy(() => Unnamed)) });
      const Order = v.object({ lines: v.array(Line), first: Line });
      export default definePlugin({
        types: { Line, Order, Node, Colour: z.enum(["red", "green"]) },
        functions: {
          price: defineFunction({ input: Order, output: v.object({ of: Line, tree: Node }), run: () => undefined as never }),
          walk: defineFunction({ input: Unnamed, run: () => "" }),
        },
        publishes: { "orders.priced": Order },
        subscriptions: { "orders.*": defineSubscription({ data: Line, run: ({ data }) => console.log(data.sku) }) },
      });`);
    const line = { type: "object", properties: { sku: { type: "string" } }, required: ["sku"] };
    const named = (name: string) => ({ $ref: `#/$defs/${name}` });
    expect(description.types).toMatchObject({
      Line: line,
      Order: { properties: { lines: { type: "array", items: named("Line") }, first: named("Line") } },
      Node: { properties: { children: { items: named("Node") } } },
      Colour: { enum: ["red", "green"] },
    });
    expect(description.functions).toEqual({
      price: {
        input: { schema: named("Order") },
        output: {
          schema: expect.objectContaining({ properties: { of: named("Line"), tree: named("Node") } }) as unknown,
        },
      },
      walk: {
        input: { schema: expect.objectContaining({ $defs: { 0: expect.anything() as unknown } }) as unknown },
      },
    });
    expect(description.publishes).toEqual(["orders.priced"]);
    expect(description.messages).toEqual({
      "orders.priced": { schema: named("Order") },
      "orders.*": { schema: named("Line") },
    });
  });

  test("of the same sources gives the same bytes", async () => {
    const [one, two] = [
      await buildPlugin(path.join(FIXTURES, "web.ts")),
      await buildPlugin(path.join(FIXTURES, "web.ts")),
    ];
    expect(Buffer.compare(one.wasm, two.wasm)).toBe(0);
  });

  test("runs on the reference host as it is", async () => {
    const { wasm } = await build(
      plugin("greet: (input) => `Hello, ${input.text()}!`, fail: () => { throw new Error('no') }"),
    );
    const host = await createPlugin({ wasm: [{ data: wasm }] }, { useWasi: true });
    expect((await host.call("greet", "wörld"))?.text()).toBe("Hello, wörld!");
    await expect(host.call("fail", "")).rejects.toThrow("Error: no");
    await host.close();
  });

  test("with a parser lets the plugin evaluate code", async () => {
    const source = plugin('a: () => new Function("return 6 * 7")() as number');
    const { wasm } = await build(source, { withParser: true });
    const host = await createPlugin({ wasm: [{ data: wasm }] }, { useWasi: true });
    expect((await host.call("a", ""))?.text()).toBe("42");
    await host.close();
  });
});

describe("an error", () => {
  test("of syntax, or of a package that is not there, names its place", async () => {
    expect((await failureOf("export default definePlugin({")).message).toMatch(
      /^The plugin does not compile: plugin\.ts:1:30: /,
    );
    expect((await failureOf('import "not-there";\nexport default {};')).message).toMatch(
      /plugin\.ts:1:8: Could not resolve "not-there"/,
    );
  });

  test("while the plugin is loaded is one of the build, with the author's lines", async () => {
    const { message, detail } = await failureOf(
      plugin("a: () => 1", "\nfunction explode(): void {\n  throw new Error('top level');\n}\nexplode();"),
    );
    expect(message).toBe("The plugin failed while it was loaded: Error: top level");
    expect(detail).toContain("plugin.ts:4:");
    expect(detail).toContain("plugin.ts:6:");
  });

  test.each([
    ["The time", "const at = Date.now();"],
    ["The time", "const at = new Date();"],
    ["Randomness", "const at = Math.random();"],
    ["Randomness", "const at = crypto.randomUUID();"],
    ["The configuration", 'import { configText } from "@patchbay/sdk";\nconst at = configText("a");'],
    ["The host function extism:host/user storage_get", 'const at = 1; void storage.get("k");'],
  ])("says that %s is there only in a call: %s", async (what, before) => {
    const { message, detail } = await failureOf(plugin("a: () => String(at)", before));
    expect(message).toBe(`${what} is not available while the plugin is built: move its use into a function.`);
    expect(detail).toMatch(/plugin\.ts:[23]:/);
  });

  test("says where there is no plugin", async () => {
    expect((await failureOf("export const a = 1;")).message).toContain("export default definePlugin");
    expect(
      (await failureOf('export default { hooks: { "a:b": { run() {} }, "a::b": { run() {} } } };')).message,
    ).toContain('Two parts of the plugin are exported as "hook_a_b"');
  });
});
