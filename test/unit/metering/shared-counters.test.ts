import { describe, expect, test } from "vitest";
import { METERING_EXPORTS, METERING_IMPORTS } from "../../../sdk/contract/metering-abi.ts";
import { rewriteModule, WasmRefusal } from "../../../worker/execution/metering/rewrite.ts";
import { Guest, joined, POLICY } from "./guest.ts";
import { wat } from "./wat.ts";

const SHARED = { ...POLICY, sharedCounters: true };

function refusal(source: string): string {
  try {
    rewriteModule(wat(source), SHARED);
  } catch (error) {
    if (error instanceof WasmRefusal) return error.message;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("a module that counts in the host's globals", () => {
  test("imports them behind its own imports and exports them", () => {
    const source = `(module (import "env" "g" (global i32)) (func (export "f")))`;
    const module = new WebAssembly.Module(joined(rewriteModule(wat(source), SHARED).chunks));
    expect(WebAssembly.Module.imports(module)).toEqual([
      { module: "env", name: "g", kind: "global" },
      ...METERING_IMPORTS.counters.map(({ name }) => ({ module: "__patchbay", name, kind: "global" })),
    ]);
    const exported = WebAssembly.Module.exports(module).map(({ name }) => name);
    expect(exported).toEqual(["f", METERING_EXPORTS.fuel, METERING_EXPORTS.depth, METERING_EXPORTS.refusedPages]);
  });

  test("keeps its own globals: imported, defined, exported, used in constants and in small functions", () => {
    const guest = new Guest(
      `(module (import "env" "base" (global $base i32)) (memory 1)
        (global $a (export "a") (mut i32) (global.get $base)) (global $b (export "b") i64 (i64.const 7))
        (data (global.get $base) "x")
        (func $small (result i32) (global.get $a))
        (func (export "f") (result i32) (global.set $a (i32.add (call $small) (global.get $base)))
          (i32.add (call $small) (i32.load8_u (i32.const 5)))))`,
      { env: { base: 5 } },
      { sharedCounters: true },
    );
    expect(guest.call("f").value).toBe(10 + 120);
    const { a, b } = guest.exports as Record<string, WebAssembly.Global>;
    expect([a?.value, b?.value]).toEqual([10, 7n]);
  });

  test("more than 127 globals take two bytes each", () => {
    const globals = Array.from({ length: 130 }, (_, at) => `(global $g${at} (mut i32) (i32.const ${at}))`).join(" ");
    const guest = new Guest(
      `(module ${globals} (func (export "f") (result i32) (i32.add (global.get $g0) (global.get $g129))))`,
      {},
      { sharedCounters: true },
    );
    expect(guest.call("f").value).toBe(129);
  });

  test("may not bring the counters itself", () => {
    expect(refusal(`(module (import "__patchbay" "fuel" (global (mut i64))))`)).toContain(
      'the module imports from "__patchbay", a reserved name',
    );
  });

  test("may not read its own globals in constants", () => {
    const source = `(module (global $a i32 (i32.const 1)) (global $b i32 (global.get $a)))`;
    expect(refusal(source)).toContain("a constant expression reads a global of the module itself");
  });
});
