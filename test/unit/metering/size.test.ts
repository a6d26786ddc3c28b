import { describe, expect, test } from "vitest";
import { inspectModule } from "../../../worker/execution/metering/inspect.ts";
import { STRUCTURE_LIMITS } from "../../../worker/execution/metering/module.ts";
import { rewriteModule, WasmRefusal } from "../../../worker/execution/metering/rewrite.ts";
import { ByteWriter } from "../../../worker/execution/metering/writer.ts";
import { HEADER } from "./binary.ts";
import { joined, POLICY } from "./guest.ts";

/** A module of one type and as many functions as bodies, or as one body repeated. */
function moduleOf(body: Uint8Array, count = 1): Uint8Array<ArrayBuffer> {
  const code = new ByteWriter(count * (body.length + 4));
  code.u32(count);
  for (let i = 0; i < count; i++) {
    code.u32(body.length);
    code.copy(body);
  }
  const functions = new ByteWriter();
  functions.u32(count);
  for (let i = 0; i < count; i++) functions.u32(0);
  const module = new ByteWriter(code.length + functions.length + 64);
  module.copy(Uint8Array.from(HEADER));
  for (const [id, contents] of [
    [1, Uint8Array.of(1, 0x60, 0, 0)],
    [3, functions.view()],
    [10, code.view()],
  ] as const) {
    module.byte(id);
    module.u32(contents.length);
    module.copy(contents);
  }
  return Uint8Array.from(module.view());
}

/** No locals, then a piece of code repeated, then `end`. */
function bodyOf(piece: readonly number[], count: number, tail: readonly number[] = []): Uint8Array {
  const writer = new ByteWriter(piece.length * count + tail.length + 2);
  writer.byte(0);
  const bytes = Uint8Array.from(piece);
  for (let i = 0; i < count; i++) writer.copy(bytes);
  writer.copy(Uint8Array.from(tail));
  writer.byte(0x0b);
  return writer.bytes();
}

/** loop (br_if 0 (i32.const 0)) end */
const LOOP = [0x03, 0x40, 0x41, 0, 0x0d, 0, 0x0b];
/** if (i32.const 1) end */
const IF = [0x41, 1, 0x04, 0x40, 0x01, 0x41, 1, 0x1a, 0x0b];

function refusal(action: () => unknown): WasmRefusal {
  try {
    action();
  } catch (error) {
    if (error instanceof WasmRefusal) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("an output beyond what is kept from the first pass", () => {
  const input = moduleOf(bodyOf(LOOP, 100), 8_000);
  const rewritten = rewriteModule(input, POLICY);

  test("is written in pieces of a mebibyte at most, with the size that was announced", () => {
    let size = 0;
    for (const chunk of rewritten.chunks) {
      expect(chunk.length).toBeLessThanOrEqual(1_048_576);
      size += chunk.length;
    }
    expect(rewritten.report.outputBytes).toBe(rewritten.size);
    expect(size).toBe(rewritten.size);
    expect(size).toBeGreaterThan(16 * 1_048_576);
  });

  test("is valid, and the same when it is asked for again", () => {
    const first = joined(rewritten.chunks);
    expect(WebAssembly.validate(first)).toBe(true);
    expect(Buffer.compare(first, joined(rewritten.chunks))).toBe(0);
  });

  test("does not count twice in the report", () => {
    expect(rewritten.report).toMatchObject({ functions: 8_000, regions: 8_000 * 101, checks: 8_000 * 101 });
  });
});

test.each([
  ["places to rewrite", bodyOf(IF, 250_001), "a function has more than 250000 places to rewrite"],
  [
    "nested blocks",
    bodyOf(
      [0x02, 0x40],
      50_001,
      Array.from({ length: 50_001 }, () => 0x0b),
    ),
    "50000 nested blocks",
  ],
])("a function with too many %s is refused", (_, body, message) => {
  const refused = refusal(() => rewriteModule(moduleOf(body), POLICY));
  expect(refused.code).toBe("WASM_LIMIT");
  expect(refused.message).toContain(message);
});

test("a body that grows beyond the runtime's limit is refused", () => {
  // Every (br_if 0 (i32.const 0)) is followed by a charge, which is twice as long; the rest are nops.
  const body = bodyOf(
    [0x41, 0, 0x0d, 0],
    240_000,
    Array.from({ length: 5_500_000 }, () => 0x01),
  );
  expect(body.length).toBeLessThan(STRUCTURE_LIMITS.bodyBytes);
  const refused = refusal(() => rewriteModule(moduleOf(body), POLICY));
  expect(refused.code).toBe("WASM_LIMIT");
  expect(refused.message).toMatch(/^a function body has \d+ bytes after rewriting, the limit is 7654321/);
});

test("a function with too many locals is refused", () => {
  const body = new ByteWriter();
  body.u32(1);
  body.u32(STRUCTURE_LIMITS.locals + 1);
  body.copy(Uint8Array.of(0x7f, 0x0b));
  const module = moduleOf(body.bytes());
  expect(WebAssembly.validate(module)).toBe(true);
  for (const read of [() => inspectModule(module), () => rewriteModule(module, POLICY)]) {
    expect(refusal(read)).toMatchObject({ code: "WASM_LIMIT" });
    expect(read).toThrow("a function has 49991 locals, the limit is 49990");
  }
});

test("a function with as many locals as allowed is still valid afterwards", () => {
  const body = new ByteWriter();
  body.u32(1);
  body.u32(STRUCTURE_LIMITS.locals);
  body.copy(Uint8Array.of(0x7f, 0x0b));
  expect(WebAssembly.validate(joined(rewriteModule(moduleOf(body.bytes()), POLICY).chunks))).toBe(true);
});
