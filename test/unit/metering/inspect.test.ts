import { describe, expect, test } from "vitest";
import { inspectModule, WasmRefusal } from "../../../worker/execution/metering/inspect.ts";
import { bytes, HEADER, section, text } from "./binary.ts";
import { wat } from "./wat.ts";

function refusalOf(action: () => unknown): WasmRefusal {
  try {
    action();
  } catch (error) {
    if (error instanceof WasmRefusal) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("a report", () => {
  const report = inspectModule(
    wat(`(module
      (import "env" "add" (func $add (param i64 i64) (result i64)))
      (import "env" "log" (func (param i32)))
      (import "env" "limit" (global (mut i32)))
      (memory (export "memory") 2 9)
      (table (export "table") 3 7 funcref)
      (table 1 externref)
      (data (i32.const 0) "hello")
      (func $main (export "main") (param i32) (result i32 i64) (local f64) local.get 0 i64.const 1)
      (func $start)
      (start $start))`),
  );

  test("lists imports and exports with the types of functions", () => {
    expect(report.imports).toEqual([
      { module: "env", name: "add", kind: "function", type: "(i64, i64) -> i64" },
      { module: "env", name: "log", kind: "function", type: "(i32) -> ()" },
      { module: "env", name: "limit", kind: "global" },
    ]);
    expect(report.exports).toEqual([
      { name: "memory", kind: "memory" },
      { name: "table", kind: "table" },
      { name: "main", kind: "function", type: "(i32) -> (i32, i64)" },
    ]);
  });

  test("counts functions and bytes", () => {
    expect(report).toMatchObject({ functions: 2, dataBytes: 5, start: true });
    expect(report.codeBytes).toBeGreaterThan(8);
    expect(report.size).toBeGreaterThan(report.codeBytes);
  });

  test("states memories and tables", () => {
    expect(report.memories).toEqual([{ minPages: 2, maxPages: 9, shared: false, memory64: false, imported: false }]);
    expect(report.tables).toEqual([
      { min: 3, max: 7, element: "funcref", imported: false },
      { min: 1, max: null, element: "externref", imported: false },
    ]);
  });

  test("lists custom sections and features", () => {
    expect(report.customSections.map(({ name }) => name)).toEqual(["name"]);
    expect(report.features).toEqual(["multi-value", "mutable-globals", "reference-types"]);
  });

  test("reads the producers section", () => {
    const producers = [...text("producers"), 1, ...text("language"), 1, ...text("Rust"), ...text("1.90")];
    const module = bytes(HEADER, section(0, producers));
    expect(inspectModule(module).producers).toEqual([{ field: "language", name: "Rust", version: "1.90" }]);
  });

  test("keeps what was read of a damaged producers section", () => {
    const producers = [...text("producers"), 2, ...text("sdk"), 1, ...text("wasi"), ...text("25"), 9];
    const module = bytes(HEADER, section(0, producers));
    expect(inspectModule(module).producers).toEqual([{ field: "sdk", name: "wasi", version: "25" }]);
  });
});

test.each([
  ["bulk-memory", "(module (memory 1) (func i32.const 0 i32.const 0 i32.const 0 memory.fill))"],
  ["exception-tags", "(module (tag) (func throw 0))"],
  ["exceptions-legacy", "(module (func try catch_all end))"],
  ["extended-const", "(module (global i32 (i32.add (i32.const 1) (i32.const 2))))"],
  ["memory64", "(module (memory i64 1))"],
  ["multi-memory", "(module (memory 1) (memory 1))"],
  ["multi-value", "(module (func (result i32 i32) i32.const 0 i32.const 0))"],
  ["reference-types", "(module (func ref.null func drop))"],
  ["relaxed-simd", "(module (func (param v128) local.get 0 local.get 0 i8x16.relaxed_swizzle drop))"],
  ["saturating-float-to-int", "(module (func f32.const 1 i32.trunc_sat_f32_s drop))"],
  ["sign-extension", "(module (func i32.const 1 i32.extend8_s drop))"],
  ["simd", "(module (func v128.const i32x4 0 0 0 0 drop))"],
  ["tail-call", "(module (func return_call 0))"],
  ["threads", "(module (memory 1 1 shared))"],
])("finds the feature %s", (feature, source) => {
  expect(inspectModule(wat(source)).features).toContain(feature);
});

test.each([
  ["gc", section(1, [1, 0x5f, 0])],
  ["gc", section(1, [1, 0x4e, 1, 0x60, 0, 0])],
  ["function-references", section(1, [2, 0x60, 0, 0, 0x60, 1, 0x63, 0x00, 0])],
  ["exceptions", section(1, [1, 0x60, 1, 0x69, 0])],
  ["custom-page-sizes", section(5, [1, 0x08, 1, 0])],
])("finds the feature %s in types", (feature, contents) => {
  expect(inspectModule(bytes(HEADER, contents)).features).toContain(feature);
});

const oneFunction = [...section(1, [1, 0x60, 0, 0]), ...section(3, [1, 0])];

test.each([
  ["no bytes", [], "WASM_MALFORMED", "do not start as a WebAssembly core module", 0],
  ["a component", [...HEADER.slice(0, 4), 0x0d, 0, 1, 0], "WASM_MALFORMED", "core module, version 1", 0],
  ["an unknown section", [...HEADER, 14, 0], "WASM_UNSUPPORTED", "unknown section 14", 8],
  ["sections out of order", [...HEADER, ...section(3, [0]), ...section(1, [0])], "WASM_MALFORMED", "out of order", 11],
  ["a section beyond the end", [...HEADER, 1, 9, 0], "WASM_MALFORMED", "unexpected end", 10],
  ["bytes left over in a section", [...HEADER, ...section(1, [0, 0])], "WASM_MALFORMED", "1 bytes left over", 11],
  ["a number of six bytes", [...HEADER, 1, 0x80, 0x80, 0x80, 0x80, 0x80, 0], "WASM_MALFORMED", "longer than 32", 13],
  ["more types than bytes", [...HEADER, ...section(1, [0xff, 0xff, 3])], "WASM_MALFORMED", "do not fit", 10],
  ["an unknown form of type", [...HEADER, ...section(1, [1, 0x5d])], "WASM_UNSUPPORTED", "form of type 0x5d", 11],
  ["an unknown value type", [...HEADER, ...section(1, [1, 0x60, 1, 0x7a, 0])], "WASM_UNSUPPORTED", "type 0x7a", 13],
  ["a function without type", [...HEADER, ...section(3, [1, 0])], "WASM_MALFORMED", "type 0 is not a function", 11],
  ["a function without body", [...HEADER, ...oneFunction], "WASM_MALFORMED", "no code section", 18],
  ["a body without end", [...HEADER, ...oneFunction, ...section(10, [1, 2, 0, 1])], "WASM_MALFORMED", "close", 24],
  ["an export of nothing", [...HEADER, ...section(7, [1, 1, 65, 0, 0])], "WASM_MALFORMED", "function 0 does", 14],
  ["a name that is not UTF-8", [...HEADER, ...section(7, [1, 1, 255, 0, 0])], "WASM_MALFORMED", "not UTF-8", 12],
  ["a minimum over the maximum", [...HEADER, ...section(5, [1, 1, 2, 1])], "WASM_MALFORMED", "minimum 2", 11],
  ["too many pages", [...HEADER, ...section(5, [1, 0, 0x81, 0x80, 4])], "WASM_MALFORMED", "65,536 pages", 11],
  ["announced data", [...HEADER, ...section(12, [1])], "WASM_MALFORMED", "1 data segments are announced", 11],
  ["a call in a constant", [...HEADER, ...section(6, [1, 0x7f, 0, 0x01, 0x0b])], "WASM_MALFORMED", "constant", 13],
] as const)("refuses %s", (_, module, code, message, offset) => {
  const refusal = refusalOf(() => inspectModule(Uint8Array.from(module)));
  expect(refusal.message).toContain(message);
  expect(refusal).toMatchObject({ code, offset });
});

test.each([
  ["0x16", [0x16]],
  ["0xfc 0x17", [0xfc, 0x17]],
  ["0xfd 0x9a", [0xfd, 0x9a, 0x01]],
  ["0xfe 0x4f", [0xfe, 0x4f]],
  ["0xfb 0x1f", [0xfb, 0x1f]],
])("names the unknown instruction %s and its offset", (name, opcode) => {
  const body = [0, ...opcode, 0x0b];
  const module = bytes(HEADER, oneFunction, section(10, [1, body.length, ...body]));
  const refusal = refusalOf(() => inspectModule(module));
  expect(refusal.message).toBe(`unknown instruction ${name} (at byte 23)`);
  expect(refusal.code).toBe("WASM_UNSUPPORTED");
});
