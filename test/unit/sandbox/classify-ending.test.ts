import { describe, expect, test } from "vitest";
import { DEFAULT_LIMITS } from "../../../sdk/contract/limits.ts";
import { classifyEnding, type Ending } from "../../../worker/execution/sandbox/classify-ending.ts";

const GOOD: Ending = {
  entry: "run",
  reachedFunction: true,
  thrown: undefined,
  returned: 0,
  stopped: undefined,
  exitCode: undefined,
  fuel: "ok",
  guestError: undefined,
  unserved: undefined,
  memory: { bytes: 65_536, refusedBytes: 0 },
  kernel: { usedBytes: 100, refusedBytes: 0 },
  output: { bytes: 10, requested: 10 },
};

const TRAP = { error: new WebAssembly.RuntimeError("unreachable") };
const STOPPED = { error: new Error("The guest was stopped.") };
const DENIED = { code: "GRANT_MISSING", detail: "denied" } as const;
const FULL = { bytes: 9 * 1_048_576, refusedBytes: 9 * 1_048_576 };
const REFUSED = { usedBytes: 100, refusedBytes: 5 };

function classify(ending: Partial<Ending>): string | undefined {
  return classifyEnding({ ...GOOD, ...ending }, DEFAULT_LIMITS)?.code;
}

describe("success", () => {
  test.each<{ title: string; ending: Partial<Ending> }>([
    { title: "returned 0", ending: {} },
    { title: "returned nothing", ending: { returned: undefined } },
    { title: "proc_exit(0) in the function", ending: { exitCode: 0, thrown: STOPPED, returned: undefined } },
    { title: "an allocation was refused and nothing failed", ending: { kernel: REFUSED } },
    { title: "the memory is full and nothing failed", ending: { memory: FULL } },
    {
      title: "output cut at the heap's end without a refused allocation",
      ending: { output: { bytes: 1, requested: 5 } },
    },
    { title: "output at the limit", ending: { output: { bytes: 1_048_576, requested: 1_048_576 } } },
  ])("$title", ({ ending }) => {
    expect(classify(ending)).toBeUndefined();
  });
});

describe("after a capability call that was not served", () => {
  const unserved = { code: "GRANT_MISSING", message: "No grant." } as const;

  test.each<{ title: string; ending: Partial<Ending>; code: string | undefined }>([
    { title: "going on is no failure", ending: {}, code: undefined },
    { title: "reporting an error is giving up", ending: { guestError: "x" }, code: "GRANT_MISSING" },
    { title: "trapping is giving up", ending: { thrown: TRAP }, code: "GRANT_MISSING" },
    { title: "a code is giving up", ending: { returned: 1 }, code: "GRANT_MISSING" },
    { title: "exiting is giving up", ending: { thrown: STOPPED, exitCode: 2 }, code: "GRANT_MISSING" },
    { title: "limits stay the plugin's", ending: { fuel: "exhausted", thrown: TRAP }, code: "FUEL_EXHAUSTED" },
    {
      title: "a large output stays the plugin's",
      ending: { output: { bytes: 2e6, requested: 2e6 } },
      code: "OUTPUT_TOO_LARGE",
    },
  ])("$title", ({ ending, code }) => {
    expect(classify({ ...ending, unserved })).toBe(code);
  });
});

