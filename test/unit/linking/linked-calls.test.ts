import { describe, expect, test } from "vitest";
import { PLENTY } from "../metering/guest.ts";
import { LinkedGuests } from "./linked-guests.ts";

const BACKENDS = [{ backend: undefined }, { backend: "global" as const }];
const policyOf = (backend: "global" | undefined) => (backend ? { backend } : {});

const LIB = `(global $calls (mut i32) (i32.const 0))
  (func (export "add") (param i32 i32) (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (i32.add (local.get 0) (local.get 1)))
  (func (export "calls") (result i32) (global.get $calls))`;
const USES_LIB = `(import "lib" "add" (func $add (param i32 i32) (result i32)))
  (import "lib" "calls" (func $calls (result i32)))
  (global $own (mut i32) (i32.const 40))
  (func (export "run") (result i32) (global.set $own (call $add (global.get $own) (i32.const 2))) (global.get $own))
  (func (export "calls") (result i32) (call $calls))`;

describe.each(BACKENDS)("calls between modules, backend $backend", ({ backend }) => {
  const policy = policyOf(backend);

  test("reach the other module's own state", () => {
    const guests = new LinkedGuests({ main: USES_LIB, lib: LIB }, policy);
    expect(guests.plan).toEqual({ order: ["lib", "main"], relayed: [] });
    expect(guests.call("run")).toMatchObject({ value: 42, state: "ok" });
    expect(guests.call("run")).toMatchObject({ value: 44 });
    expect(guests.call("calls")).toMatchObject({ value: 2 });
  });

  test("take all fuel of both from one tank, exactly", () => {
    const once = new LinkedGuests({ main: USES_LIB, lib: LIB }, policy).call("run").used;
    expect(once).toBeGreaterThan(60n);
    const guests = new LinkedGuests({ main: USES_LIB, lib: LIB }, policy);
    expect(guests.call("run", [], once)).toMatchObject({ value: 42, used: once, state: "ok" });
    expect(guests.call("run", [], once - 61n)).toMatchObject({ state: "exhausted", error: "unreachable" });
  });

  test("an endless loop in the other module uses up the caller's fuel", () => {
    const guests = new LinkedGuests(
      {
        main: `(import "lib" "spin" (func $spin)) (func (export "run") (call $spin))`,
        lib: `(func (export "spin") (loop (br 0)))`,
      },
      policy,
    );
    expect(guests.call("run", [], 10_000n)).toMatchObject({ state: "exhausted" });
  });

  test("a trap in the other module ends both, and nothing can run on", () => {
    const guests = new LinkedGuests(
      {
        main: `(import "lib" "trap" (func $trap)) (func (export "run") (result i32)
          (try (result i32) (do (call $trap) (i32.const 0)) (catch_all (i32.const 1))))`,
        lib: `(func (export "trap") (i32.div_u (i32.const 1) (i32.const 0)) (drop))`,
      },
      policy,
    );
    const outcome = guests.call("run");
    expect(outcome.error).toBe("divide by zero");
    expect(["poisoned", "ok"]).toContain(outcome.state);
  });

  test("an exception passes from one module to the other with the true fuel", () => {
    const guests = new LinkedGuests(
      {
        main: `(import "lib" "throw" (func $throw)) (func (export "run") (result i32)
          (try (result i32) (do (call $throw) (i32.const 0)) (catch_all (i32.const 1))))`,
        lib: `(tag $t) (func (export "throw") (throw $t))`,
      },
      policy,
    );
    const first = guests.call("run");
    expect(first).toMatchObject({ value: 1, state: "ok" });
    expect(first.used).toBeGreaterThan(3_000n);
    expect(guests.call("run", [], first.used)).toEqual(first);
  });

  test("all numbers cross, vectors too", () => {
    const guests = new LinkedGuests(
      {
        main: `(import "lib" "mix" (func $mix (param i64 f32 v128) (result f64 v128)))
          (func (export "run") (result f64) (local $v v128)
            (call $mix (i64.const 40) (f32.const 1.5) (v128.const i32x4 1 2 3 4)) (local.set $v)
            (f64.add (f64.convert_i32_s (i32x4.extract_lane 3 (local.get $v)))))`,
        lib: `(func (export "mix") (param i64 f32 v128) (result f64 v128)
          (f64.add (f64.convert_i64_s (local.get 0)) (f64.promote_f32 (local.get 1)))
          (i32x4.add (local.get 2) (local.get 2)))`,
      },
      policy,
    );
    expect(guests.call("run")).toMatchObject({ value: 49.5, state: "ok" });
  });
});

