import { describe, expect, test } from "vitest";
import { WasmRefusal, rewriteModule, type MeteringPolicy } from "../../../worker/execution/metering/rewrite.ts";
import { LIMITS } from "../../../sdk/contract/limits.ts";
import { METERING_EXPORTS } from "../../../sdk/contract/metering-abi.ts";
import { Guest, PLENTY, POLICY } from "./guest.ts";
import { wat } from "./wat.ts";

function refusal(source: string, policy: Partial<MeteringPolicy> = {}): WasmRefusal {
  try {
    rewriteModule(wat(source), { ...POLICY, ...policy });
  } catch (error) {
    if (error instanceof WasmRefusal) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("memory", () => {
  const grow = `(func (export "f") (param i32) (result i32) (memory.grow (local.get 0)))`;

  test.each([
    ["no maximum", "(memory 2)", 16],
    ["a maximum above the limit", "(memory 2 5000)", 16],
    ["a maximum of its own", "(memory 2 3)", 3],
  ])("with %s grows up to the smaller of both", (_, memory, pages) => {
    const guest = new Guest(`(module ${memory} ${grow})`);
    expect(guest.report.memoryPages).toBe(pages);
    expect(guest.call("f", [pages - 2]).value).toBe(2);
    expect(guest.call("f", [1]).value).toBe(-1);
    expect(guest.call("f", [-1]).value).toBe(-1);
    expect(guest.call("f", [0]).value).toBe(pages);
  });

  test("that starts above the limit is refused with both numbers", () => {
    expect(refusal("(module (memory 17))")).toMatchObject({
      code: "WASM_LIMIT",
      message: "the module starts with 17 memory pages, the limit is 16 (at byte 0)",
    });
  });

  test("several share the limit", () => {
    const guest = new Guest(`(module (memory $a 2) (memory $b 4 5) (memory $c 1)
      (func (export "a") (param i32) (result i32) (memory.grow $a (local.get 0)))
      (func (export "b") (param i32) (result i32) (memory.grow $b (local.get 0)))
      (func (export "c") (param i32) (result i32) (memory.grow $c (local.get 0))))`);
    expect(guest.report.memoryPages).toBeLessThanOrEqual(16);
    expect([guest.call("a", [4]).value, guest.call("b", [2]).value, guest.call("c", [4]).value]).toEqual([-1, -1, -1]);
    expect([guest.call("a", [3]).value, guest.call("b", [1]).value, guest.call("c", [3]).value]).toEqual([2, 4, 1]);
    expect(refusal("(module (memory 9) (memory 8))").message).toContain("17 memory pages, the limit is 16");
  });

  test("that is imported keeps its limits and counts with its minimum", () => {
    const memory = new WebAssembly.Memory({ initial: 3, maximum: 9 });
    const source = `(module (import "env" "memory" (memory 3 9)) ${grow})`;
    const guest = new Guest(source, { env: { memory } });
    expect(guest.call("f", [6]).value).toBe(3);
    expect(guest.report.memoryPages).toBe(0);
    expect(refusal(source, { memoryPages: 2 }).message).toContain("3 memory pages, the limit is 2");
  });
});

describe("a table", () => {
  const grow = `(func (export "f") (param i32) (result i32) (table.grow 0 (ref.null extern) (local.get 0)))`;

  test("grows up to the limit", () => {
    const guest = new Guest(`(module (table 10 externref) ${grow})`);
    expect([guest.call("f", [90]).value, guest.call("f", [1]).value, guest.call("f", [-1]).value]).toEqual([
      10, -1, -1,
    ]);
  });

  test("that starts above the limit is refused", () => {
    expect(refusal("(module (table 60 funcref) (table 41 externref))")).toMatchObject({
      code: "WASM_LIMIT",
      message: "the module starts with 101 table elements, the limit is 100 (at byte 0)",
    });
  });
});

/** A function that calls itself as often as its parameter says. */
function recursion(locals: string, call: string): string {
  return `(module (type $t (func (param i32) (result i32))) (table 1 funcref) (elem (i32.const 0) $f)
    (func $f (export "f") (param i32) (result i32) (local ${locals})
      (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
      (i32.add (i32.const 1) ${call})))`;
}

describe("call depth", () => {
  const direct = "(call $f (i32.sub (local.get 0) (i32.const 1)))";
  const indirect = "(call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0))";

  test.each([
    ["direct", direct],
    ["indirect", indirect],
  ])("of %s calls is the policy's: two units for an ordinary frame, and for the wrapper", (_, call) => {
    const guest = new Guest(recursion("i32", call));
    expect(guest.call("f", [98])).toMatchObject({ value: 98, state: "ok" });
    expect(guest.call("f", [99])).toMatchObject({ error: "unreachable", state: "depth" });
  });

  test("is restored by a normal return, and given anew after a failure", () => {
    const guest = new Guest(recursion("i32", direct));
    guest.call("f", [50]);
    expect(guest.depth.value).toBe(200);
    guest.call("f", [200]);
    expect(guest.depth.value).toBe(-1);
    expect(guest.call("f", [98]).state).toBe("ok");
  });

  test.each([
    ["one unit without locals and parameters", "", "", 1],
    ["two units up to ten words", "", "i32 ".repeat(10), 2],
    ["three beyond", "", "i32 ".repeat(11), 3],
    ["parameters twice", "i32 ".repeat(6), "", 3],
    ["vectors twice", "", "v128 ".repeat(6), 3],
    ["large frames many times", "i32 ".repeat(50), "f64 ".repeat(400), 51],
  ])("counts %s", (_, parameters, locals, units) => {
    const values = "(i32.const 0)".repeat(parameters.length / 4);
    const guest = new Guest(`(module (global $left (export "left") (mut i32) (i32.const 0))
      (func $f (param ${parameters}) (local ${locals})
        (if (global.get $left) (then (global.set $left (i32.sub (global.get $left) (i32.const 1))) (call $f ${values}))))
      (func (export "f") (return_call $f ${values})))`);
    const left = guest.exports["left"] as WebAssembly.Global;
    const frames = 10;
    left.value = frames - 1;
    // The export's wrapper takes one unit too.
    expect(guest.call("f", [], undefined, 1 + frames * units).state).toBe("ok");
    left.value = frames - 1;
    expect(guest.call("f", [], undefined, frames * units).state).toBe("depth");
  });

  test("trips before V8's stack is full, for every shape of ordinary frame", () => {
    for (const [parameters, locals] of [
      [0, 0],
      [1, 0],
      [6, 0],
      [2, 8],
      [3, 20],
      [0, 200],
    ] as const) {
      const types = "i64 ".repeat(parameters);
      const values = "(i64.load (i32.const 0))".repeat(parameters);
      const body = Array.from(
        { length: locals },
        (_, at) => `(local.set ${parameters + at} (i64.load (i32.const ${at})))`,
      );
      const uses = Array.from(
        { length: locals },
        (_, at) => `(drop (i64.add (i64.const 1) (local.get ${parameters + at})))`,
      );
      const guest = new Guest(`(module (memory 1) (type $t (func (param ${types}))) (table (export "t") 1 funcref)
        (elem (i32.const 0) $g) (func $f (export "f") (type $t) (local ${"i64 ".repeat(locals)})
          ${body.join("")} (call $f ${values}) ${uses.join("")})
        (func $g (export "g") (type $t) (local ${"i64 ".repeat(locals)})
          ${body.join("")} (call_indirect (type $t) ${values} (i32.const 0)) ${uses.join("")}))`);
      for (const name of ["f", "g"]) {
        const outcome = guest.call(
          name,
          Array.from({ length: parameters }, () => 1n),
          PLENTY,
          LIMITS.callDepth.default,
        );
        expect(outcome).toMatchObject({ error: "unreachable", state: "depth" });
      }
    }
  });

  test("counts frames across host calls", () => {
    const guest: Guest = new Guest(
      `(module (import "env" "again" (func $again (param i32)))
        (func (export "f") (param i32) (if (local.get 0) (then (call $again (i32.sub (local.get 0) (i32.const 1)))))))`,
      { env: { again: (value: number) => (guest.exports["f"] as (value: number) => void)(value) } },
    );
    expect(guest.call("f", [24], 1_000_000n, 100).state).toBe("ok");
    expect(guest.call("f", [25], 1_000_000n, 100).state).toBe("depth");
  });

  test("is not taken by tail calls", () => {
    const guest = new Guest(`(module (func $f (export "f") (param i32) (result i32)
      (if (i32.eqz (local.get 0)) (then (return (i32.const 5))))
      (drop (call $g (i32.const 20)))
      (return_call $f (i32.sub (local.get 0) (i32.const 1))))
      (func $g (param i32) (result i32)
        (if (i32.eqz (local.get 0)) (then (return (i32.const 0)))) (call $g (i32.sub (local.get 0) (i32.const 1)))))`);
    expect(guest.call("f", [5_000], undefined, 46)).toMatchObject({ value: 5, state: "ok" });
    expect(guest.call("f", [5_000], undefined, 45)).toMatchObject({ state: "depth" });
  });

  test("is not caught by catch_all", () => {
    const guest = new Guest(`(module (func $f (call $f))
      (func (export "f") (result i32) (try (do (call $f)) (catch_all)) (i32.const 1)))`);
    expect(guest.call("f")).toMatchObject({ error: "unreachable", state: "depth" });
  });

  test("survives exceptions thrown through many frames, again and again", () => {
    const guest = new Guest(`(module (tag $e)
      (func $deep (param i32) (if (i32.eqz (local.get 0)) (then (throw $e)))
        (call $deep (i32.sub (local.get 0) (i32.const 1))))
      (func (export "f") (param i32) (result i32) (local i32)
        (loop $l (try (do (call $deep (i32.const 50))) (catch $e (local.set 1 (i32.add (local.get 1) (i32.const 1)))))
          (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (local.get 1)))`);
    expect(guest.call("f", [50])).toMatchObject({ value: 50, state: "ok" });
  });
});

test.each([
  ["threads", "(module (memory 1 1 shared))"],
  ["threads", "(module (memory 1) (func (drop (i32.atomic.load (i32.const 0)))))"],
  ["memory64", "(module (memory i64 1))"],
  ["relaxed-simd", "(module (func (param v128) (drop (i8x16.relaxed_swizzle (local.get 0) (local.get 0)))))"],
])("refuses the feature %s by its name", (feature, source) => {
  const refused = refusal(source);
  expect(refused).toMatchObject({ code: "WASM_UNSUPPORTED", feature });
  expect(refused.message).toMatch(new RegExp(`^the feature "${feature}" is not supported \\(at byte \\d+\\)$`));
});

test.each(["__patchbay_fuel", "__patchbay_depth", "__patchbay_start", "__patchbay_"])(
  "refuses a module that exports %s itself",
  (name) => {
    const refused = refusal(`(module (func (export "${name}")))`);
    expect(refused.code).toBe("WASM_UNSUPPORTED");
    expect(refused.message).toContain(`the export "${name}" has a name that starts with the reserved "__patchbay_"`);
  },
);

test.each(["register", "global"] as const)("a refused growth leaves its pages in a global, %s form", (backend) => {
  const guest = new Guest(
    `(module (memory 1) (func (export "f") (param i32) (result i32) (memory.grow (local.get 0))))`,
    {},
    { memoryPages: 4, ...(backend === "global" ? { backend } : {}) },
  );
  const refused = (): unknown => (guest.exports[METERING_EXPORTS.refusedPages] as WebAssembly.Global).value;
  expect(guest.call("f", [2])).toMatchObject({ value: 1, state: "ok" });
  expect(refused()).toBe(0);
  expect(guest.call("f", [9])).toMatchObject({ value: -1, state: "ok" });
  expect(refused()).toBe(9);
});
