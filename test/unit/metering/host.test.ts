import { describe, expect, test } from "vitest";
import { REWRITER_VERSION } from "../../../worker/execution/metering/rewrite.ts";
import { inspectModule } from "../../../worker/execution/metering/inspect.ts";
import { Guest, type Exports } from "./guest.ts";

describe("host calls", () => {
  const source = `(module (import "env" "work" (func $work)) (global $steps (export "steps") (mut i32) (i32.const 0))
    (func (export "f") (call $work) (global.set $steps (i32.add (global.get $steps) (i32.const 1)))))`;

  test("may charge", () => {
    const guest: Guest = new Guest(source, {
      env: { work: () => (guest.fuel.value = (guest.fuel.value as bigint) - 5_000n) },
    });
    const free = new Guest(source, { env: { work: () => {} } });
    expect(guest.call("f").used - free.call("f").used).toBe(5_000n);
  });

  test.each([
    ["a call", `(call $work)`],
    ["a call inside try", `(try (do (call $work)) (catch_all))`],
    ["an indirect call", `(call_indirect (type $t) (i32.const 0))`],
    ["an indirect call through an exported table", `(call_indirect $visible (type $t) (i32.const 0))`],
    ["a tail call", `(call $tail)`],
    ["a call inside try_table", `(block (try_table (catch_all 0) (call $work)))`],
  ])("stop the guest at the next instruction when they take all fuel: %s", (_, code) => {
    const table = code.includes("$visible")
      ? `(table $visible (export "table") 1 funcref)`
      : `(table $private 1 funcref)`;
    const guest: Guest = new Guest(
      `(module (type $t (func)) (import "env" "work" (func $work)) ${table} (elem (i32.const 0) func $work)
        (global $steps (export "steps") (mut i32) (i32.const 0)) (func $tail (return_call $work))
        (func (export "f") ${code} (global.set $steps (i32.const 1))))`,
      { env: { work: () => (guest.fuel.value = -1n) } },
    );
    expect(guest.call("f")).toMatchObject({ error: "unreachable", state: "exhausted" });
    expect((guest.exports["steps"] as WebAssembly.Global).value).toBe(0);
  });

  test("that throw are exceptions of the guest: it may catch them and runs on with what is left", () => {
    const guest: Guest = new Guest(
      `(module (import "env" "work" (func $work)) (func (export "f") (result i32)
        (try (result i32) (do (call $work) (i32.const 0)) (catch_all (i32.const 1)))))`,
      {
        env: {
          work() {
            guest.fuel.value = (guest.fuel.value as bigint) - 1_000n;
            throw new Error("refused");
          },
        },
      },
    );
    expect(guest.call("f")).toMatchObject({ value: 1, state: "ok", used: 6n + 2n + 12n + 60n + 1n + 1n + 1_000n });
  });

  test.each([
    ["legacy", "(try (do (return_call $work)) (catch_all))"],
    ["try_table", "(block $h (try_table (catch_all $h) (return_call $work)))"],
  ])("that throw behind a tail call are not caught by the function that is left: %s", (_, body) => {
    const guest = new Guest(
      `(module (import "env" "work" (func $work)) (func $leaves ${body}) (func (export "f") (result i32)
      (try (result i32) (do (call $leaves) (i32.const 0)) (catch_all (i32.const 1)))))`,
      {
        env: {
          work() {
            throw new Error("refused");
          },
        },
      },
    );
    expect(guest.call("f")).toMatchObject({ value: 1, state: "ok" });
  });

  test("that throw and are not caught leave the true fuel", () => {
    const guest = new Guest(source, {
      env: {
        work() {
          throw new Error("refused");
        },
      },
    });
    expect(guest.call("f")).toMatchObject({ error: "refused", state: "ok" });
  });

  test("that call back are charged to the same fuel", () => {
    const guest: Guest = new Guest(
      `(module (import "env" "again" (func $again (param i32)))
        (func (export "work") (param i32) (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
        (func (export "f") (param i32) (loop $l (call $again (i32.const 1000))
          (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))`,
      { env: { again: (value: number) => (guest.exports as Exports)["work"]?.(value) } },
    );
    const once = guest.call("f", [1]).used;
    expect(guest.call("f", [10]).used).toBe(8n + 10n * (once - 8n));
    expect(guest.call("f", [1_000], 100_000n)).toMatchObject({ error: "unreachable", state: "exhausted" });
  });

  test("that swallow a trap of the guest do not bring it back", () => {
    let nested = 0;
    const guest: Guest = new Guest(
      `(module (import "env" "again" (func $again)) (func (export "trap") unreachable)
        (func (export "f") (loop $l (call $again) (br $l))))`,
      {
        env: {
          again() {
            nested++;
            expect(() => (guest.exports as Exports)["trap"]?.()).toThrow("unreachable");
          },
        },
      },
    );
    expect(guest.call("f")).toMatchObject({ error: "unreachable", state: "poisoned" });
    expect(nested).toBe(1);
  });
});

