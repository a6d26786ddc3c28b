import { describe, expect, test } from "vitest";
import { METERING_EXPORTS } from "../../../sdk/contract/metering-abi.ts";
import { PROFILE_FUNCTIONS, PROFILE_LIMITS } from "../../../sdk/contract/profile.ts";
import { Guest, POLICY } from "../metering/guest.ts";
import { PROFILE_KERNEL, pathsOf, problemsOf, profiledCall } from "./profiled-guest.ts";

/** Units are those of the table "weighted-1": entry 6, parameter 2, call 12, import 60, indirect call 64, plain 1. */

interface Kernel extends WebAssembly.Exports {
  begin(fuel: bigint): void;
  enter(index: number, paid: number, fuel: bigint): number;
  leave(fuel: bigint): void;
  resume(height: number, fuel: bigint): void;
  finish(fuel: bigint): void;
  nodes(): number;
}

const FORMS = [
  ["register form", {}],
  ["register form with private tables", { hideTables: true }],
  ["global form", { backend: "global" }],
] as const;

/** Not a leaf, so metered itself: 6 for the entry, 4 for the `if`, 1 for its operand. */
const LEAFLESS = "(if (i32.const 0) (then))";
const ENTRY = 6 + 1 + 4;

describe.each(FORMS)("%s", (_form, policy) => {
  test("a function is charged its own work, on each path to it", () => {
    const source = `(module
      (func $a ${LEAFLESS})
      (func $b (call $a) (call $a))
      (func (export "f") (call $a) (call $b)))`;
    const { outcome, profile } = profiledCall(source, "f", [], { policy });
    expect(pathsOf(profile)).toEqual({
      "2": [6 + 12 + 12, 1],
      "2 > 0": [ENTRY, 1],
      "2 > 1": [6 + 24, 1],
      "2 > 1 > 0": [2 * ENTRY, 2],
    });
    expect(profile.functions).toEqual({
      functions: Int32Array.of(0, 1, 2),
      self: Float64Array.of(3 * ENTRY, 30, 30),
      calls: Float64Array.of(3, 1, 1),
    });
    expect(problemsOf(profile, Number(outcome.used))).toEqual([]);
  });

  test("a small function has what its callers are charged for it", () => {
    const source = `(module
      (func $leaf (param i32) (result i32) (i32.clz (local.get 0)))
      (func (export "f") (drop (call $leaf (call $leaf (i32.const 1))))))`;
    const { profile } = profiledCall(source, "f", [], { policy });
    expect(pathsOf(profile)).toEqual({ "1": [6 + 1 + 24, 1], "1 > 0": [2 * (6 + 2 + 1 + 6), 2] });
  });

  test("an imported function has the price of its call and what the host takes", () => {
    const source = `(module (import "env" "work" (func $work)) (func (export "f") (call $work) (call $work)))`;
    let fuel: WebAssembly.Global | undefined;
    const work = (): void => {
      if (fuel) fuel.value = (fuel.value as bigint) - 1_000n;
    };
    const { profile, outcome } = profiledCall(source, "f", [], {
      policy,
      imports: { env: { work } },
      attached: (exports) => {
        fuel = exports[METERING_EXPORTS.fuel] as WebAssembly.Global;
      },
    });
    expect(pathsOf(profile)).toEqual({ "1": [6 + 24, 1], "1 > 0": [2 * (60 + 1_000), 2] });
    expect(problemsOf(profile, Number(outcome.used))).toEqual([]);
  });

  test("an imported function in a table is named too", () => {
    const source = `(module (import "env" "twice" (func $twice (param i32) (result i32)))
      (type $t (func (param i32) (result i32))) (table 1 funcref) (elem (i32.const 0) $twice)
      (func (export "f") (result i32) (call_indirect (type $t) (i32.const 4) (i32.const 0))))`;
    const imports = { env: { twice: (value: number) => 2 * value } };
    const { profile, outcome } = profiledCall(source, "f", [], { policy, imports });
    expect(outcome.value).toBe(8);
    expect(pathsOf(profile)).toEqual({ "1": [6 + 2 + 64, 1], "1 > 0": [0, 1] });
  });

  test.each([
    ["br_if", `(func $a (param i32) (result i32) (br_if 0 (i32.const 1) (local.get 0)))`, 6 + 2 + 1 + 1 + 4],
    ["br_table", `(func $a (param i32) (result i32) (br_table 0 0 (i32.const 1) (local.get 0)))`, 6 + 2 + 1 + 1 + 40],
    [
      "br with two results",
      `(func $b (param i32) (result i32 i64) (block (br 1 (i32.const 1) (i64.const 2))) (unreachable))
       (func $a (param i32) (result i32) (call $b (local.get 0)) (drop))`,
      undefined,
    ],
    ["return", `(func $a (param i32) (result i32) (if (local.get 0) (then (return (i32.const 1)))) (i32.const 2))`, 14],
  ])("a function left by %s has been left: what follows is its caller's", (_name, functions, own) => {
    const source = `(module ${functions}
      (func (export "f") (drop (call $a (i32.const 1))) (if (i32.const 1) (then (drop (i32.const 2))))))`;
    const { profile, outcome } = profiledCall(source, "f", [], { policy });
    const caller = [...profile.functions.functions].at(-1);
    // The arm of the `if` is charged behind the call.
    expect(profile.functions.self.at(-1)).toBe(6 + 1 + 12 + 1 + 4 + 1);
    if (own !== undefined) expect(pathsOf(profile)).toEqual({ [`${caller}`]: [25, 1], [`${caller} > 0`]: [own, 1] });
    expect(problemsOf(profile, Number(outcome.used))).toEqual([]);
  });

  test("a tail call takes the place of its caller", () => {
    const source = `(module
      (func $a ${LEAFLESS} (return_call $b))
      (func $b ${LEAFLESS})
      (func (export "f") (call $a)))`;
    const { profile } = profiledCall(source, "f", [], { policy });
    expect(Object.keys(pathsOf(profile))).toEqual(["2", "2 > 0", "2 > 1"]);
    expect(pathsOf(profile)["2 > 0"]).toEqual([ENTRY + 12, 1]);
  });

  test.each([
    ["catch", `(try (do (call $middle)) (catch $e))`],
    ["catch_all", `(try (do (call $middle)) (catch_all))`],
    ["try_table", `(block $h (try_table (catch $e $h) (call $middle)))`],
  ])("where an exception is caught by %s, its catcher goes on", (_name, attempt) => {
    const source = `(module (tag $e)
      (func $thrower ${LEAFLESS} (throw $e))
      (func $middle (call $thrower))
      (func $after ${LEAFLESS})
      (func $catcher ${attempt} (if (i32.const 1) (then (call $after))))
      (func (export "f") (call $catcher) (call $after)))`;
    const { profile, outcome } = profiledCall(source, "f", [], { policy });
    expect(outcome.state).toBe("ok");
    const paths = pathsOf(profile);
    expect(Object.keys(paths)).toEqual(["4", "4 > 3", "4 > 3 > 1", "4 > 3 > 1 > 0", "4 > 3 > 2", "4 > 2"]);
    expect(paths["4 > 3 > 1 > 0"]).toEqual([ENTRY + 3_000, 1]);
    expect(paths["4 > 3 > 1"]).toEqual([6 + 12, 1]);
    expect(paths["4 > 2"]).toEqual([ENTRY, 1]);
    expect(problemsOf(profile, Number(outcome.used))).toEqual([]);
  });

  test("where the fuel ends, the function that asked for more has what was left", () => {
    const source = `(module
      (func $spin (loop $l (br $l)))
      (func (export "f") (call $spin)))`;
    const { profile, outcome } = profiledCall(source, "f", [], { policy, fuel: 1_000n });
    expect(outcome.state).toBe("exhausted");
    expect(pathsOf(profile)).toEqual({ "1": [18, 1], "1 > 0": [1_000 - 18, 1] });
  });

  test("after a trap the profile has the fuel up to it, which the books of the call do not know", () => {
    const source = `(module
      (func $trap (if (i32.const 1) (then (unreachable))))
      (func (export "f") (call $trap)))`;
    const { profile, outcome } = profiledCall(source, "f", [], { policy, fuel: 1_000n });
    expect(outcome.error).toMatch(/unreachable/);
    expect(pathsOf(profile)).toEqual({ "1": [18, 1], "1 > 0": [ENTRY, 1] });
    expect(problemsOf(profile, 18 + ENTRY)).toEqual([]);
  });

  test("calls nested too deep leave what they used until then", () => {
    const source = `(module (func $f (export "f") (call $f) (call $f)))`;
    const { profile, outcome } = profiledCall(source, "f", [], { policy, depth: 40 });
    expect(outcome.state).toBe("depth");
    const frames = Object.keys(pathsOf(profile)).length;
    expect(frames).toBe(policy === FORMS[2][1] ? 40 : 39);
    expect(problemsOf(profile, frames * 30)).toEqual([]);
  });

  test("the start function is a call of its own", () => {
    const source = `(module (global $g (mut i32) (i32.const 0)) (start $s)
      (func $s (global.set $g (i32.const 7)))
      (func (export "f") (result i32) (global.get $g)))`;
    const { profile, outcome } = profiledCall(source, "f", [], { policy, start: true });
    expect(outcome.value).toBe(7);
    expect(pathsOf(profile)).toEqual({ "0": [6 + 1 + 4, 1], "1": [6 + 4, 1] });
  });
});

