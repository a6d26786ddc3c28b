import { describe, expect, test } from "vitest";
import { PlatformError, type Issue } from "../../../sdk/contract/errors.ts";
import { parseManifest } from "../../../sdk/contract/manifest.ts";
import { selfContained } from "../../../sdk/contract/payloads/description-rules.ts";
import { PAYLOAD_LIMITS } from "../../../sdk/contract/payloads/payload-fields.ts";
import { manifestOf } from "../../fixtures/packages/manifests.ts";

const STRING = { type: "string" };
const NODE = { type: "object", properties: { children: { type: "array", items: { $ref: "#/$defs/Node" } } } };

function issuesOf(description: object): readonly Issue[] {
  try {
    parseManifest({ ...manifestOf(), ...description });
    return [];
  } catch (error) {
    if (error instanceof PlatformError) return error.issues ?? [];
    throw error;
  }
}

function ofSchema(schema: unknown, types?: object): readonly Issue[] {
  return issuesOf({ functions: { run: { input: { schema } } }, ...(types ? { types } : {}) });
}

describe("a description that is accepted", () => {
  test.each<[string, object]>([
    ["nothing but names", { functions: { run: {}, "other-one": {} } }],
    [
      "content types",
      { functions: { run: { input: { contentType: "text/plain" }, output: { contentType: "image/svg+xml" } } } },
    ],
    [
      "a schema of JSON underneath",
      { functions: { run: { input: { contentType: "application/ld+json", schema: {} } } } },
    ],
    [
      "types that refer to each other and to themselves",
      { types: { Node: NODE, List: { items: { $ref: "#/$defs/Node" } } } },
    ],
    [
      "a schema with definitions of its own beside the shared ones",
      {
        functions: {
          run: {
            output: {
              schema: {
                properties: { a: { $ref: "#/$defs/Node" }, b: { $ref: "#/$defs/own" } },
                $defs: { own: { properties: { again: { $ref: "#/$defs/own" } } } },
              },
            },
          },
        },
        types: { Node: NODE },
      },
    ],
    [
      "messages",
      {
        events: {
          publishes: ["a.b"],
          subscribes: [{ topic: "c.*", function: "run" }],
          messages: { "a.b": {}, "c.*": { schema: STRING } },
        },
      },
    ],
  ])("%s", (_name, description) => {
    expect(issuesOf(description)).toEqual([]);
  });
});

describe("a description that is refused", () => {
  test.each<[string, object, string, RegExp]>([
    ["a name that no export can have", { functions: { "a b": {} } }, "/functions/a b", /exported function/],
    [
      "a content type with parameters",
      { functions: { run: { input: { contentType: "text/plain; charset=utf-8" } } } },
      "/functions/run/input/contentType",
      /media type/,
    ],
    [
      "a schema of what is no JSON",
      { functions: { run: { output: { contentType: "text/plain", schema: {} } } } },
      "/functions/run/output",
      /only with the contentType application\/json/,
    ],
    [
      "a member that is not known",
      { functions: { run: { inputs: {} } } },
      "/functions/run/inputs",
      /not a known field/,
    ],
    ["a type's name", { types: { "a-b": {} } }, "/types/a-b", /begin with a letter/],
    ["definitions within a type", { types: { A: { $defs: { b: {} } } } }, "/types/A/$defs", /types themselves/],
    ["a type of nothing", { types: { A: { type: "text" } } }, "/types/A/type", /must be one or more of array/],
    ["a type that is itself", { types: { A: { $ref: "#/$defs/A" } } }, "/types/A/$ref", /lead back to itself/],
    [
      "types that are each other",
      { types: { A: { allOf: [{ $ref: "#/$defs/B" }] }, B: { anyOf: [STRING, { not: { $ref: "#/$defs/A" } }] } } },
      "/types/A/allOf/0/$ref/anyOf/1/not/$ref",
      /lead back to itself/,
    ],
    [
      "messages of a topic that it has nothing to do with",
      { events: { publishes: ["a.b"], messages: { "a.c": {} } } },
      "/events/messages/a.c",
      /must be one of the topics/,
    ],
  ])("%s", (_name, description, path, message) => {
    expect(issuesOf(description)).toContainEqual({ path, message: expect.stringMatching(message) as string });
  });

  test.each<[string, unknown, string, RegExp]>([
    ["a list", [], "", /must be a JSON Schema object/],
    ["a remote reference", { $ref: "https://example.com/schema.json" }, "/$ref", /nothing is fetched/],
    ["a reference to nowhere", { items: { $ref: "#/$defs/None" } }, "/items/$ref", /where there is no schema/],
    ["a reference into a shared type", { $ref: "#/$defs/Node/properties" }, "/$ref", /where there is no schema/],
    ["an old draft", { $schema: "http://json-schema.org/draft-04/schema#" }, "/$schema", /must be one of/],
    ["references that move", { $dynamicRef: "#x" }, "/$dynamicRef", /is not supported/],
    ["a pattern that backtracks", { pattern: "(a+)+\\1" }, "/pattern", /.+/],
    ["a definition with the name of a type", { $defs: { Node: {} } }, "/$defs/Node", /one of the manifest's `types`/],
    ["definitions that are none", { $defs: [] }, "/$defs", /must be an object of schemas/],
    ["itself", { anyOf: [{ $ref: "#" }] }, "/anyOf/0/$ref", /lead back to itself/],
  ])("%s as a schema", (_name, schema, path, message) => {
    expect(ofSchema(schema, { Node: NODE })).toContainEqual({
      path: `/functions/run/input/schema${path}`,
      message: expect.stringMatching(message) as string,
    });
  });

  test("what is too deep, too large or too many", () => {
    const nested = Array.from({ length: PAYLOAD_LIMITS.schemaDepth }).reduce<object>((inner) => ({ not: inner }), {});
    expect(ofSchema(nested)).toEqual([]);
    const deeper = { path: "/functions/run/input/schema", message: "must not be nested deeper than 24 levels" };
    expect(ofSchema({ not: nested })).toContainEqual(deeper);
    expect(ofSchema({ description: "x".repeat(PAYLOAD_LIMITS.schemaBytes) })).toContainEqual({
      path: "/functions/run/input/schema",
      message: "must not be larger than 65536 bytes",
    });
    const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`f${at}`, {}]));
    expect(issuesOf({ functions: many(100), types: many(100) })).toEqual([]);
    expect(issuesOf({ functions: many(101) })).toContainEqual({
      path: "/functions",
      message: "must have at most 100 entries",
    });
  });

  test("before much time has passed, however its schemas refer to each other", () => {
    const all = Array.from({ length: 100 }, (_, at) => ({ $ref: `#/$defs/T${at}` }));
    const types = Object.fromEntries(
      all.map((_, at) => [`T${at}`, { properties: { a: { anyOf: all.slice(0, 90) } } }]),
    );
    const functions = Object.fromEntries(all.map((_, at) => [`f${at}`, { input: { schema: { anyOf: all } } }]));
    const startedAt = performance.now();
    expect(issuesOf({ functions, types })).toEqual([]);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });
});

test("a schema by itself has the types that it leads to, and no others", () => {
  const types = { Node: NODE, Pair: { items: { $ref: "#/$defs/Node" } }, Other: STRING };
  expect(selfContained({ $ref: "#/$defs/Pair" }, types)).toEqual({
    $ref: "#/$defs/Pair",
    $defs: { Pair: types.Pair, Node: NODE },
  });
  expect(selfContained(STRING, types)).toBe(STRING);
});
