import { createPlugin } from "@extism/extism";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { USER_MODULE } from "../../../sdk/contract/extism-abi.ts";
import { LOCAL_FUNCTIONS, STREAM_FUNCTIONS, USER_FUNCTIONS } from "../../../sdk/contract/user-functions.ts";
import { createHost, type HostOptions, type TestHost } from "../../../sdk/testing/index.ts";
import { randomSource } from "../../../sdk/testing/random-source.ts";
import { guestBytes, hasGuest } from "../../support/guests/provided-guests.ts";

/** The bindings of one file, beyond the cases that every language has (language-plugins.test.ts). */

const LANGUAGES = ["rust", "go", "zig"] as const;

const EVERYTHING: Partial<HostOptions> = {
  grants: {
    ...Object.fromEntries(Object.values(USER_FUNCTIONS).map(({ capability }) => [capability, {}])),
    services: { services: ["tax.rate"] },
  },
  http: async (request) =>
    new Response(`${request.method} ${request.headers.get("x-asked")} ${await request.text()}`, { status: 201 }),
  oauth: { shop: "secret-token" },
  services: { "tax.rate": (input) => (input as { net: number }).net * 0.2 },
  publishes: ["orders.*"],
};

describe.each(LANGUAGES)("the binding of %s", (language) => {
  const guest = `language-${language}`;
  let host: TestHost;

  describe.skipIf(!hasGuest(guest))("whose compiler is installed", () => {
    beforeAll(async () => {
      host = await createHost({ plugin: guestBytes(guest), ...EVERYTHING });
    });

    test("says everything that can be said to a capability as the platform understands it", async () => {
      const call = await host.call("everything");
      const refused = call.hostCalls.filter(({ answer }) => "error" in (answer as object)); // answers are objects
      expect(refused.map(({ name, request }) => ({ name, request }))).toEqual([
        { name: "oauth_token", request: { provider: "shop", scopes: ["read"] } },
      ]);
      expect([...new Set(call.hostCalls.map(({ name }) => name))].sort()).toEqual(Object.keys(USER_FUNCTIONS).sort());
      expect(call.json()).toEqual(FOUND);
      expect(host.published).toEqual([{ topic: "orders.created", id: expect.stringContaining("id-1"), data: ["ü"] }]);
      expect(host.webhooks).toMatchObject([{ id: "id-2", contentType: "text/plain", body: "content" }]);
      expect(call.metrics).toMatchObject([{ labels: { kind: "test" }, last: 2.5 }, { last: 3 }]);
    });

    test("reads and writes JSON as others do", async () => {
      const values = jsonValues(language.length, 300);
      const plain = await host.call("echo_json", JSON.stringify(values));
      expect(plain.json()).toEqual(values);
      const escaped = await host.call("echo_json", withEscapes(values));
      expect(escaped.json()).toEqual(values);
      const spaced = await host.call("echo_json", JSON.stringify(values, undefined, "\t\r\n "));
      expect(spaced.json()).toEqual(values);
    });

    test("refuses what is no JSON", async () => {
      const taken: string[] = [];
      for (const text of NO_JSON) {
        const { failure } = await host.call("echo_json", text);
        if (failure?.code !== "PLUGIN_ERROR" || failure.exitCode !== 1)
          taken.push(`${text}: ${JSON.stringify(failure)}`);
      }
      expect(taken).toEqual([]);
    });

    test("is not overcome by nesting", async () => {
      const nested = `["\\"[[",${JSON.stringify("[{".repeat(200))},${"[".repeat(100)}${"]".repeat(100)}]`;
      expect((await host.call("echo_json", nested)).text()).toBe(nested);
      const { failure } = await host.call("echo_json", "[".repeat(100_000));
      expect(failure).toMatchObject({ code: "PLUGIN_ERROR", exitCode: 1 });
      if (language === "rust") expect(failure?.detail).toContain("nested too deeply at byte 129");
      if (language === "zig") expect(failure?.detail).toContain("NestedTooDeeply");
    });

    test("has text without halves of surrogate pairs", async () => {
      const call = await host.call("echo_json", String.raw`"\ud800x\ude00 \uD83D\uDE00 \ud83d\u0041"`);
      if (language === "zig") expect(call.failure?.detail).toContain("SyntaxError");
      else expect(call.json()).toBe("\ufffdx\ufffd 😀 \ufffdA");
    });

    test("carries bytes of every length unchanged", async () => {
      const random = randomSource(7);
      for (const length of [0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 1_000]) {
        const bytes = random(length);
        expect(Buffer.from((await host.call("echo_bytes", bytes)).bytes())).toEqual(Buffer.from(bytes));
        if (length > 0 && length < 20)
          expect(Buffer.from((await host.call("blob", bytes)).bytes())).toEqual(Buffer.from(bytes));
      }
    });

    test("keeps variables, writes the log, and fails and panics with a message", async () => {
      expect((await host.call("variables", "wörld")).json()).toEqual([null, "wörld", null]);
      const { logs } = await host.call("log_lines");
      expect(logs.map(({ level, text }) => [level, text])).toEqual([
        ["trace", "a trace €"],
        ["debug", "a detail"],
        ["info", "a remark"],
        ["warn", "a warning"],
        ["error", "an error"],
      ]);
      expect((await host.call("fails", "Zoë")).failure).toMatchObject({
        code: "PLUGIN_ERROR",
        detail: "no such customer: Zoë",
      });
      expect((await host.call("panics", "it")).failure?.detail).toContain("cannot go on with it");
    });

    test("reads and writes piece by piece with the standard library, where there is one", async () => {
      const text = "a line that is longer than a piece\nänd another\n";
      const upper = (await host.call("upper", text)).text();
      expect(upper).toBe(
        language === "zig" ? text.replaceAll(/[a-z]/g, (one) => one.toUpperCase()) : text.toUpperCase(),
      );
    });
  });
});

