import { describe, expect, test } from "vitest";
import { configSchemaIssues } from "../../../sdk/contract/config/check-schema.ts";
import { withDefaults } from "../../../sdk/contract/config/defaults.ts";
import type { JsonObject } from "../../../sdk/contract/config/json-values.ts";
import type { SchemaObject } from "../../../sdk/contract/config/schema-parts.ts";
import { configIssues } from "../../../sdk/contract/config/validate-config.ts";

const SCHEMA = {
  type: "object",
  $defs: { port: { type: "integer", minimum: 1, maximum: 65_535 } },
  required: ["host"],
  additionalProperties: false,
  properties: {
    host: { type: "string", format: "hostname" },
    port: { $ref: "#/$defs/port", default: 443 },
    slug: { type: "string", pattern: "^[a-z0-9]+(-[a-z0-9]+)*$" },
    mode: { enum: ["fast", "safe"] },
    tags: { type: "array", items: { type: "string", maxLength: 3 }, uniqueItems: true, maxItems: 3 },
    apiKey: { type: "string", minLength: 8, pattern: "^key-", "x-secret": true },
    headers: {
      type: "object",
      patternProperties: { "^x-": { type: "string" }, "-x$": { maxLength: 2 } },
      additionalProperties: false,
    },
    either: { oneOf: [{ type: "number" }, { type: "string", maxLength: 2 }] },
    smtp: { type: "object", properties: { "pass/word": { writeOnly: true, type: "string" } }, required: ["pass/word"] },
  },
};

test("the schema of these tests is one that a manifest may have", () => {
  expect(configSchemaIssues(SCHEMA)).toEqual([]);
});

describe("what is wrong is said with pointers", () => {
  test.each<[string, unknown, { path: string; message: string }[]]>([
    ["nothing", { host: "example.com", headers: { "x-a": "b" }, either: 3, tags: ["a", "b"] }, []],
    ["missing", {}, [{ path: "/host", message: "is required" }]],
    ["type", { host: 3 }, [{ path: "/host", message: "must be string; found 3" }]],
    ["type of a whole", { host: { a: 1 } }, [{ path: "/host", message: "must be string; found an object of 1" }]],
    ["unknown", { host: "a", "o~t/her": 1 }, [{ path: "/o~0t~1her", message: "is not a known entry" }]],
    ["by reference", { host: "a", port: 70_000 }, [{ path: "/port", message: "must be at most 65535; found 70000" }]],
    ["format", { host: "-a-" }, [{ path: "/host", message: 'must be text in the format hostname; found "-a-"' }]],
    [
      "pattern",
      { host: "a", slug: "A b" },
      [{ path: "/slug", message: 'must match the pattern "^[a-z0-9]+(-[a-z0-9]+)*$"; found "A b"' }],
    ],
    ["enum", { host: "a", mode: "slow" }, [{ path: "/mode", message: 'must be one of ["fast","safe"]; found "slow"' }]],
    [
      "items",
      { host: "a", tags: ["a", "a", "long"] },
      [
        { path: "/tags/2", message: 'must have at most 3 characters; found "long"' },
        { path: "/tags", message: "must not have an item twice; found a list of 3" },
      ],
    ],
    [
      "names by pattern",
      { host: "a", headers: { "x-a": 1, y: "" } },
      [
        { path: "/headers/x-a", message: "must be string; found 1" },
        { path: "/headers/y", message: "is not a known entry" },
      ],
    ],
    [
      "two patterns for one name",
      { host: "a", headers: { "x-x": "long" } },
      [{ path: "/headers/x-x", message: 'must have at most 2 characters; found "long"' }],
    ],
    [
      "alternatives",
      { host: "a", either: true },
      [{ path: "/either", message: "must fit exactly one of the alternatives" }],
    ],
    [
      "long text",
      { host: "b".repeat(300) },
      [{ path: "/host", message: `must be text in the format hostname; found "${"b".repeat(119)}… (302)` }],
    ],
    ["no object", [], [{ path: "", message: "must be an object" }]],
    ["null", null, [{ path: "", message: "must be an object" }]],
  ])("%s", (_name, config, issues) => {
    expect(configIssues(SCHEMA, config)).toEqual(issues);
  });
});

