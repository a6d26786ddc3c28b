import { describe, expect, test } from "vitest";
import { classifyFuel, POISON_FUEL } from "../../../sdk/contract/metering-abi.ts";
import { Guest, PLENTY } from "./guest.ts";

const COUNTDOWN = `(module (func (export "f") (param i32)
  (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))`;

/** Units are those of the table "weighted-1": entry 6, parameter 2, local 1, plain instruction 1, turn of a loop 12. */
test.each([
  ["an empty function", `(func (export "f"))`, [], 6],
  ["parameters", `(func (export "f") (param i32 i64 f64))`, [1, 2n, 3], 6 + 3 * 2],
  ["locals, dearer from the 17th on", `(func (export "f") (local ${"i32 ".repeat(20)}))`, [], 6 + 20 + 4],
  ["straight code", `(func (export "f") (result i32) (i32.mul (i32.const 2) (i32.const 3)))`, [], 6 + 1 + 1 + 4],
  ["a division", `(func (export "f") (result i32) (i32.div_u (i32.const 6) (i32.const 3)))`, [], 6 + 2 + 40],
  [
    "code behind unreachable code",
    `(func (export "f") (block (br 0) (unreachable) (drop (i32.const 1))) (nop))`,
    [],
    7,
  ],
  [
    "the arm that is taken",
    `(func (export "f") (param i32) (if (local.get 0) (then (drop (i32.const 1)))
      (else (drop (i64.mul (i64.const 1) (i64.const 2))))))`,
    [1],
    8 + 1 + 4 + 1,
  ],
  [
    "the other arm",
    `(func (export "f") (param i32) (if (local.get 0) (then (drop (i32.const 1)))
      (else (drop (i64.mul (i64.const 1) (i64.const 2))))))`,
    [0],
    8 + 1 + 4 + 6,
  ],
  [
    "code in front of a taken br_if",
    `(func (export "f") (param i32) (block (br_if 0 (local.get 0))
      (drop (i32.const 1))) (drop (i32.const 2)))`,
    [1],
    8 + 1 + 4 + 1,
  ],
  [
    "code behind a br_if that is not taken",
    `(func (export "f") (param i32) (block (br_if 0 (local.get 0))
      (drop (i32.const 1))) (drop (i32.const 2)))`,
    [0],
    8 + 1 + 4 + 1 + 1,
  ],
  [
    "code behind a return",
    `(func (export "f") (param i32) (if (local.get 0) (then (return)))
      (drop (i32.const 2)))`,
    [1],
    8 + 1 + 4,
  ],
  [
    "a loop, once for each iteration",
    `(func (export "f") (param i32)
      (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))`,
    [10],
    8 + 10 * (12 + 1 + 1 + 1 + 1 + 4),
  ],
  ["a loop without a branch back", `(func (export "f") (loop (drop (i32.const 1))))`, [], 6 + 12 + 1],
  [
    "a br_table",
    `(func (export "f") (param i32) (block (block (br_table 0 1 (local.get 0))) (drop (i32.const 1))))`,
    [1],
    8 + 1 + 40,
  ],
  [
    "a call of a small function, charged to the caller",
    `(func $leaf (param i32) (result i32) (i32.clz (local.get 0)))
    (func (export "f") (drop (call $leaf (i32.const 1))))`,
    [],
    6 + 1 + 12 + (6 + 2 + 1 + 6),
  ],
  [
    "a call of a function that is metered itself",
    `(func $g (param i32) (if (local.get 0) (then (call $g (i32.const 0)))))
    (func (export "f") (call $g (i32.const 1)))`,
    [],
    6 + 1 + 12 + (8 + 1 + 4 + 1 + 12) + (8 + 1 + 4),
  ],
  [
    "an indirect call",
    `(type $t (func)) (table 1 funcref) (elem (i32.const 0) $g) (func $g)
    (func (export "f") (call_indirect (type $t) (i32.const 0)))`,
    [],
    6 + 1 + 64 + 6,
  ],
  [
    "a call behind a block that was left early",
    `(func $g (if (i32.const 0) (then (call $g))))
    (func (export "f") (param i32) (block (br_if 0 (local.get 0)) (drop (i32.const 1))) (call $g))`,
    [1],
    8 + 1 + 4 + 12 + (6 + 1 + 4),
  ],
  [
    "a call behind a block that was not",
    `(func $g (if (i32.const 0) (then (call $g))))
    (func (export "f") (param i32) (block (br_if 0 (local.get 0)) (drop (i32.const 1))) (call $g))`,
    [0],
    8 + 1 + 4 + 1 + 12 + (6 + 1 + 4),
  ],
  [
    "a call in code that is not reached, in front of one that is",
    `(func $g (if (i32.const 0) (then (call $g))))
    (func (export "f") (block (drop (i32.const 1)) (br 0) (call $g)) (call $g))`,
    [],
    6 + 1 + 1 + 12 + (6 + 1 + 4),
  ],
  [
    "a turn of a loop that ends with the jump back",
    `(func $g (if (i32.const 0) (then (call $g))))
    (func (export "f") (param i32) (loop $l (if (local.get 0)
      (then (local.set 0 (i32.const 0)) (br $l)))) (call $g))`,
    [1],
    8 + 2 * (12 + 1 + 4) + 3 + 12 + (6 + 1 + 4),
  ],
  ["an import", `(import "env" "nothing" (func $nothing)) (func (export "f") (call $nothing))`, [], 6 + 12 + 60],
  [
    "memory.fill by length",
    `(memory 1) (func (export "f") (param i32)
    (memory.fill (i32.const 0) (i32.const 0) (local.get 0)))`,
    [4000],
    8 + 3 + 60 + 1000,
  ],
  [
    "memory.fill of all memory",
    `(memory 1) (func (export "f") (param i32)
    (memory.fill (i32.const 0) (i32.const 0) (local.get 0)))`,
    [65_536],
    8 + 3 + 60 + 16_384,
  ],
  [
    "memory.copy by length",
    `(memory 1) (func (export "f") (memory.copy (i32.const 0) (i32.const 8) (i32.const 400)))`,
    [],
    6 + 3 + 60 + 100,
  ],
  [
    "memory.init by length",
    `(memory 1) (data $d "12345678") (func (export "f")
    (memory.init $d (i32.const 0) (i32.const 0) (i32.const 8)))`,
    [],
    6 + 3 + 600 + 2,
  ],
  [
    "memory.grow by page",
    `(memory 1) (func (export "f") (drop (memory.grow (i32.const 3))))`,
    [],
    6 + 1 + 600 + 180_000,
  ],
  ["memory.grow that fails", `(memory 1) (func (export "f") (drop (memory.grow (i32.const 99))))`, [], 6 + 1 + 600],
  [
    "table.grow by element",
    `(table 1 externref) (func (export "f")
    (drop (table.grow 0 (ref.null extern) (i32.const 5))))`,
    [],
    6 + 2 + 200 + 400,
  ],
  [
    "table.fill by element",
    `(table 5 externref) (func (export "f")
    (table.fill 0 (i32.const 0) (ref.null extern) (i32.const 5)))`,
    [],
    6 + 3 + 300 + 400,
  ],
  [
    "table.copy by element",
    `(table 5 funcref) (func (export "f")
    (table.copy (i32.const 0) (i32.const 1) (i32.const 4)))`,
    [],
    6 + 3 + 200 + 320,
  ],
  [
    "table.init by element",
    `(table 5 funcref) (func $g) (elem $e func $g $g) (func (export "f")
    (table.init $e (i32.const 0) (i32.const 0) (i32.const 2)))`,
    [],
    6 + 3 + 200 + 160,
  ],
] as const)("charges %s", (_, source, values, units) => {
  const guest = new Guest(`(module ${source})`, { env: { nothing: () => {} } });
  expect(guest.call("f", values)).toMatchObject({ state: "ok", used: BigInt(units) });
  // With exactly that much it still runs, with one unit less the fuel says so.
  expect(guest.call("f", values, BigInt(units)).state).toBe("ok");
  expect(guest.call("f", values, BigInt(units - 1)).state).toBe("exhausted");
});