describe.each(LANGUAGES)("a plugin in %s on another Extism host", (language) => {
  const guest = `language-${language}`;

  describe.skipIf(!hasGuest(guest))("whose compiler is installed", () => {
    let host: Awaited<ReturnType<typeof createPlugin>>;
    beforeAll(async () => {
      host = await createPlugin(
        { wasm: [{ data: guestBytes(guest) }] },
        { useWasi: true, config: { greeting: "Grüß Gott" }, functions: { [USER_MODULE]: absentFunctions() } },
      );
    });
    afterAll(() => host.close());

    test("has input, output, configuration, variables, logs and errors", async () => {
      expect((await host.call("greet", '{"name":"Zoë 😀"}'))?.json()).toEqual({ text: "Grüß Gott, Zoë 😀!" });
      expect((await host.call("variables", "wörld"))?.json()).toEqual([null, "wörld", null]);
      await host.call("log_lines", "");
      await expect(host.call("fails", "Zoë")).rejects.toThrow("no such customer: Zoë");
    });
  });
});

/** What `everything` finds, in each language. */
const FOUND = {
  storage: [true, true, true, true, true],
  database: true,
  cache: [true, true],
  files: [true, true, true, true, true],
  services: [2, 2],
  events: [false, true],
  crypto: [true, true, true, true, true, true, true, true],
  kind: "ecdsa-p256",
  webhooks: true,
  security: [true, true, true],
  oauth: ["secret-token", "bearer", "GRANT_MISSING"],
  http: [201, "POST yes content"],
};

/** Two spaces are between them. */
const NO_JSON: readonly string[] = [
  "",
  " ",
  '"a\nb"',
  "\u00a01",
  "\ufeff1x",
  ...String.raw`
{  [  ]  [,1]  [1,]  [1 2]  [1  {"a":1,}  {"a"}  {"a" 1}  {a:1}  {"a":1  {"a":}
01  1.  .5  +1  1e  1e+  -  --1  0x1  1_000  NaN  Infinity  nul  truee  True  1 2
"  "a  "\x"  "\u12g4"  "\u123"  "\u"  "\  'a'  // 1  [1]]  {"a":1}}  "a" "b"
`
    .trim()
    .split(/ {2}|\n/),
];

const TEXTS = [
  "",
  "plain",
  'a "quoted" \\ / text',
  "\b\f\n\r\t\u0000\u001f\u007f",
  "wörld €",
  "😀👩‍🚀",
  "\u2028\u2029",
  "é".repeat(40),
];
const NUMBERS = [
  0,
  1,
  -1,
  0.5,
  -0.25,
  1e-7,
  1.5e300,
  5e-324,
  1e21,
  2 ** 53,
  -(2 ** 53),
  0.1 + 0.2,
  123_456_789.125,
  1 / 3,
];

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** Values that are the same in every run. */
function jsonValues(seed: number, count: number): Json[] {
  const random = randomSource(seed);
  const pick = (most: number): number => ((random(1)[0] ?? 0) * 256 + (random(1)[0] ?? 0)) % most;
  const value = (depth: number): Json => {
    const kind = pick(depth > 5 ? 4 : 6);
    if (kind === 0) return [null, true, false][pick(3)] ?? null;
    if (kind === 1) return NUMBERS[pick(NUMBERS.length)] ?? 0;
    if (kind === 2) return new DataView(random(8).buffer).getInt32(0) / 1024;
    if (kind === 3) return `${TEXTS[pick(TEXTS.length)]}${String.fromCodePoint(0x20 + pick(0x7f00))}`.toWellFormed();
    const parts = Array.from({ length: pick(5) }, () => value(depth + 1));
    if (kind === 4) return parts;
    return Object.fromEntries(parts.map((part, at) => [`${TEXTS[pick(TEXTS.length)]}${at}`, part]));
  };
  return Array.from({ length: count }, () => value(0));
}

/** JSON text in which every character of a text is an escape. */
function withEscapes(value: Json): string {
  return JSON.stringify(value).replaceAll(/[^ -~]/g, (unit) =>
    [...Array(unit.length).keys()].map((at) => `\\u${unit.charCodeAt(at).toString(16).padStart(4, "0")}`).join(""),
  );
}

/** The fixture imports all that the platform has; another host has none of it. */
function absentFunctions(): Record<string, () => never> {
  const names = [USER_FUNCTIONS, LOCAL_FUNCTIONS, STREAM_FUNCTIONS].flatMap((table) => Object.keys(table));
  const absent = (name: string) => (): never => {
    throw new Error(`${name} is the platform's`);
  };
  return Object.fromEntries(names.map((name) => [name, absent(name)]));
}
