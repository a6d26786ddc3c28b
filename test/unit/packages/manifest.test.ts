import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { manifestSchemaText } from "../../../scripts/build-schema.ts";
import { PlatformError, type Issue } from "../../../sdk/contract/errors.ts";
import { LIMITS, PACKAGE_LIMITS } from "../../../sdk/contract/limits.ts";
import { parseManifest, parseManifestText } from "../../../sdk/contract/manifest.ts";
import { PERMISSIONS } from "../../../sdk/contract/roles.ts";
import { manifestOf } from "../../fixtures/packages/manifests.ts";

function refusal(run: () => unknown): PlatformError {
  try {
    run();
  } catch (error) {
    if (error instanceof PlatformError) return error;
    throw error;
  }
  throw new Error("the manifest was accepted");
}

function issuesOf(manifest: unknown): readonly Issue[] {
  const error = refusal(() => parseManifest(manifest));
  expect(error.code).toBe("MANIFEST_INVALID");
  return error.issues ?? [];
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test("a manifest with only what is required gets its defaults", () => {
  expect(parseManifest(manifestOf())).toEqual({
    ...manifestOf(),
    tags: [],
    wasm: "plugin.wasm",
    modules: [],
    files: [],
    permissions: [],
    hooks: [],
    middleware: [],
    lifecycle: {},
    dependencies: {},
    limits: {},
    events: { publishes: [], subscribes: [] },
    services: { provides: [], requires: [] },
    engines: {},
  });
});

test("a manifest with everything is read as written", () => {
  const full = {
    ...manifestOf(),
    license: "MIT",
    homepage: "https://acme.example/count",
    author: { name: "Ada", email: "ada@acme.example", url: "https://acme.example" },
    tags: ["text", "word-count"],
    wasm: "build/count.wasm",
    modules: [{ name: "acme/words", wasm: "build/words.wasm" }],
    files: ["data/", "*.json", "lists/**"],
    defaultFunction: "count_vowels",
    hooks: [
      {
        name: "file:process",
        function: "on_file",
        class: "security",
        priority: 5,
        criticality: "critical",
        timeoutMs: 500,
        fallback: { value: { content: "" } },
        mode: "waterfall",
      },
    ],
    middleware: [
      {
        point: "request",
        function: "guard",
        class: "infrastructure",
        priority: 1,
        criticality: "optional",
        timeoutMs: 20,
        paths: ["/execute/*", "/run/acme.count/words/*"],
      },
    ],
    lifecycle: { class: "infrastructure", priority: 3, timeoutMs: 1_000 },
    dependencies: { "acme.words": "^1.0.0" },
    limits: { fuel: 1_000_000, memory: 4_194_304 },
    api: {
      endpoints: [
        {
          method: "GET",
          path: "/words/:word",
          function: "look_up",
          permission: "token",
          roles: ["viewer"],
          cors: { origins: ["https://app.example.com"] },
          headers: ["x-own"],
          maxBodyBytes: 10,
          timeoutMs: 100,
        },
      ],
    },
    config: { type: "object", properties: { language: { type: "string" } } },
    events: { publishes: ["words.counted"], subscribes: [{ topic: "files.*", function: "on_file" }] },
    services: { provides: [{ name: "words.count", function: "count" }], requires: [{ name: "mail", optional: true }] },
    engines: { patchbay: ">=0.1.0" },
  };
  expect(parseManifest(full)).toEqual({ ...full, permissions: [] });
});

test("permissions are normalised to canonical names", () => {
  const { permissions } = parseManifest(
    manifestOf({ permissions: ["network", "kv", { capability: "db", reason: "keeps counts" }] }),
  );
  expect(permissions).toEqual([
    { capability: "http" },
    { capability: "storage" },
    { capability: "database", reason: "keeps counts" },
  ]);
});

test("every missing field is named", () => {
  expect(issuesOf({}).map((issue) => `${issue.path} ${issue.message}`)).toEqual(
    ["id", "name", "version", "description", "author", "type", "category"].map((field) => `/${field} is required`),
  );
});

test("every unknown field is named, at any depth", () => {
  expect(issuesOf({ ...manifestOf({ hooks: [{ name: "a:b", function: "f", x: 1, y: 2 }] }), one: 1, two: 2 })).toEqual([
    { path: "/hooks/0/x", message: "is not a known field" },
    { path: "/hooks/0/y", message: "is not a known field" },
    { path: "/one", message: "is not a known field" },
    { path: "/two", message: "is not a known field" },
  ]);
});

const lowerCase = "must be `name` or `publisher.name` in lower-case letters, digits and `-`";

test.each<[string, Record<string, unknown>, string, string]>([
  ["upper-case id", { id: "Acme.Count" }, "/id", lowerCase],
  ["reserved id", { id: "upload" }, "/id", "is reserved: it is a word of the API's paths"],
  ["empty name", { name: "" }, "/name", "must not be empty"],
  ["long name", { name: "x".repeat(101) }, "/name", "must have at most 100 characters, found 101"],
  ["control character", { name: "a\u0000b" }, "/name", "must not contain control characters"],
  ["partial version", { version: "1.0" }, "/version", "must be a semantic version 2.0.0 such as `1.4.0`"],
  ["type", { type: "gadget" }, "/type", "must be one of processor, connector, analyzer, utility"],
  ["author as text", { author: "Ada" }, "/author", "must be an object"],
  ["e-mail", { author: { name: "Ada", email: "nope" } }, "/author/email", "must be an e-mail address"],
  ["script URL", { homepage: "javascript:alert(1)" }, "/homepage", "must be an http or https URL"],
  ["module outside", { wasm: "../x.wasm" }, "/wasm", "must be a relative path in the package that ends in `.wasm`"],
  [
    "module name",
    { modules: [{ name: "a b", wasm: "a.wasm" }] },
    "/modules/0/name",
    "must begin with a letter or digit and have up to 64 of letters, digits and `_.:/-`",
  ],
  ...["main", "env", "extism:host/env", "extism:host/user", "wasi_snapshot_preview1", "patchbay:x"].map(
    (name): [string, Record<string, unknown>, string, string] => [
      `module name ${name}`,
      { modules: [{ name, wasm: "a.wasm" }] },
      "/modules/0/name",
      "is reserved: it is the host's, or the main module's own",
    ],
  ),
  [
    "repeated module name",
    {
      modules: [
        { name: "a", wasm: "a.wasm" },
        { name: "a", wasm: "b.wasm" },
      ],
    },
    "/modules/1",
    'repeats "a"',
  ],
  [
    "too many modules",
    { modules: Array.from({ length: 9 }, (_, at) => ({ name: `m${at}`, wasm: "a.wasm" })) },
    "/modules",
    "must have at most 8 entries, found 9",
  ],
  ...["/data", "../x", "data/../x", "./x", "a//b", "a**", "a/**/b", "*a*", "a\\b"].map(
    (file): [string, Record<string, unknown>, string, string] => [
      `file pattern ${file}`,
      { files: [file] },
      "/files/0",
      "must be a relative path in the package; a name may have one `*`, and `/` or `/**` at the end means all below",
    ],
  ),
  ["absolute module", { wasm: "/x.wasm" }, "/wasm", "must be a relative path in the package that ends in `.wasm`"],
  ["function name", { defaultFunction: "1st" }, "/defaultFunction", "must be the name of an exported function"],
  ["hook name", { hooks: [{ name: "", function: "f" }] }, "/hooks/0/name", "must be a hook such as `file:process`"],
  ["hook function", { hooks: [{ name: "a:b" }] }, "/hooks/0/function", "is required"],
  ["repeated tag", { tags: ["a", "b", "a"] }, "/tags/2", 'repeats "a"'],
  ["permission by two names", { permissions: ["http", "network"] }, "/permissions/1", 'repeats "http"'],
  [
    "hosts without network",
    { permissions: [{ capability: "kv", hosts: ["a.example"] }] },
    "/permissions/0",
    "may have hosts only for http and webhooks",
  ],
  [
    "host with scheme",
    { permissions: [{ capability: "http", hosts: ["https://a.example"] }] },
    "/permissions/0/hosts/0",
    "must be a lower-case host name such as `api.example.com` or `*.example.com`",
  ],
  [
    "a quota that there is not",
    { permissions: [{ capability: "network", quotas: { files: 1 } }] },
    "/permissions/0/quotas/files",
    "is not a quota of http; there are requests, requestBytes, responseBytes",
  ],
  [
    "a quota over its maximum",
    { permissions: [{ capability: "http", quotas: { requests: 101 } }] },
    "/permissions/0/quotas/requests",
    "must be at most 100 calls, found 101",
  ],
  ["dependency id", { dependencies: { "A/B": "1" } }, "/dependencies/A~1B", lowerCase],
  [
    "dependency range",
    { dependencies: { "acme.words": "latest" } },
    "/dependencies/acme.words",
    "must be a semantic version range such as `^1.2.0`",
  ],
  ["unknown limit", { limits: { cpu: 1 } }, "/limits/cpu", "is not a known field"],
  [
    "limit over its maximum",
    { limits: { memory: LIMITS.memory.maximum + 1 } },
    "/limits/memory",
    `must be a whole number of bytes from 0 to ${LIMITS.memory.maximum}, found ${LIMITS.memory.maximum + 1}`,
  ],
  [
    "negative limit",
    { limits: { fuel: -1 } },
    "/limits/fuel",
    `must be a whole number of fuel from 0 to ${LIMITS.fuel.maximum}, found -1`,
  ],
  ["list for an object", { limits: [] }, "/limits", "must be an object"],
  [
    "endpoint permission",
    { api: { endpoints: [{ method: "GET", path: "/", function: "f", permission: "root" }] } },
    "/api/endpoints/0/permission",
    `must be public, token or one of ${Object.keys(PERMISSIONS).join(", ")}`,
  ],
  [
    "a webhook of an unknown scheme",
    { webhooks: { incoming: [{ name: "a", function: "f", scheme: "rsa", secret: "key" }] } },
    "/webhooks/incoming/0/scheme",
    "must be one of standard, github, hmac-sha256",
  ],
  [
    "a webhook without the header that carries its signature",
    { webhooks: { incoming: [{ name: "a", function: "f", scheme: "hmac-sha256", secret: "key" }] } },
    "/webhooks/incoming/0",
    "must have `header`, which carries the signature, with the scheme hmac-sha256 and no other",
  ],
  [
    "a webhook signed with what is no secret",
    {
      config: { properties: { key: { type: "string" } } },
      webhooks: { incoming: [{ name: "a", function: "f", scheme: "github", secret: "key" }] },
    },
    "/webhooks/incoming/0/secret",
    'must name a setting that `config` marks as secret; found "key"',
  ],
  [
    "repeated endpoint",
    { api: { endpoints: [1, 2].map(() => ({ method: "GET", path: "/a", function: "f" })) } },
    "/api/endpoints/1",
    'repeats "GET /a"',
  ],
  ["config type", { config: { type: "array" } }, "/config", "must describe an object: `type` must be `object`"],
  ["config size", { config: { description: "x".repeat(70_000) } }, "/config", "must not be larger than 65536 bytes"],
  [
    "topic",
    { events: { publishes: ["a..b"] } },
    "/events/publishes/0",
    "must be a topic such as `orders.created`, or have `*` for words after the first",
  ],
  [
    "engine range",
    { engines: { patchbay: "new" } },
    "/engines/patchbay",
    "must be a semantic version range such as `^1.2.0`",
  ],
])("%s is refused at its place", (_name, fields, path, message) => {
  expect(issuesOf(manifestOf(fields))).toEqual([{ path, message }]);
});

test("a deep config schema is refused", () => {
  let config: unknown = {};
  for (let depth = 0; depth < 20; depth++) config = { properties: config };
  expect(issuesOf(manifestOf({ config }))).toEqual([
    { path: "/config", message: "must not be nested deeper than 16 levels" },
  ]);
});

test.each<[string, Uint8Array, Issue[]]>([
  [
    "byte order mark",
    new Uint8Array([0xef, 0xbb, 0xbf, 0x7b, 0x7d]),
    [{ path: "", message: "starts with a byte order mark; save the file as UTF-8 without one" }],
  ],
  ["UTF-16", new Uint8Array([0xff, 0xfe, 0x7b, 0]), [{ path: "", message: "is UTF-16; save the file as UTF-8" }]],
  ["broken UTF-8", new Uint8Array([0x22, 0xc3, 0x22]), [{ path: "", message: "is not valid UTF-8" }]],
  ["nothing", bytes(""), [{ path: "", message: "is not valid JSON: Unexpected end of JSON input" }]],
  ["repeated key", bytes('{"id":"a","id":"b"}'), [{ path: "/id", message: "appears twice in the same object" }]],
  [
    "repeated key behind an escape",
    bytes(String.raw`{"hooks":[{},{"name":1,"n\u0061me":2}]}`),
    [{ path: "/hooks/1/name", message: "appears twice in the same object" }],
  ],
  [
    "prototype key",
    bytes('{"dependencies":{"__proto__":"1"}}'),
    [{ path: "/dependencies/__proto__", message: "is a reserved key" }],
  ],
])("manifest text with %s is refused", (_name, text, issues) => {
  const error = refusal(() => parseManifestText(text));
  expect(error.code).toBe("MANIFEST_INVALID");
  expect(error.issues).toEqual(issues);
});

test("deep nesting is refused, braces in strings are not counted", () => {
  const deep = `{"config":${"[".repeat(40)}${"]".repeat(40)}}`;
  expect(refusal(() => parseManifestText(bytes(deep))).issues?.at(-1)?.message).toBe("is nested deeper than 32 levels");
  const harmless = JSON.stringify(manifestOf({ description: `{"a":1,"a":2}${"[".repeat(50)}` }));
  expect(parseManifestText(bytes(harmless)).description).toContain("[[[");
});

test("a manifest over the size limit is refused before it is parsed", () => {
  const error = refusal(() => parseManifestText(new Uint8Array(PACKAGE_LIMITS.manifestBytes + 1)));
  expect(error.message).toBe("The manifest has 262145 bytes; the limit is 262144.");
  expect(error.limit).toEqual({ name: "manifestBytes", used: 262_145, allowed: 262_144 });
});

test("the committed JSON Schema is what the schema generates (node scripts/build-schema.ts)", async () => {
  const committed = await readFile(new URL("../../../sdk/contract/manifest.schema.json", import.meta.url), "utf8");
  expect(committed).toBe(await manifestSchemaText());
});