describe("out of fuel", () => {
  test("in a loop", () => {
    const outcome = new Guest(COUNTDOWN).call("f", [-1], 1_000_000n);
    expect(outcome).toMatchObject({ error: "unreachable", state: "exhausted" });
    expect(outcome.used).toBeLessThan(1_000_020n);
  });

  test("in a recursion, by its entries", () => {
    const guest = new Guest(`(module (func $f (export "f") (param i32) (result i32)
      (i32.add (call $f (local.get 0)) (i32.const 1))))`);
    expect(guest.call("f", [1], 100n, 10_000)).toMatchObject({ error: "unreachable", state: "exhausted" });
  });

  test("in an endless chain of tail calls", () => {
    const guest = new Guest(`(module (func $f (export "f") (return_call $f)))`);
    expect(guest.call("f", [], 10_000n)).toMatchObject({ error: "unreachable", state: "exhausted" });
  });

  test("at an instruction that is charged by length, before it does anything", () => {
    const guest = new Guest(`(module (memory (export "memory") 1) (func (export "f")
      (memory.fill (i32.const 0) (i32.const 7) (i32.const 65536))))`);
    expect(guest.call("f", [], 1_000n)).toMatchObject({ error: "unreachable", state: "exhausted" });
    const memory = guest.exports["memory"] as WebAssembly.Memory;
    expect(new Uint8Array(memory.buffer)[0]).toBe(0);
  });

  test("stays so for the next call until the host gives fuel", () => {
    const guest = new Guest(COUNTDOWN);
    guest.call("f", [-1], 1_000n);
    const { f } = guest.exports as { f: (value: number) => void };
    expect(() => f(3)).toThrow("unreachable");
    expect(guest.call("f", [3]).state).toBe("ok");
  });

  test("from the start: a module that was never given fuel does nothing", () => {
    const guest = new Guest(COUNTDOWN);
    expect(() => (guest.exports["f"] as (value: number) => void)(1)).toThrow("unreachable");
  });

  test.each([
    ["legacy", "(try (do (call $burn)) (catch_all (local.set 0 (i32.const 1))))"],
    ["inside its own loop", "(try (do (loop $l (br $l))) (catch_all (local.set 0 (i32.const 1))))"],
  ])("is not caught by catch_all: %s", (_, body) => {
    const guest = new Guest(`(module (func $burn (loop $l (br $l)))
      (func (export "f") (result i32) (local i32) ${body} (local.get 0)))`);
    expect(guest.call("f", [], 100_000n)).toMatchObject({ error: "unreachable", state: "exhausted" });
  });

  test.each([
    ["small", "(i32.popcnt (local.get 0))", 24_000, 16_800],
    ["larger", "(i32.popcnt (i32.popcnt (i32.popcnt (local.get 0))))", 12_000, 5_600],
  ])("in a large body without loops, of %s regions, is seen long before its end", (_, value, steps, bound) => {
    const step = `(if (local.get 0) (then (global.set $g (i32.add (global.get $g) ${value}))))`;
    const guest = new Guest(`(module (global $g (export "g") (mut i32) (i32.const 0))
      (func (export "f") (param i32) ${step.repeat(steps)}))`);
    const counter = guest.exports["g"] as WebAssembly.Global;
    expect(guest.call("f", [1], 1_000_000n).state).toBe("ok");
    expect(counter.value).toBe(steps);
    counter.value = 0;
    expect(guest.call("f", [1], 31_000n)).toMatchObject({ error: "unreachable", state: "exhausted" });
    expect(counter.value).toBeLessThan(bound);
  });
});

