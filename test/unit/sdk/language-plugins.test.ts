import { createPlugin } from "@extism/extism";
import { describe, expect, test } from "vitest";
import { USER_FUNCTIONS } from "../../../sdk/contract/user-functions.ts";
import { createHost, type HostOptions } from "../../../sdk/testing/index.ts";
import { readInterface } from "../../../sdk/project/module-interface.ts";
import { CAPABILITY_CASES, jsonOrText } from "../../support/guests/capability-cases.ts";
import { FIXTURE_LANGUAGES, guestBytes, hasGuest } from "../../support/guests/provided-guests.ts";

/** Plugins in other languages than TypeScript, which use every capability through their binding, on the SDK's test host. */

const EVERYTHING: Partial<HostOptions> = {
  grants: {
    analytics: {},
    cache: {},
    crypto: {},
    database: {},
    events: {},
    files: {},
    http: {},
    oauth: {},
    security: {},
    services: { services: ["tax.rate"] },
    storage: {},
    webhooks: {},
  },
  http: (request) => new Response(`hällo from ${new URL(request.url).host}`, { status: 201 }),
  oauth: { mail: "secret-token" },
  services: { "tax.rate": () => 0.2 },
  publishes: ["orders.*"],
};

describe.each(FIXTURE_LANGUAGES)("a plugin in %s", (language) => {
  const guest = `language-${language}`;
  const open = (options: Partial<HostOptions> = EVERYTHING) => createHost({ plugin: guestBytes(guest), ...options });

  describe.skipIf(!hasGuest(guest))("whose compiler is installed", () => {
    test.each(CAPABILITY_CASES)("$functionName with $grants is as in TypeScript", async (given) => {
      const host = await open({ grants: given.grants, http: () => new Response("not asked") });
      const call = await host.call(given.functionName, given.input);
      if ("code" in given.expected) expect(call.failure?.code).toBe(given.expected.code);
      else expect(jsonOrText(call.text())).toEqual(given.expected.output);
    });

    test("imports every function of the platform", async () => {
      const { imports } = await readInterface(guestBytes(guest));
      const names = [...Object.keys(USER_FUNCTIONS), "stream_read", "stream_write", "call_body", "context"];
      expect(imports.map(({ name }) => name).sort()).toEqual(names.sort());
    });

    test("gets from each of the rest what it asks for", async () => {
      const host = await open();
      const call = await host.call("rest");
      expect([call.failure, call.text()]).toEqual([undefined, "all"]);
      expect(call.logs.map(({ text }) => text)).toEqual([
        "öpen true 20 1 aes-256-gcm true",
        "ä 1 true",
        "true",
        "x true",
        "queued raised 0",
        "secret-token 0.2",
      ]);
      expect(host.webhooks).toMatchObject([{ url: "https://example.com/hook", event: "order" }]);
      expect(host.findings).toEqual([{ severity: "notice", title: 'a "finding"' }]);
      expect(call.metrics).toMatchObject([
        { name: "g", kind: "gauge", sum: 1.5 },
        { name: "h", kind: "histogram", sum: 2 },
      ]);
    });

    test("reads context, configuration, variables and the answers of the internet", async () => {
      const host = await open({ ...EVERYTHING, config: { greeting: "Grüß Gott" }, context: { pluginId: "acme.shop" } });
      expect((await host.call("whose")).text()).toBe("acme.shop");
      expect((await host.call("fetch", "https://api.example.com/")).text()).toBe("201 hällo from api.example.com");
      expect((await host.call("greet", { name: 'Zoë "😀"\n\u0001' })).json()).toEqual({
        text: 'Grüß Gott, Zoë "😀"\n\u0001!',
      });
    });

    test.each(["abc😀", "abcd😀", "😀😀😀", "a\u0000b", '\\"/\b\f\n\r\t\u007f\u2028', "é".repeat(1000)])(
      "carries text through JSON both ways: %#",
      async (name) => {
        const call = await (await open()).call("greet", { name });
        expect(call.json()).toEqual({ text: `Hello, ${name}!` });
      },
    );

    test("runs on Extism's own host, where that has the functions it imports", async () => {
      const { imports } = await readInterface(guestBytes(guest));
      const nothing = Object.fromEntries(imports.map(({ name }) => [name, () => 0n]));
      const plugin = await createPlugin(await WebAssembly.compile(guestBytes(guest)), {
        useWasi: true,
        config: { greeting: "Grüß Gott" },
        functions: { "extism:host/user": nothing },
      });
      try {
        const output = await plugin.call("greet", JSON.stringify({ name: "Zoë 😀" }));
        expect(output?.json()).toEqual({ text: "Grüß Gott, Zoë 😀!" });
        expect((await plugin.call("refused"))?.text()).toBe("KERNEL_MEMORY_EXCEEDED");
      } finally {
        await plugin.close();
      }
    });

    test("reads and writes piece by piece", async () => {
      const host = await open();
      expect((await host.call("stream", "hello wörld")).text()).toBe("hellohello wör wörldld");
      expect((await host.call("stream", "")).text()).toBe("");
    });

    test("goes on after a refusal where it wants to, and says which it was where not", async () => {
      const host = await open({ grants: {} });
      expect((await host.call("refused")).text()).toBe("GRANT_MISSING");
      expect((await host.call("keep")).failure).toMatchObject({ code: "GRANT_MISSING" });
      const quota = await (await open({ grants: { database: {} } })).call("attach");
      expect(quota.failure).toMatchObject({
        code: "PLUGIN_ERROR",
        detail: expect.stringContaining("DATABASE_STATEMENT_FAILED: The statement begins with attach"),
      });
    });
  });
});

test.skipIf(!hasGuest("language-assemblyscript"))("AssemblyScript clears no memory that it does not use", async () => {
  const host = await createHost({ plugin: guestBytes("language-assemblyscript") });
  const call = await host.call("greet", { name: "Ada" });
  expect(call.memoryBytes).toBeLessThan(512 * 1024);
  expect(call.fuel).toBeLessThan(300_000);
});
