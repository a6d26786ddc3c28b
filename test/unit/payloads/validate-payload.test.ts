import { describe, expect, test } from "vitest";
import type { SchemaObject } from "../../../sdk/contract/config/schema-parts.ts";
import type { Payload } from "../../../sdk/contract/payloads/payload-fields.ts";
import { payloadIssues, VALIDATION_STEPS, type Validation } from "../../../sdk/contract/payloads/validate-payload.ts";

const ORDER = {
  type: "object",
  properties: {
    id: { type: "string", minLength: 1 },
    lines: { type: "array", items: { $ref: "#/$defs/Line" } },
    kind: { enum: ["a", "b"] },
  },
  required: ["id"],
  additionalProperties: false,
};
const LINE = { type: "object", properties: { sku: { type: "string", pattern: "^[a-z]+$" } }, required: ["sku"] };

function bytesOf(value: unknown): Uint8Array {
  return value instanceof Uint8Array
    ? value
    : new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
}

function issues(payload: Payload, value: unknown, types: Validation["types"] = {}) {
  return payloadIssues(
    { mode: "input", functions: { run: { input: payload } }, types },
    "run",
    "input",
    bytesOf(value),
  );
}

function ofSchema(schema: SchemaObject, value: unknown, types?: Validation["types"]) {
  return issues({ schema }, value, types);
}

describe("a payload", () => {
  test.each<[string, unknown]>([
    ["with everything", { id: "1", lines: [{ sku: "abc", more: 1 }], kind: "b" }],
    ["with what is required", { id: "1" }],
  ])("%s fits", (_name, value) => {
    expect(ofSchema(ORDER, value, { Line: LINE })).toEqual([]);
  });

  test.each<[string, unknown, string, string]>([
    ["of another type", [1], "", "must be object; found a list of 1 (type)"],
    ["without what is required", {}, "/id", "is required (required)"],
    ["with what is not known", { id: "1", extra: "secret-value" }, "/extra", "is not a known entry (false)"],
    ["with a wrong member", { id: 5 }, "/id", "must be string; found a number (type)"],
    [
      "with text that is too short",
      { id: "" },
      "/id",
      "must have at least 1 characters; found text of 0 characters (minLength)",
    ],
    [
      "with another constant",
      { id: "1", kind: "secret-value" },
      "/kind",
      'must be one of ["a","b"]; found text of 12 characters (enum)',
    ],
    [
      "with a wrong member deep inside",
      { id: "1", lines: [{ sku: "a" }, { sku: "A1" }] },
      "/lines/1/sku",
      'must match the pattern "^[a-z]+$"; found text of 2 characters (pattern)',
    ],
    ["that is no JSON", "{", "", "must be JSON (contentType); found other text"],
    ["that is nothing", "", "", "must be JSON (contentType); found nothing"],
    ["that is no text", new Uint8Array([0xff]), "", "must be text in UTF-8 (contentType); found other bytes"],
  ])("%s does not, and is not repeated", (_name, value, path, message) => {
    const found = ofSchema(ORDER, value, { Line: LINE });
    expect(found).toEqual([{ path, message }]);
    expect(JSON.stringify(found)).not.toContain("secret-value");
  });

  test("says all that is wrong, but not more than 20", () => {
    const schema = { items: { type: "string" } };
    expect(ofSchema(schema, [1, "a", true]).map(({ path }) => path)).toEqual(["/0", "/2"]);
    expect(
      ofSchema(
        schema,
        Array.from({ length: 50 }, () => 1),
      ),
    ).toHaveLength(20);
  });

  test("is looked at only where the mode and the description say so", () => {
    const validation: Validation = {
      mode: "output",
      functions: { run: { input: { schema: ORDER }, output: { schema: ORDER } } },
    };
    expect(payloadIssues(validation, "run", "input", bytesOf(1))).toEqual([]);
    expect(payloadIssues(validation, "run", "output", bytesOf(1))).toHaveLength(1);
    expect(payloadIssues(validation, "run", "output", undefined)).toHaveLength(1);
    expect(payloadIssues(validation, "other", "output", bytesOf(1))).toEqual([]);
    expect(payloadIssues(validation, "toString", "output", bytesOf(1))).toEqual([]);
    expect(issues({ contentType: "image/png" }, new Uint8Array([0xff]))).toEqual([]);
    expect(issues({ contentType: "text/csv" }, "a,b")).toEqual([]);
    expect(issues({ contentType: "text/csv" }, new Uint8Array([0xff]))).toHaveLength(1);
    expect(issues({ contentType: "application/ld+json" }, "no")).toHaveLength(1);
    expect(issues({}, new Uint8Array([0xff]))).toEqual([]);
  });

  test("may be of a type that leads back to itself", () => {
    const types = {
      Node: { type: "object", properties: { next: { $ref: "#/$defs/Node" } }, additionalProperties: false },
    };
    const schema = { $ref: "#/$defs/Node" };
    expect(ofSchema(schema, { next: { next: {} } }, types)).toEqual([]);
    expect(ofSchema(schema, { next: { next: { last: 1 } } }, types)).toEqual([
      { path: "/next/next/last", message: "is not a known entry (false)" },
    ]);
  });
});

/** A check runs in the worker, unmetered: whatever schema and payload are, it must end soon. */
describe("a check that would take long ends", () => {
  const nested = (depth: number): unknown => (depth === 0 ? 1 : { a: nested(depth - 1) });
  const doubling = { anyOf: [{ $ref: "#/$defs/T" }, { $ref: "#/$defs/T" }] };
  const many = Array.from({ length: 20_000 }, (_, at) => `text ${at}`);

  test.each<[string, SchemaObject, unknown, Validation["types"]]>([
    [
      "of a schema that doubles with each level",
      { $ref: "#/$defs/T" },
      nested(60),
      { T: { type: "object", properties: { a: doubling } } },
    ],
    ["of a long list whose items must differ", { uniqueItems: true }, many, {}],
    [
      "of many values by many alternatives",
      { items: { anyOf: [...Array.from({ length: 200 }, (_, at) => ({ const: `x${at}` })), { type: "string" }] } },
      many,
      {},
    ],
    [
      "of much text by patterns",
      { items: { pattern: "(a|b|c|d|e|f){50}" } },
      Array.from({ length: 1_000 }, (_, at) => `${"a".repeat(1_000)}${at}`),
      {},
    ],
    ["of a long enumeration", { items: { enum: many } }, many, {}],
  ])("%s", (_name, schema, value, types) => {
    const startedAt = performance.now();
    expect(ofSchema(schema, value, types)).toEqual([
      { path: "", message: `must be checked in ${VALIDATION_STEPS} steps; it takes more` },
    ]);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });

  test("and so does one of deep nesting", () => {
    expect(ofSchema({}, `${"[".repeat(66)}${"]".repeat(66)}`)).toEqual([
      { path: "", message: "must not be nested deeper than 64 levels" },
    ]);
    expect(ofSchema({}, `${"[".repeat(65_000)}${"]".repeat(65_000)}`)).toHaveLength(1);
  });

  test("but not one of a usual list", () => {
    const lines = Array.from({ length: 5_000 }, () => ({ sku: "abc", quantity: 3, price: 1.5 }));
    const line = {
      type: "object",
      properties: { sku: { type: "string" }, quantity: { type: "integer" }, price: { type: "number" } },
      required: ["sku"],
    };
    expect(ofSchema({ items: line }, lines)).toEqual([]);
  });
});
