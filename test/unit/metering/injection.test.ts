import { expect, test } from "vitest";
import { rewriteModule, WasmRefusal } from "../../../worker/execution/metering/rewrite.ts";
import { bytes, HEADER, section } from "./binary.ts";
import { POLICY } from "./guest.ts";
import { wat } from "./wat.ts";

/**
 * Rewriting appends types, functions, globals, locals and a label. A module that names one of those before it is there
 * is not valid, and would be afterwards: it could read the fuel, set it, or call around the meter.
 */
const MEMORY_FILL = "(memory.fill (i32.const 0) (i32.const 0) (i32.const 9))";

test.each([
  ["the fuel global, set", '(func (export "f") (global.set 0 (i64.const 99)))', "global 0 does not exist"],
  ["the fuel global, read", '(func (export "f") (drop (global.get 0)))', "global 0 does not exist"],
  [
    "the depth global, set",
    "(global i32 (i32.const 1)) (func (global.set 2 (i32.const 9)))",
    "global 2 does not exist",
  ],
  [
    "the fuel global, in a function that is charged to its callers",
    '(func $f (global.set 0 (i64.const 99))) (func (export "g") (call $f))',
    "global 0 does not exist",
  ],
  ["the fuel global, exported", '(export "f" (global 0))', "exported global 0 does not exist"],
  ["the fuel global, in an initialiser", "(global i64 (global.get 1))", "global 1 does not exist"],
  [
    "the fuel global, in the offset of a segment",
    '(memory 1) (data (offset (global.get 0)) "x")',
    "global 0 does not exist",
  ],
  [
    "a charging function, called",
    `(memory 1) (func (export "f") (drop (call 1 (i32.const 0))) ${MEMORY_FILL})`,
    "function 1 does not exist",
  ],
  [
    "a charging function, tail-called",
    `(memory 1) (func (export "f") ${MEMORY_FILL} (return_call 1))`,
    "function 1 does not exist",
  ],
  [
    "a charging function, referenced",
    `(memory 1) (func (export "f") (drop (ref.func 1)) ${MEMORY_FILL})`,
    "function 1 does not exist",
  ],
  [
    "a charging function, in a table",
    `(memory 1) (table 1 funcref) (elem (i32.const 0) func 1) (func ${MEMORY_FILL})`,
    "function 1 does not exist",
  ],
  ["a wrapper, exported", '(func (export "f")) (export "g" (func 1))', "exported function 1 does not exist"],
  ["a wrapper, in a global", '(func (export "f")) (global funcref (ref.func 1))', "function 1 does not exist"],
  ["the fuel local, set", '(func (export "f") (local.set 0 (i64.const 99)))', "local 0 does not exist"],
  ["the depth local, set", '(func (export "f") (param i32) (local.set 2 (i32.const 99)))', "local 2 does not exist"],
  ["a moved local", '(func (export "f") (local i64 i64) (local.set 2 (i64.const 99)))', "local 2 does not exist"],
  [
    "a local in a function that is charged to its callers",
    '(func $f (local.set 0 (i64.const 1))) (func (export "g") (call $f))',
    "local 0 does not exist",
  ],
  [
    "the label of the added block",
    '(func (export "f") (result i32) (block (br 2)) (i32.const 1))',
    "label 2 does not exist",
  ],
  [
    "the label of the added block, in dead code",
    '(func (export "f") (result i32) (unreachable) (br_if 1 (i32.const 1)))',
    "label 1 does not exist",
  ],
  [
    "the label of the added block, in a table",
    '(func (export "f") (br_table 0 1 (i32.const 1)))',
    "label 1 does not exist",
  ],
  [
    "the label of the added block, delegated to",
    '(func (export "f") (try (do) (delegate 1)))',
    "label 1 does not exist",
  ],
  [
    "the label of the added block, caught to",
    '(func (export "f") (try_table (catch_all 1)))',
    "label 1 does not exist",
  ],
  [
    "the label of the added block, rethrown to",
    '(func (export "f") (try (do) (catch_all (rethrow 2))))',
    "label 2 does not exist",
  ],
  [
    "a start function with parameters",
    "(start $f) (func $f (param i32))",
    "start function 0 has parameters or results",
  ],
])("refuses %s", (_, source, message) => {
  const input = wat(`(module ${source})`);
  expect(WebAssembly.validate(Uint8Array.from(input))).toBe(false);
  const rewrite = (): unknown => rewriteModule(input, POLICY);
  expect(rewrite).toThrow(WasmRefusal);
  expect(rewrite).toThrow(message);
});

const ONE_TYPE = section(1, [1, 0x60, 0, 0]);
const ONE_FUNCTION = section(3, [1, 0]);
const EXPORTED = section(7, [1, 1, 0x66, 0, 0]);

function body(...code: number[]): number[] {
  return section(10, [1, code.length + 2, 0, ...code, 0x0b]);
}

test.each([
  ["a block type", bytes(HEADER, ONE_TYPE, ONE_FUNCTION, EXPORTED, body(0x02, 1, 0x0b)), "type 1 does not exist"],
  [
    "the type of an indirect call",
    bytes(HEADER, ONE_TYPE, ONE_FUNCTION, section(4, [1, 0x70, 0, 1]), EXPORTED, body(0x41, 0, 0x11, 1, 0)),
    "type 1 does not exist",
  ],
  [
    "the type of a function",
    bytes(HEADER, ONE_TYPE, section(3, [1, 1]), EXPORTED, body()),
    "type 1 is not a function type",
  ],
  [
    "the type of an import",
    bytes(HEADER, ONE_TYPE, section(2, [1, 1, 0x6d, 1, 0x6e, 0, 1])),
    "type 1 is not a function type",
  ],
  ["the type of a tag", bytes(HEADER, ONE_TYPE, section(13, [1, 0, 1])), "type 1 is not a function type"],
  ["the type of a reference", bytes(HEADER, section(1, [1, 0x60, 1, 0x63, 1, 0])), "type 1 does not exist"],
  [
    "the type of a reference in a local",
    bytes(HEADER, ONE_TYPE, ONE_FUNCTION, EXPORTED, section(10, [1, 5, 1, 1, 0x63, 1, 0x0b])),
    "type 1 does not exist",
  ],
  [
    "the start function",
    bytes(HEADER, ONE_TYPE, ONE_FUNCTION, EXPORTED, section(8, [1]), body()),
    "start function 1 does not exist",
  ],
  [
    "a memory that is not there",
    bytes(HEADER, ONE_TYPE, ONE_FUNCTION, EXPORTED, body(0x41, 0, 0x28, 2, 0, 0x1a)),
    "memory 0 does not exist",
  ],
  [
    "a body that goes on behind its end",
    bytes(HEADER, ONE_TYPE, ONE_FUNCTION, EXPORTED, body(0x0b, 0x01)),
    "a function body has 2 bytes left over",
  ],
  [
    "a body that ends inside a block",
    bytes(HEADER, ONE_TYPE, ONE_FUNCTION, EXPORTED, body(0x02, 0x40)),
    "unexpected end",
  ],
  ["else without if", bytes(HEADER, ONE_TYPE, ONE_FUNCTION, EXPORTED, body(0x05)), "else without if"],
])("refuses %s, byte by byte", (_, input, message) => {
  expect(WebAssembly.validate(Uint8Array.from(input))).toBe(false);
  const rewrite = (): unknown => rewriteModule(input, POLICY);
  expect(rewrite).toThrow(WasmRefusal);
  expect(rewrite).toThrow(message);
});