describe("a trap", () => {
  test.each([
    ["unreachable", "unreachable", "unreachable"],
    ["a division by zero", "(drop (i32.div_s (i32.const 1) (i32.const 0)))", "divide by zero"],
    ["a load out of bounds", "(drop (i32.load (i32.const 65536)))", "memory access out of bounds"],
    [
      "a fill out of bounds",
      "(memory.fill (i32.const 1) (i32.const 0) (i32.const 65536))",
      "memory access out of bounds",
    ],
    [
      "a fill longer than memory",
      "(memory.fill (i32.const 0) (i32.const 0) (i32.const -1))",
      "memory access out of bounds",
    ],
    [
      "an init longer than memory",
      "(memory.init $d (i32.const 0) (i32.const 0) (i32.const -1))",
      "memory access out of bounds",
    ],
    [
      "an indirect call of nothing",
      "(call_indirect (type $t) (i32.const 0))",
      "null function or function signature mismatch",
    ],
    ["an indirect call out of bounds", "(call_indirect (type $t) (i32.const 9))", "table index is out of bounds"],
    [
      "an indirect call of another type",
      "(call_indirect (type $t) (i32.const 1))",
      "null function or function signature mismatch",
    ],
  ])("stays the same trap and poisons the fuel: %s", (_, code, message) => {
    const guest = new Guest(`(module (memory 1) (data $d "x") (type $t (func)) (type $u (func (param i32)))
      (table 2 funcref) (elem (i32.const 1) $other) (func $other (type $u)) (func (export "f") ${code}))`);
    const outcome = guest.call("f", [], 1_000_000n);
    expect(outcome.error).toContain(message);
    expect(outcome.state).toBe("poisoned");
  });

  test("leaves nothing to run on with", () => {
    const guest = new Guest(
      `(module (func (export "trap") unreachable) (func (export "f") (loop $l (br_if $l (i32.const 0)))))`,
    );
    guest.call("trap");
    expect(() => (guest.exports["f"] as () => void)()).toThrow("unreachable");
    expect(classifyFuel(guest.fuel.value as bigint, 1)).toBe("poisoned");
  });

  test("poison holds while the guest runs, the truth while the host does", () => {
    const seen: unknown[] = [];
    const guest: Guest = new Guest(`(module (import "env" "look" (func $look)) (func (export "f") (call $look)))`, {
      env: { look: () => seen.push(guest.fuel.value, guest.depth.value) },
    });
    guest.call("f", [], 1_000n, 50);
    expect(seen).toEqual([1_000n - 78n, 48]);
  });
});

test.each([
  [0n, 1, "ok"],
  [-1n, 1, "exhausted"],
  [-(2n ** 61n) + 1n, 1, "exhausted"],
  [-(2n ** 61n), 1, "poisoned"],
  [POISON_FUEL, 1, "poisoned"],
  [POISON_FUEL, -1, "poisoned"],
  [5n, -1, "depth"],
  [-5n, -1, "depth"],
  [PLENTY, 0, "ok"],
] as const)("fuel %d and depth %d mean %s", (fuel, depth, state) => {
  expect(classifyFuel(fuel, depth)).toBe(state);
});