test.each<[JsonObject, string]>([
  [{ host: "a", apiKey: "hunter2" }, "hunter2"],
  [{ host: "a", apiKey: 11_223_344 }, "11223344"],
  [{ host: "a", apiKey: ["hunter2"] }, "hunter2"],
  [{ host: "a", smtp: { "pass/word": { deep: "hunter2" } } }, "hunter2"],
])("the value of a secret is never repeated: %j", (config, secret) => {
  const issues = configIssues(SCHEMA, config);
  expect(issues.length).toBeGreaterThan(0);
  expect(JSON.stringify(issues)).not.toContain(secret);
  expect(issues.every(({ message }) => message.endsWith("found a secret of another kind"))).toBe(true);
});

const nested = (depth: number): string => `{"a":${"[".repeat(depth)}${"]".repeat(depth)}}`;

describe("limits hold whatever the schema says", () => {
  test.each<[string, string, { path: string; message: string }]>([
    ["prototype", '{"__proto__":{"a":1}}', { path: "/__proto__", message: "is a reserved name" }],
    ["inner prototype", '{"a":[{"constructor":1}]}', { path: "/a/0/constructor", message: "is a reserved name" }],
    ["depth", nested(17), { path: "/a", message: "must not be nested deeper than 16 levels" }],
    ["endless depth", nested(200_000), { path: "/a", message: "must not be nested deeper than 16 levels" }],
    [
      "many values",
      `{"a":[${"1,".repeat(500_000)}1]}`,
      { path: "", message: "must have at most 2000 values; found more" },
    ],
    [
      "many entries",
      JSON.stringify(Object.fromEntries(Array.from({ length: 101 }, (_, index) => [index, 1]))),
      { path: "", message: "must have at most 100 entries; found 101" },
    ],
    [
      "one long text",
      JSON.stringify({ a: "x".repeat(60_000) }),
      { path: "/a", message: "must be at most 8192 bytes; found 60000" },
    ],
    [
      "bytes, not characters",
      JSON.stringify({ a: "é".repeat(5_000) }),
      { path: "/a", message: "must be at most 8192 bytes; found 10000" },
    ],
    [
      "total",
      JSON.stringify(Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`k${index}`, "x".repeat(8_000)]))),
      { path: "", message: "must be at most 65536 bytes, names and values together; found 72018" },
    ],
    [
      "long name",
      JSON.stringify({ ["x".repeat(129)]: 1 }),
      { path: `/${"x".repeat(129)}`, message: "must have a name of 1 to 128 bytes" },
    ],
    ["no name", '{"":1}', { path: "/", message: "must have a name of 1 to 128 bytes" }],
    [
      "half a character",
      String.raw`{"a":"\ud800"}`,
      { path: "/a", message: "must be well-formed Unicode; found half of a surrogate pair" },
    ],
    [
      "half a name",
      String.raw`{"\udc00":1}`,
      { path: "/\ufffd", message: "must be well-formed Unicode; found half of a surrogate pair" },
    ],
    [
      "the name of the whole",
      '{"$config":1}',
      { path: "/$config", message: "is the name under which a plugin reads the whole configuration" },
    ],
  ])("%s", (_name, text, issue) => {
    const started = performance.now();
    expect(configIssues({}, JSON.parse(text))).toEqual([issue]);
    expect(configIssues(undefined, JSON.parse(text))).toEqual([issue]);
    expect(performance.now() - started).toBeLessThan(3_000);
  });
});

test("1 MB is refused as an entry and as a whole", () => {
  expect(configIssues(undefined, { a: "x".repeat(1_000_000) })).toEqual([
    { path: "/a", message: "must be at most 8192 bytes; found 1000000" },
    { path: "", message: "must be at most 65536 bytes, names and values together; found 1000001" },
  ]);
});

test("names of inherited members are not there unless they are given", () => {
  const schema = { properties: { toString: { type: "string" } }, additionalProperties: false, required: ["valueOf"] };
  expect(configIssues(schema, {})).toEqual([{ path: "/valueOf", message: "is required" }]);
  expect(configIssues(schema, { toString: 1 })).toContainEqual({
    path: "/toString",
    message: "must be string; found 1",
  });
});