describe("precedence", () => {
  test.each<{ title: string; ending: Partial<Ending>; code: string }>([
    {
      title: "what the host stopped comes before everything",
      ending: { stopped: DENIED, fuel: "exhausted", guestError: "x", thrown: TRAP },
      code: "GRANT_MISSING",
    },
    {
      title: "fuel before the guest's error",
      ending: { fuel: "exhausted", guestError: "x", thrown: TRAP },
      code: "FUEL_EXHAUSTED",
    },
    {
      title: "depth before the guest's error",
      ending: { fuel: "depth", guestError: "x", thrown: TRAP },
      code: "CALL_DEPTH_EXCEEDED",
    },
    {
      title: "the engine's stack is call depth",
      ending: { thrown: { error: new RangeError("Maximum call stack size exceeded") }, fuel: "poisoned" },
      code: "CALL_DEPTH_EXCEEDED",
    },
    { title: "fuel that ran out without a trap", ending: { fuel: "exhausted" }, code: "FUEL_EXHAUSTED" },
    {
      title: "memory before a trap",
      ending: { memory: FULL, thrown: TRAP, fuel: "poisoned" },
      code: "MEMORY_EXCEEDED",
    },
    {
      title: "memory before an exit code",
      ending: { memory: FULL, exitCode: 2, thrown: STOPPED },
      code: "MEMORY_EXCEEDED",
    },
    {
      title: "the guest's error before memory",
      ending: { memory: FULL, thrown: TRAP, guestError: "x" },
      code: "PLUGIN_ERROR",
    },
    {
      title: "a large memory of which nothing was refused is not short",
      ending: { memory: { bytes: 16_777_216, refusedBytes: 0 }, thrown: TRAP },
      code: "PLUGIN_TRAPPED",
    },
    {
      title: "one growth far over the limit is short",
      ending: { memory: { bytes: 65_536, refusedBytes: 2 ** 32 }, thrown: TRAP },
      code: "MEMORY_EXCEEDED",
    },
    { title: "kernel memory before a trap", ending: { kernel: REFUSED, thrown: TRAP }, code: "KERNEL_MEMORY_EXCEEDED" },
    {
      title: "kernel memory before the guest's error",
      ending: { kernel: REFUSED, guestError: "x" },
      code: "KERNEL_MEMORY_EXCEEDED",
    },
    { title: "kernel memory before a code", ending: { kernel: REFUSED, returned: 1 }, code: "KERNEL_MEMORY_EXCEEDED" },
    {
      title: "kernel memory where output is missing",
      ending: { kernel: REFUSED, output: { bytes: 0, requested: 5 } },
      code: "KERNEL_MEMORY_EXCEEDED",
    },
    {
      title: "the guest's error before a trap",
      ending: { guestError: "x", thrown: TRAP, fuel: "poisoned" },
      code: "PLUGIN_ERROR",
    },
    {
      title: "the guest's error before exit code 0",
      ending: { guestError: "x", exitCode: 0, thrown: STOPPED },
      code: "PLUGIN_ERROR",
    },
    { title: "a trap", ending: { thrown: TRAP, fuel: "poisoned" }, code: "PLUGIN_TRAPPED" },
    {
      title: "an exit before the function",
      ending: { exitCode: 0, thrown: STOPPED, reachedFunction: false },
      code: "PLUGIN_ERROR",
    },
    {
      title: "an import whose result the engine cannot convert",
      ending: { thrown: { error: new TypeError("Cannot convert a BigInt value to a number") } },
      code: "PLUGIN_LOAD_FAILED",
    },
    {
      title: "a code before a large output",
      ending: { returned: 3, output: { bytes: 2e6, requested: 2e6 } },
      code: "PLUGIN_ERROR",
    },
    { title: "a result that is no i32", ending: { returned: 0.5 }, code: "FUNCTION_NOT_FOUND" },
    { title: "an i64 result, even 0", ending: { returned: 0n }, code: "FUNCTION_NOT_FOUND" },
    {
      title: "a large output",
      ending: { output: { bytes: 1_048_577, requested: 1_048_577 } },
      code: "OUTPUT_TOO_LARGE",
    },
  ])("$title: $code", ({ ending, code }) => {
    expect(classify(ending)).toBe(code);
  });
});

test("a guest's error keeps the trap and the exit code beside it", () => {
  expect(classifyEnding({ ...GOOD, guestError: "no rows", thrown: TRAP }, DEFAULT_LIMITS)).toEqual({
    code: "PLUGIN_ERROR",
    detail: 'no rows (then it trapped in "run": unreachable)',
  });
  expect(classifyEnding({ ...GOOD, guestError: "no rows", returned: 5 }, DEFAULT_LIMITS)).toEqual({
    code: "PLUGIN_ERROR",
    detail: "no rows",
    exitCode: 5,
  });
});