describe.each(BACKENDS)("circles, backend $backend", ({ backend }) => {
  const policy = policyOf(backend);
  const EVEN = `(import "lib" "odd" (func $odd (param i32) (result i32)))
    (func (export "even") (param i32) (result i32)
      (if (result i32) (local.get 0) (then (call $odd (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 1))))
    (func (export "run") (param i32) (result i32) (call $even (local.get 0)))
    (func $even (param i32) (result i32)
      (if (result i32) (local.get 0) (then (call $odd (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 1))))`;
  const ODD = `(import "main" "even" (func $even (param i32) (result i32)))
    (func (export "odd") (param i32) (result i32)
      (if (result i32) (local.get 0) (then (call $even (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 0))))`;

  test("go through the relay", () => {
    const guests = new LinkedGuests({ main: EVEN, lib: ODD }, policy);
    expect(guests.plan).toEqual({
      order: ["lib", "main"],
      relayed: [{ module: "main", name: "even", type: "(i32) -> i32" }],
    });
    expect(guests.call("run", [9])).toMatchObject({ value: 0, state: "ok" });
    expect(guests.call("run", [10])).toMatchObject({ value: 1, state: "ok" });
  });

  test("end at the call depth, which frames of all modules share", () => {
    const guests = new LinkedGuests({ main: EVEN, lib: ODD }, policy);
    expect(guests.call("run", [1_000_000])).toMatchObject({ error: "unreachable", state: "depth" });
    expect(guests.call("run", [4])).toMatchObject({ value: 1, state: "ok" });
  });

  test("stay below the engine's own stack at the largest depth", () => {
    const guests = new LinkedGuests({ main: EVEN, lib: ODD }, policy);
    expect(guests.call("run", [1_000_000], PLENTY, 10_240)).toMatchObject({ error: "unreachable", state: "depth" });
  });

  test("a module may import from itself", () => {
    const guests = new LinkedGuests(
      {
        main: `(import "main" "self" (func $self (param i32) (result i32)))
          (func (export "self") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
          (func (export "run") (result i32) (call $self (i32.const 1)))`,
      },
      policy,
    );
    expect(guests.call("run").value).toBe(2);
  });
});

describe("memory of all modules", () => {
  const GROWS = (name: string) => `(memory (export "memory") 1)
    (func (export "${name}") (param i32) (result i32) (memory.grow (local.get 0)))`;

  test("is shared up to the limit, whoever takes it", () => {
    const guests = new LinkedGuests(
      {
        main: `(import "lib" "their" (func $their (param i32) (result i32))) ${GROWS("own")}
          (func (export "their") (param i32) (result i32) (call $their (local.get 0)))`,
        lib: GROWS("their"),
      },
      { memoryPages: 10 },
    );
    const grow = (name: string, pages: number): unknown => guests.call(name, [pages]).value;
    expect(grow("their", 9)).toBe(-1);
    expect(guests.counters["refused_pages"]?.value).toBe(9);
    expect([grow("their", 5), grow("own", 4), grow("own", 3), grow("their", 1), grow("own", 0)]).toEqual([
      1, -1, 1, -1, 4,
    ]);
  });

  test("each may take all that is left", () => {
    const guests = new LinkedGuests({ main: GROWS("own"), lib: GROWS("their") }, { memoryPages: 10 });
    expect(guests.call("own", [8]).value).toBe(1);
    expect(guests.call("own", [-1]).value).toBe(-1);
  });
});