describe("hostile schemas and values end in a moment", () => {
  const long = "a".repeat(8_000);
  test.each<[string, SchemaObject, JsonObject]>([
    ["pattern", { properties: { a: { pattern: "^(a+)+$" } } }, { a: `${long}!` }],
    [
      "pattern of names",
      { patternProperties: { "^(a|a)*$": true }, additionalProperties: false },
      { [`${"a".repeat(120)}!`]: 1 },
    ],
    [
      "many patterns over many texts",
      {
        properties: {
          a: { items: { allOf: Array.from({ length: 50 }, (_, index) => ({ pattern: `^(x|y${index})*$` })) } },
        },
      },
      { a: Array.from({ length: 1_000 }, (_, index) => `t${index}`) },
    ],
    [
      "literal texts that look like patterns",
      { properties: { a: { items: { pattern: "[(\\[\\\\]" } } } },
      { a: ["(", "[a-", "\\", "^$.|?*+(){}[]/-", "\n"] },
    ],
    [
      "equal items",
      { properties: { a: { uniqueItems: true } } },
      { a: Array.from({ length: 600 }, (_, index) => ({ b: index })) },
    ],
    [
      "many schemas over many values",
      { properties: { a: { items: { allOf: Array.from({ length: 900 }, () => ({ type: "string" })) } } } },
      { a: Array.from({ length: 1_900 }, (_, index) => index) },
    ],
    ...[
      "date",
      "time",
      "date-time",
      "duration",
      "email",
      "hostname",
      "ipv4",
      "ipv6",
      "uri",
      "uri-reference",
      "uuid",
      "json-pointer",
      "relative-json-pointer",
      "regex",
    ].flatMap((format) =>
      ["a", "0", ":", "/", ".", "%41", "a.", "a@", "[", "-"].map((part): [string, SchemaObject, JsonObject] => [
        `${format} of ${part}`,
        { properties: { a: { format } } },
        { a: `http://${part.repeat(2_500)}!` },
      ]),
    ),
    ["a format that is not checked", { properties: { a: { format: "url" } } }, { a: `http://${"a".repeat(60)}!` }],
  ])("%s", (_name, schema, config) => {
    const started = performance.now();
    configIssues(schema, config);
    expect(performance.now() - started).toBeLessThan(3_000);
  });
});

test("draft-07 ignores what stands beside a reference", () => {
  const schema = (dialect: string) => ({
    $schema: dialect,
    definitions: { a: { type: "string" } },
    properties: { a: { $ref: "#/definitions/a", maxLength: 1 } },
  });
  expect(configIssues(schema("http://json-schema.org/draft-07/schema#"), { a: "long" })).toEqual([]);
  expect(configIssues(schema("https://json-schema.org/draft/2020-12/schema"), { a: "long" })).toHaveLength(1);
});

describe("defaults", () => {
  const schema = {
    default: { mode: "safe" },
    $defs: {
      size: { type: "object", default: { height: 2 }, properties: { width: { default: 1 }, height: { default: 9 } } },
    },
    properties: {
      mode: { default: "fast" },
      size: { $ref: "#/$defs/size" },
      other: { properties: { a: { default: 1 } } },
      key: { "x-secret": true },
    },
    anyOf: [{ properties: { maybe: { default: 1 } } }],
  };

  test.each<[JsonObject, JsonObject]>([
    [{}, { mode: "safe", size: { height: 2, width: 1 } }],
    [
      { mode: null, size: {} },
      { mode: null, size: { width: 1, height: 9 } },
    ],
    [
      { size: 3, other: {} },
      { mode: "safe", size: 3, other: { a: 1 } },
    ],
  ])("of %j", (config, whole) => {
    expect(withDefaults(schema, config)).toEqual(whole);
  });

  test("what is given stays what it was", () => {
    const config = Object.freeze({ size: Object.freeze({}) });
    withDefaults(schema, config);
    expect(config).toEqual({ size: {} });
  });
});
