import { describe, expect, test } from "vitest";
import { openPackage, text } from "../../support/guests/guest-isolate.ts";

/** A package of modules that import from each other, in a Dynamic Worker. */

const MIB = 1_048_576;
const PAIR = { main: "linked-main", lib: "linked-lib", clock: "linked-clock" };
const pair = openPackage(PAIR);
/** The same under Node: test/unit/linking/package-call.test.ts. */
const FUEL_OF_VOLLEY = 2_944;

describe("three modules", () => {
  test("call each other, and every call begins anew", async () => {
    const [first, again] = [await pair.call("run"), await pair.call("run")];
    expect(first.failure).toBeUndefined();
    expect(first.output).toEqual(Uint8Array.of(42));
    expect(again).toEqual(first);
  });

  test("start function and initialiser of the linked module run first, in this order and once", async () => {
    expect((await pair.call("started")).output).toEqual(Uint8Array.of(10));
  });

  test("share input, output and error", async () => {
    expect(text((await pair.call("answer")).output)).toBe("!");
    expect((await pair.call("fail")).failure).toEqual({ code: "PLUGIN_ERROR", detail: "!" });
  });

  test("proc_exit(0) in the linked module is success with its output", async () => {
    const outcome = await pair.call("leave");
    expect(outcome.failure).toBeUndefined();
    expect(text(outcome.output)).toBe("!");
  });

  test("write into one log, each from its own memory", async () => {
    expect((await pair.call("print")).logs).toEqual([
      { level: "stderr", text: "lib writes" },
      { level: "stdout", text: "main writes" },
      { level: "stderr", text: "lib writes" },
    ]);
  });

  test("draw from one stream of random bytes", async () => {
    expect((await pair.call("random")).failure).toBeUndefined();
  });

  test("wait in the linked module", async () => {
    expect((await pair.call("nap")).failure).toBeUndefined();
  });

  test("the memory of all is what the call used", async () => {
    expect((await pair.call("fine")).usage.memoryBytes).toBe(3 * 65_536);
  });

  test("go back and forth as often as the depth allows", async () => {
    expect((await pair.call("volley", { input: "x".repeat(100) })).output).toEqual(Uint8Array.of(66));
    expect((await pair.call("volley", { input: "x".repeat(101) })).output).toEqual(Uint8Array.of(33));
  });

  test("use the same fuel in every isolate, to the unit", async () => {
    const input = "x".repeat(20);
    for (const clock of ["linked-clock", "linked-still"]) {
      const outcome = await openPackage({ ...PAIR, clock }).call("volley", { input });
      expect(outcome.usage.fuel).toBe(FUEL_OF_VOLLEY);
    }
    const exact = await pair.call("volley", { input, limits: { fuel: FUEL_OF_VOLLEY } });
    expect(exact.failure).toBeUndefined();
  });
});

describe("hostile packages", () => {
  test("an endless loop in the linked module", async () => {
    const outcome = await pair.call("spin", { limits: { fuel: 5e6 } });
    expect(outcome.failure).toMatchObject({ code: "FUEL_EXHAUSTED", limit: { used: 5e6, allowed: 5e6 } });
    expect((await pair.call("fine")).failure).toBeUndefined();
  });

  test("modules that call each other without end", async () => {
    const outcome = await pair.call("volley_forever");
    expect(outcome.failure).toMatchObject({ code: "CALL_DEPTH_EXCEEDED" });
    const soon = await pair.call("volley_forever", { limits: { fuel: 10_000 } });
    expect(soon.failure).toMatchObject({ code: "FUEL_EXHAUSTED" });
  });

  test.each(["trap", "trap_caught"])("a trap in the linked module is one failure: %s", async (name) => {
    const outcome = await pair.call(name);
    expect(outcome.failure).toEqual({
      code: "PLUGIN_TRAPPED",
      detail: `The plugin trapped in "${name}": divide by zero.`,
    });
    expect(outcome.output).toBeUndefined();
    expect((await pair.call("fine")).failure).toBeUndefined();
  });

  test("an exception of the linked module can be caught, or is the end", async () => {
    expect((await pair.call("throw_caught")).output).toEqual(Uint8Array.of(7));
    expect((await pair.call("throw")).failure).toEqual({
      code: "PLUGIN_TRAPPED",
      detail: 'The plugin trapped in "throw": uncaught exception.',
    });
  });

  test("memory of all modules together stays within the limit", async () => {
    const outcome = await openPackage(PAIR, { limits: { memory: 4 * MIB } }).call("grow");
    expect(outcome.failure).toMatchObject({
      code: "MEMORY_EXCEEDED",
      limit: { name: "memory", used: 4 * MIB + 65_536, allowed: 4 * MIB },
    });
    expect(outcome.usage.memoryBytes).toBe(4 * MIB);
  });

  test("a start function of a linked module that never ends", async () => {
    const guest = openPackage({ main: "linked-adder", lib: "linked-loop" });
    const outcome = await guest.call("run", { limits: { fuel: 5e6 } });
    expect(outcome.failure).toEqual({
      code: "FUEL_EXHAUSTED",
      detail: 'The plugin used up its fuel of 5000000 units in "lib: start section".',
      limit: { name: "fuel", used: 5e6, allowed: 5e6 },
    });
  });

  test("a module that is missing", async () => {
    expect((await openPackage({ main: "linked-adder", other: "linked-loop" }).call("run")).failure).toEqual({
      code: "PLUGIN_LOAD_FAILED",
      detail: 'The plugin imports the function "add" of "lib", which the host does not have.',
    });
  });
});
