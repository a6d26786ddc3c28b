import { describe, expect, test } from "vitest";
import { mergePatch, overlay, type JsonObject, type JsonValue } from "../../../sdk/contract/config/json-values.ts";
import { flatten, unflatten, wholeText } from "../../../sdk/contract/config/flat-config.ts";
import {
  changedPlaces,
  documentIssues,
  effectiveConfig,
  isKept,
  keepSecrets,
  splitSecrets,
  withoutKept,
} from "../../../worker/control/config/document-rules.ts";

/** The examples of RFC 7396, appendix A. */
test.each<[string, string, string]>([
  ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
  ['{"a":"b"}', '{"a":null}', "{}"],
  ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
  ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
  ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
  ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
  ['["a","b"]', '["c","d"]', '["c","d"]'],
  ['{"a":"b"}', '["c"]', '["c"]'],
  ['{"a":"foo"}', "null", "null"],
  ['{"a":"foo"}', '"bar"', '"bar"'],
  ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
  ["[1,2]", '{"a":"b","c":null}', '{"a":"b"}'],
  ["{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
])("%s patched with %s", (target, patch, result) => {
  expect(mergePatch(JSON.parse(target) as JsonValue, JSON.parse(patch) as JsonValue)).toEqual(JSON.parse(result));
});

test("names that careless code would take for the prototype are names", () => {
  const patch = JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}') as JsonObject;
  expect(JSON.stringify(mergePatch({}, patch))).toBe(JSON.stringify(patch));
  expect(JSON.stringify(overlay({}, patch))).toBe(JSON.stringify(patch));
  expect(({} as { polluted?: number }).polluted).toBeUndefined();
});

describe("environments", () => {
  const schema = { properties: { a: { default: { x: 1, y: 1 } }, n: { type: "number" } } };
  const document = { default: { a: { x: 2 }, list: [1, 2] }, staging: { a: { z: 3 }, list: [3] } };

  test("objects are merged, everything else is replaced, and defaults lie below", () => {
    expect(effectiveConfig(schema, document, "production")).toEqual({ a: { x: 2 }, list: [1, 2] });
    expect(effectiveConfig(schema, document, "staging")).toEqual({ a: { x: 2, z: 3 }, list: [3] });
    expect(effectiveConfig(schema, {}, "staging")).toEqual({ a: { x: 1, y: 1 } });
  });

  test("what is wrong everywhere is said once, what is wrong in one says where", () => {
    expect(documentIssues(schema, { default: { n: "x" }, staging: { a: 1 }, production: { n: "y" } })).toEqual([
      { path: "/n", message: 'must be number; found "x"' },
      { path: "/n", message: 'must be number; found "y" (in production)' },
    ]);
  });
});

describe("secrets", () => {
  const pointers = ["/key", "/smtp/password"];

  test("are taken out, whatever kind of value they are", () => {
    const config = { key: { any: ["kind"] }, smtp: { host: "a", password: "p" }, other: 1 };
    const { values, secrets } = splitSecrets(config, pointers);
    expect(values).toEqual({ smtp: { host: "a" }, other: 1 });
    expect([...secrets]).toEqual([
      ["/key", { any: ["kind"] }],
      ["/smtp/password", "p"],
    ]);
  });

  test.each<[JsonValue, boolean]>([
    [{ set: true }, true],
    [{ set: true, updatedAt: 1 }, true],
    [{ set: true, more: 1 }, false],
    [{ set: "true" }, false],
    [true, false],
    ["x", false],
  ])("%j means that the secret stays: %s", (value, kept) => {
    expect(isKept(value)).toBe(kept);
  });

  test("stay where the mark stands, and only there", () => {
    const known = { key: "k", smtp: { password: "p" } };
    const sent = { key: { set: true }, smtp: { host: "a" }, other: { set: true } };
    expect(keepSecrets(sent, known, pointers)).toEqual({
      config: { key: "k", smtp: { host: "a" }, other: { set: true } },
    });
    expect(keepSecrets(sent, {}, pointers)).toEqual({
      issues: [{ path: "/key", message: "is a secret that is not set, so it cannot stay" }],
    });
    expect(withoutKept(sent, pointers)).toEqual({ smtp: { host: "a" }, other: { set: true } });
  });

  test("changes are told by place, never by value", () => {
    const before = { key: "old-secret", a: { b: 1, "c/d": 1 }, list: [1] };
    const after = { key: "new-secret", a: { b: 1, "c/d": 2 }, list: [1, 2], toString: 1 };
    expect(changedPlaces(before, after)).toEqual(["/key", "/a/c~1d", "/list", "/toString"]);
    expect(changedPlaces(before, { ...before })).toEqual([]);
  });
});

test("a flat configuration is put together again, and read as a whole", () => {
  const config = { text: "5", number: 5, none: null, list: [1], object: { a: "b" }, quoted: '"x"\n', 'na"me': true };
  const flat = flatten(config);
  expect(flat.texts).toMatchObject({ text: "5", number: "5", none: "null", list: "[1]", object: '{"a":"b"}' });
  expect(unflatten(flat)).toEqual(config);
  expect(JSON.parse(wholeText(flat))).toEqual(config);
});
