import { describe, expect, test } from "vitest";
import { configSchemaIssues } from "../../../sdk/contract/config/check-schema.ts";
import type { SchemaObject } from "../../../sdk/contract/config/schema-parts.ts";
import { parseManifest } from "../../../sdk/contract/manifest.ts";
import { manifestOf } from "../../fixtures/packages/manifests.ts";
import { PlatformError } from "../../../sdk/contract/errors.ts";

const STRING = { type: "string" };

describe("schemas that are accepted", () => {
  test.each<[string, SchemaObject]>([
    ["empty", {}],
    ["2020-12", { $schema: "https://json-schema.org/draft/2020-12/schema", type: "object" }],
    ["2019-09", { $schema: "https://json-schema.org/draft/2019-09/schema#" }],
    ["draft-07", { $schema: "http://json-schema.org/draft-07/schema#", definitions: { a: STRING } }],
    ["an annotation nobody knows", { markdownDescription: "x", properties: { a: { "x-order": 1 } } }],
    [
      "references",
      {
        $defs: { a: { $anchor: "port", type: "integer" } },
        properties: { a: { $ref: "#port" }, b: { $ref: "#/$defs/a" } },
      },
    ],
    ["conditions", JSON.parse('{"if":{"required":["a"]},"then":{"required":["b"]},"else":false}') as SchemaObject],
    ["old dependencies", { dependencies: { a: ["b"], c: { required: ["d"] } } }],
    ["a list of items", { properties: { a: { items: [STRING, true] } } }],
    [
      "secrets",
      {
        properties: {
          key: { type: "string", "x-secret": true },
          smtp: { properties: { password: { writeOnly: true } } },
        },
      },
    ],
    [
      "a secret by reference",
      { $defs: { key: { writeOnly: true } }, allOf: [{ properties: { a: { $ref: "#/$defs/key" } } }] },
    ],
    [
      "defaults",
      {
        properties: { a: { default: 3, type: "integer" }, b: { default: { c: 1 }, properties: { c: { default: 2 } } } },
      },
    ],
    ["a reference to what is always true", { $defs: { any: true }, properties: { a: { $ref: "#/$defs/any" } } }],
    ["an id", { $id: "https://example.com/config.json" }],
    ["names of inherited members", { properties: { toString: STRING, hasOwnProperty: STRING } }],
  ])("%s", (_name, schema) => {
    expect(configSchemaIssues(schema)).toEqual([]);
  });
});

function nested(levels: number): SchemaObject {
  return Array.from({ length: levels }).reduce<SchemaObject>((inner) => ({ properties: { a: inner } }), {});
}

/** Each definition names the next twice: written out, the last stands 2^30 times. */
const DOUBLING = {
  $defs: Object.fromEntries(
    Array.from({ length: 30 }, (_, index) => [
      `d${index}`,
      index === 29 ? STRING : { allOf: [{ $ref: `#/$defs/d${index + 1}` }, { $ref: `#/$defs/d${index + 1}` }] },
    ]),
  ),
  properties: { a: { $ref: "#/$defs/d0" } },
};