describe("what the host sees", () => {
  test("exports keep their names, order and types", () => {
    const source = `(module (memory (export "memory") 1) (global (export "g") i32 (i32.const 5))
      (func (export "f") (param i32 f64) (result i64) (i64.const 1)) (table (export "t") 1 funcref))`;
    const report = inspectModule(new Guest(source).bytes);
    expect(report.exports).toEqual([
      { name: "memory", kind: "memory" },
      { name: "g", kind: "global" },
      { name: "f", kind: "function", type: "(i32, f64) -> i64" },
      { name: "t", kind: "table" },
      { name: "__patchbay_fuel", kind: "global" },
      { name: "__patchbay_depth", kind: "global" },
      { name: "__patchbay_refused_pages", kind: "global" },
    ]);
  });

  test("exports of tables can be left out, for cheaper indirect calls", () => {
    const source = `(module (type $t (func (result i32))) (table (export "t") 1 funcref) (elem (i32.const 0) $g)
      (memory (export "memory") 1) (func $g (result i32) (i32.const 5))
      (func (export "f") (result i32) (call_indirect (type $t) (i32.const 0))))`;
    const [shown, hidden] = [new Guest(source), new Guest(source, {}, { hideTables: true })];
    expect(Object.keys(hidden.exports)).toEqual([
      "memory",
      "f",
      "__patchbay_fuel",
      "__patchbay_depth",
      "__patchbay_refused_pages",
    ]);
    expect([shown.report.wrappers, hidden.report.wrappers]).toEqual([2, 1]);
    expect(hidden.call("f")).toEqual(shown.call("f"));
    expect(hidden.call("f")).toMatchObject({ value: 5, state: "ok" });
  });

  test("a function taken out of an exported table, a global, or returned, is metered", () => {
    const guest = new Guest(`(module (table (export "table") 1 funcref) (elem (i32.const 0) $spin)
      (global (export "global") funcref (ref.func $spin))
      (func $spin (param i32) (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
      (func (export "f") (result funcref) (ref.func $spin)))`);
    const table = guest.exports["table"] as WebAssembly.Table;
    const global = guest.exports["global"] as WebAssembly.Global;
    const functions = [table.get(0), global.value, guest.call("f").value] as ((value: number) => void)[];
    for (const spin of functions) {
      guest.fuel.value = 1_000n;
      expect(() => spin(-1)).toThrow("unreachable");
      expect(guest.fuel.value).toBeLessThan(0n);
    }
  });

  test("a function that the host puts into a table is called with its own type", () => {
    const guest = new Guest(`(module (type $t (func (param i32) (result i32))) (table (export "table") 2 funcref)
      (func (export "one") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
      (func (export "f") (param i32) (result i32) (call_indirect (type $t) (local.get 0) (i32.const 1))))`);
    const table = guest.exports["table"] as WebAssembly.Table;
    table.set(1, guest.exports["one"]);
    expect(guest.call("f", [4])).toMatchObject({ value: 5, state: "ok" });
  });

  test("an import that is exported again is the import", () => {
    const guest = new Guest(
      `(module (import "env" "twice" (func $twice (param i32) (result i32)))
      (export "f" (func $twice)))`,
      { env: { twice: (value: number) => 2 * value } },
    );
    expect(guest.call("f", [4])).toMatchObject({ value: 8, used: 0n });
  });

  test("the start function waits for the host", () => {
    const source = `(module (global $g (export "g") (mut i32) (i32.const 0)) (start $s)
      (func $s (loop $l (global.set $g (i32.add (global.get $g) (i32.const 1)))
        (br_if $l (i32.lt_u (global.get $g) (i32.const 10))))))`;
    const guest = new Guest(source);
    const global = guest.exports["g"] as WebAssembly.Global;
    expect(global.value).toBe(0);
    expect(guest.call("__patchbay_start").state).toBe("ok");
    expect(global.value).toBe(10);
    expect(guest.call("__patchbay_start", [], 20n).state).toBe("exhausted");
    expect(inspectModule(guest.bytes).start).toBe(false);
  });

  test("no start function, no export for it", () => {
    expect(Object.keys(new Guest("(module)").exports)).toEqual([
      "__patchbay_fuel",
      "__patchbay_depth",
      "__patchbay_refused_pages",
    ]);
  });
});

describe("custom sections", () => {
  const source = `(module (func $named (export "f") (param $x i32) (call $named (local.get $x))))`;

  test("are dropped", () => {
    expect(inspectModule(new Guest(source).bytes).customSections).toEqual([]);
  });

  test("but names are kept where asked for, and stand in stack traces", () => {
    const guest = new Guest(source, {}, { keepNames: true });
    expect(inspectModule(guest.bytes).customSections.map(({ name }) => name)).toEqual(["name"]);
    guest.fuel.value = 1_000n;
    let stack: string | undefined;
    try {
      (guest.exports as Exports)["f"]?.(1);
    } catch (error) {
      if (error instanceof Error) stack = error.stack;
    }
    expect(stack).toContain("named");
  });
});

test("the report says what was done", () => {
  const { report, bytes } = new Guest(`(module (func (export "f") (loop $l (br $l))) (func (drop (i32.const 1))))`);
  expect(report).toEqual({
    rewriterVersion: REWRITER_VERSION,
    costTableVersion: "weighted-1",
    backend: "register",
    functions: 2,
    regions: 2,
    checks: 2,
    wrappers: 1,
    inputBytes: report.inputBytes,
    outputBytes: bytes.length,
    codeGrowth: bytes.length / report.inputBytes,
    memoryPages: 0,
    callDepth: 200,
    features: [],
  });
});

test("modules that only the global form carries say so", () => {
  const tail = `(type $t (func)) (func (export "f") (return_call_indirect (type $t) (i32.const 0)))`;
  expect(new Guest(`(module (table 1 funcref) ${tail})`).report.backend).toBe("register");
  expect(new Guest(`(module (table (export "t") 1 funcref) ${tail})`).report.backend).toBe("global");
});