describe("a tree larger than is kept", () => {
  const recursion = `(module (func $f (export "f") (param i32) (result i32)
    (if (result i32) (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 0)))))`;

  test("ends at its greatest depth, below which everything is one", () => {
    const options = { policy: { callDepth: 10_240 }, depth: 10_240 };
    const { profile, outcome } = profiledCall(recursion, "f", [3_000], options);
    expect(outcome.state).toBe("ok");
    const { functions, self, calls } = profile.paths;
    expect(functions.length).toBe(1 + PROFILE_LIMITS.depth + 1);
    expect([...functions].filter((index) => index === PROFILE_FUNCTIONS.remainder)).toEqual([-2]);
    const each = profile.paths.self[2] ?? 0;
    expect(self.at(-1)).toBeGreaterThan((3_000 - PROFILE_LIMITS.depth - 1) * each);
    expect(calls.at(-1)).toBe(3_001 - PROFILE_LIMITS.depth);
    expect([...profile.functions.calls]).toEqual([3_001]);
    expect(problemsOf(profile, Number(outcome.used))).toEqual([]);
  });

  test("keeps the first paths, and the sums of all functions", () => {
    const functions = 40;
    const calls = Array.from({ length: functions }, (_, index) => `(call $f${index} (local.get 0))`).join("");
    const source = `(module ${Array.from(
      { length: functions },
      (_, index) => `(func $f${index} (param i32) (if (local.get 0) (then
        (local.set 0 (i32.sub (local.get 0) (i32.const 1))) ${calls})))`,
    ).join("")} (func (export "f") (param i32) (call $f0 (local.get 0))))`;
    const { profile, outcome } = profiledCall(source, "f", [4]);
    expect(outcome.state).toBe("ok");
    const kept = [...profile.paths.functions].filter((index) => index >= 0);
    expect(kept.length).toBeGreaterThan(0.9 * PROFILE_LIMITS.paths);
    expect(kept.length).toBeLessThanOrEqual(PROFILE_LIMITS.paths);
    // Level by level 1, 40, 1,600, 64,000, and 40 times as many at the end.
    const all = 1 + 1 + 40 + 40 ** 2 + 40 ** 3 + 40 ** 4;
    expect(profile.paths.calls.reduce((sum, count) => sum + count, 0)).toBe(all);
    expect(problemsOf(profile, Number(outcome.used))).toEqual([]);
  }, 60_000);

  test("is still right where more frames are open than have a place", () => {
    const frames = 20_000;
    const kernel = new WebAssembly.Instance(PROFILE_KERNEL).exports as Kernel;
    kernel.begin(1_000_000n);
    for (let frame = 1; frame <= frames; frame++)
      expect(kernel.enter(frame % 3, 0, 1_000_000n - BigInt(frame))).toBe(frame);
    expect(kernel.nodes()).toBe(1 + PROFILE_LIMITS.depth + 1);
    for (let frame = frames; frame > 100; frame--) kernel.leave(900_000n);
    expect(kernel.enter(7, 0, 900_000n)).toBe(101);
    kernel.resume(0, 900_000n);
    expect(kernel.enter(7, 0, 900_000n)).toBe(1);
    kernel.finish(0n);
  });
});

test("a module that is not profiled has none of it", () => {
  const guest = new Guest(`(module (func (export "f")))`, {}, POLICY);
  expect(Object.keys(guest.exports).filter((name) => name.includes("profile"))).toEqual([]);
});