describe("schemas that are refused", () => {
  test.each<[string, SchemaObject, string, string]>([
    [
      "unknown type",
      { properties: { a: { type: "text" } } },
      "/properties/a/type",
      "must be one or more of array, boolean, integer, null, number, object, string",
    ],
    ["no schema", { properties: { a: 1 } }, "/properties/a", "must be a schema: an object, true or false"],
    ["properties as a list", { properties: [] }, "/properties", "must be an object of schemas"],
    ["required as a word", { required: "a" }, "/required", "must be a list of different names"],
    ["required twice", { required: ["a", "a"] }, "/required", "must be a list of different names"],
    [
      "negative count",
      { properties: { a: { minLength: -1 } } },
      "/properties/a/minLength",
      "must be a whole number, 0 or more",
    ],
    [
      "old exclusiveMinimum",
      { properties: { a: { minimum: 1, exclusiveMinimum: true } } },
      "/properties/a/exclusiveMinimum",
      "must be a number",
    ],
    [
      "multiple of nothing",
      { properties: { a: { multipleOf: 0 } } },
      "/properties/a/multipleOf",
      "must be a number above 0",
    ],
    ["empty alternatives", { anyOf: [] }, "/anyOf", "must be a list of at least one schema"],
    [
      "repeated enum",
      {
        properties: {
          a: {
            enum: [
              { b: 1, c: 2 },
              { c: 2, b: 1 },
            ],
          },
        },
      },
      "/properties/a/enum",
      "must be a list without repeated values",
    ],
    [
      "draft 4",
      { $schema: "http://json-schema.org/draft-04/schema#" },
      "/$schema",
      "must be one of https://json-schema.org/draft/2020-12/schema, https://json-schema.org/draft/2019-09/schema, http://json-schema.org/draft-07/schema",
    ],
    ["inner dialect", { properties: { a: { $schema: "x" } } }, "/properties/a/$schema", "must be at the top only"],
    [
      "inner id",
      { properties: { a: { $id: "https://example.com/" } } },
      "/properties/a/$id",
      "must be at the top only: it would change what references mean",
    ],
    [
      "remote reference",
      { properties: { a: { $ref: "https://example.com/schema.json" } } },
      "/properties/a/$ref",
      "must name a place within this schema and begin with `#`; nothing is fetched",
    ],
    [
      "file reference",
      { $ref: "other.json#/a" },
      "/$ref",
      "must name a place within this schema and begin with `#`; nothing is fetched",
    ],
    [
      "reference to nothing",
      { properties: { a: { $ref: "#/$defs/b" } } },
      "/properties/a/$ref",
      'names "#/$defs/b", where there is no schema',
    ],
    [
      "reference to what is no schema",
      { properties: { a: { $ref: "#/default/b" } }, default: { b: { pattern: "(" } } },
      "/properties/a/$ref",
      'names "#/default/b", where there is no schema',
    ],
    [
      "reference to a value that is true",
      { properties: { a: { $ref: "#/default/b" } }, default: { b: true } },
      "/properties/a/$ref",
      'names "#/default/b", where there is no schema',
    ],
    [
      "reference to an inherited member",
      { properties: { a: { $ref: "#/constructor" } } },
      "/properties/a/$ref",
      'names "#/constructor", where there is no schema',
    ],
    [
      "self reference",
      { properties: { a: { $ref: "#" } } },
      "/properties/a/$ref",
      "must not lead back to itself: a configuration has a fixed depth",
    ],
    [
      "endless reference",
      { $defs: { a: { $ref: "#/$defs/b" }, b: { $ref: "#/$defs/a" } }, $ref: "#/$defs/a" },
      "/$defs/b/$ref",
      "must not lead back to itself: a configuration has a fixed depth",
    ],
    ["dynamic reference", { $dynamicRef: "#node" }, "/$dynamicRef", "is not supported"],
    ["doubling references", DOUBLING, "", "must unfold to at most 2000 subschemas once references are written out"],
    [
      "bad pattern",
      { properties: { a: { pattern: "(" } } },
      "/properties/a/pattern",
      "must be a regular expression of ECMAScript with the flag u",
    ],
    [
      "bad pattern of names",
      { patternProperties: { "(a)\\1": true } },
      "/patternProperties/(a)\\1",
      "must not have back references",
    ],
    [
      "too many patterns",
      {
        allOf: Array.from({ length: 40 }, (_, index) => ({
          properties: { a: { pattern: `^[a-z]{${100 + index}}$` } },
        })),
      },
      "",
      "has patterns of 4900 steps together; at most 3000",
    ],
    [
      "secret in a list",
      { properties: { a: { items: { writeOnly: true } } } },
      "/properties/a/items",
      "a secret must be a property that is named by itself",
    ],
    [
      "secret in an alternative",
      { anyOf: [{ properties: { a: { "x-secret": true } } }] },
      "/anyOf/0/properties/a",
      "a secret must be a property that is named by itself",
    ],
    ["the whole as a secret", { writeOnly: true }, "", "a secret must be a property that is named by itself"],
    [
      "secret with a default",
      { properties: { a: { "x-secret": true, default: "hunter2" } } },
      "",
      "must not give the secret /a a default: a manifest is public",
    ],
    [
      "secret in an outer default",
      { properties: { a: { default: { b: 1 }, properties: { b: { writeOnly: true } } } } },
      "",
      "must not give the secret /a/b a default: a manifest is public",
    ],
    [
      "default of another type",
      { properties: { a: { type: "integer", default: "three" } } },
      "",
      'has a default that it refuses itself: /a must be integer; found "three"',
    ],
    [
      "default out of bounds",
      { properties: { b: { properties: { "c/d": { maximum: 3, default: 4 } } } } },
      "",
      "has a default that it refuses itself: /b/c~1d must be at most 3; found 4",
    ],
    ["secret as text", { properties: { a: { "x-secret": "yes" } } }, "/properties/a/x-secret", "must be true or false"],
  ])("%s", (_name, schema, path, message) => {
    expect(configSchemaIssues(schema)).toContainEqual({ path, message });
  });
});

test("many problems are listed up to twenty", () => {
  const properties = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`p${index}`, { type: index }]));
  expect(configSchemaIssues({ properties })).toHaveLength(20);
});

test("a schema as deep as a manifest allows is walked", () => {
  expect(configSchemaIssues(nested(7))).toEqual([]);
});

test("a wide hostile schema of 64 KiB is decided in a moment", () => {
  const wide = {
    $defs: {
      a: { anyOf: Array.from({ length: 500 }, () => ({ $ref: "#/$defs/b" })) },
      b: { anyOf: Array.from({ length: 500 }, () => ({ $ref: "#/$defs/c" })) },
      c: STRING,
    },
    properties: Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`p${index}`, { $ref: "#/$defs/a" }])),
  };
  const started = performance.now();
  expect(configSchemaIssues(wide)).toHaveLength(1);
  expect(performance.now() - started).toBeLessThan(500);
});

test("the manifest is refused with pointers into it", () => {
  try {
    parseManifest(manifestOf({ config: { type: "object", properties: { "a/b": { type: "text" } } } }));
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(PlatformError);
    expect((error as PlatformError).issues).toEqual([
      {
        path: "/config/properties/a~1b/type",
        message: "must be one or more of array, boolean, integer, null, number, object, string",
      },
    ]);
  }
});
