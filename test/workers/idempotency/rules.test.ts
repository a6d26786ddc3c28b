import { describe, expect, test } from "vitest";
import {
  CHUNK_BYTES,
  chunkOffsets,
  decideClaim,
  KEY_RETENTION_MS,
  LEASE_MS,
  type KnownCall,
} from "../../../durable-objects/idempotency/rules.ts";
import { ERRORS, PlatformError, type ErrorCode } from "../../../sdk/contract/errors.ts";
import { isFinal, namedFunction, parseIdempotencyKey } from "../../../worker/execution/idempotency/key-rules.ts";

const NOW = 1_000_000_000;
const REQUEST = { token: "t2", fingerprint: "f" };
const KNOWN: KnownCall = { token: "t1", fingerprint: "f", startedAt: NOW, state: "running" };

test.each([
  ["no call known", undefined, 0, "run"],
  ["a call running", KNOWN, 0, "wait"],
  ["a call running, the lease not over", KNOWN, LEASE_MS - 1, "wait"],
  ["a call that never ended", KNOWN, LEASE_MS, "lost"],
  ["its own claim, repeated", { ...KNOWN, token: "t2" }, 5, "run"],
  ["another request running", { ...KNOWN, fingerprint: "g" }, 0, "mismatch"],
  ["another request answered", { ...KNOWN, fingerprint: "g", state: "answered" }, LEASE_MS, "mismatch"],
  ["a call answered", { ...KNOWN, state: "answered" }, LEASE_MS, "answer"],
  ["its own call answered", { ...KNOWN, token: "t2", state: "answered" }, 0, "answer"],
  ["an answer not kept", { ...KNOWN, state: "unkept" }, 0, "unkept"],
  ["an answer on its last moment", { ...KNOWN, state: "answered" }, KEY_RETENTION_MS - 1, "answer"],
  ["an answer past its day", { ...KNOWN, state: "answered" }, KEY_RETENTION_MS, "run"],
  ["another request past its day", { ...KNOWN, fingerprint: "g" }, KEY_RETENTION_MS, "run"],
] as const)("%s", (_case, known, age, decision) => {
  expect(decideClaim(known, REQUEST, NOW + age)).toBe(decision);
});

test.each([
  [0, []],
  [1, [0]],
  [CHUNK_BYTES, [0]],
  [CHUNK_BYTES + 1, [0, CHUNK_BYTES]],
])("%s bytes are cut at %j", (byteLength, offsets) => {
  expect(chunkOffsets(byteLength)).toEqual(offsets);
});

describe("the key", () => {
  test.each(["k", "8e03978e-40d5-43dd-bc93-6894a57f9324", '"quoted"', "!~", "x".repeat(255)])("%s is taken", (key) => {
    expect(parseIdempotencyKey(key)).toBe(key);
  });

  test.each([
    ["", "must have 1 to 255 characters; found 0"],
    ["x".repeat(256), "must have 1 to 255 characters; found 256"],
    ["one, two", "must be visible ASCII without spaces, and given once"],
    ["tab\t", "must be visible ASCII without spaces, and given once"],
    ["é", "must be visible ASCII without spaces, and given once"],
    ["\u007f", "must be visible ASCII without spaces, and given once"],
  ])("%j is refused", (key, message) => {
    expect(() => parseIdempotencyKey(key)).toThrowError(
      expect.objectContaining({
        code: "REQUEST_INVALID",
        message: `The header "idempotency-key" ${message}.`,
        issues: [{ path: "idempotency-key", message }],
      }),
    );
  });
});

test.each([
  [true, '{"function":"run"}', undefined, "run"],
  [true, '{"function":"run"}', "other", "run"],
  [true, '{"input":1}', "other", "other"],
  [true, '{"function":7}', "other", "other"],
  [true, "null", undefined, undefined],
  [true, "{", "other", "other"],
  [false, '{"function":"run"}', undefined, undefined],
  [false, "x", "other", "other"],
])("JSON %s, body %s, query %s: function %s", (isJson, body, query, name) => {
  expect(namedFunction(isJson, new TextEncoder().encode(body), query)).toBe(name);
});

test("which failures are answered again: those of caller and plugin that a retry does not help", () => {
  const codes = Object.keys(ERRORS) as ErrorCode[]; // Object.keys loses the key type
  const final = codes.filter((code) => isFinal(new PlatformError(code, "")));
  expect(final).toEqual(
    expect.arrayContaining(["PLUGIN_ERROR", "PLUGIN_TRAPPED", "FUEL_EXHAUSTED", "INPUT_TOO_LARGE"]),
  );
  for (const code of ["ISOLATE_UNAVAILABLE", "INTEGRITY_FAILED", "INTERNAL", "WALL_CLOCK_EXCEEDED"] as const) {
    expect(final).not.toContain(code);
  }
});
