import { describe, expect, test } from "vitest";
import { hex, openGuest, text } from "../../support/guests/guest-isolate.ts";

/**
 * The Extism host ABI as the reference host (libextism) behaves. Numbers in titles are those of the known differences between
 * hosts: cases in which a JavaScript host of the same ABI answers otherwise.
 */

/** What lies behind the block up to the end of the heap is zero bytes. */
function trimToText(bytes: Uint8Array | undefined, length: number): string | undefined {
  const rest = bytes?.subarray(length) ?? new Uint8Array(0);
  expect(rest.every((byte) => byte === 0)).toBe(true);
  return text(bytes?.subarray(0, length));
}

describe("input and output", () => {
  const abi = openGuest("abi");
  const input = "0123456789";

  test.each([
    { name: "output_part", output: "abc", title: "2: output_set takes a part of a block" },
    { name: "output_interior", output: "cde", title: "3: output_set takes an interior range" },
    { name: "output_empty", output: "", title: "6: output_set(0, 0) is no output" },
    { name: "output_past_end", output: "abcdefgh", title: "output past the heap is cut" },
    { name: "output_nowhere", output: "", title: "output outside the heap is none" },
    { name: "output_input", output: input, title: "the input's own block as output" },
    { name: "length_of_null", output: "0", title: "5: length(0) is 0" },
    { name: "length_of_interior", output: "0", title: "length of an interior address is 0" },
    { name: "length_of_block", output: "5", title: "length of a block is what was asked for" },
    { name: "length_of_freed", output: "0", title: "length of a freed block is 0" },
    { name: "read_past_end", output: "0", title: "7: reads past input and heap are 0" },
    { name: "write_past_end", output: "0", title: "stores outside the heap are ignored" },
    { name: "config_constructor", output: "0", title: "9: config_get does not see inherited names" },
    { name: "config_proto", output: "0", title: "9: config_get does not see __proto__" },
    { name: "write_input", output: "?123456789", title: "11: the guest writes its own copy of the input" },
    { name: "alloc_zero", output: "0", title: "alloc(0) is 0" },
    { name: "alloc_huge", output: "0", title: "12: a huge alloc is 0 and the guest goes on" },
    { name: "many_blocks", output: "1", title: "1: 100,000 blocks in one call" },
    { name: "free_input", output: "0", title: "a freed input has no length" },
    { name: "http_state", output: "0", title: "without a request there is no status and no header" },
    { name: "no_error", output: "0", title: "no error is set at first" },
  ])("$title", async ({ name, output }) => {
    const given = new TextEncoder().encode(input);
    const outcome = await abi.call(name, { input: given });
    expect(outcome.failure).toBeUndefined();
    expect(trimToText(outcome.output, output.length)).toBe(output);
    expect(text(given)).toBe(input);
  });

  test.each(["echo", "legacy"])("%s answers inputs of every length up to two words, and a long one", async (name) => {
    const echo = openGuest(name);
    for (const length of [0, 1, 7, 8, 9, 15, 16, 17, 65_536, 1_000_003]) {
      const bytes = Uint8Array.from({ length }, (_, index) => (index * 31) & 0xff);
      const outcome = await echo.call("run", { input: bytes });
      expect(outcome.failure).toBeUndefined();
      expect(hex(outcome.output)).toBe(hex(bytes));
    }
  });

  test.each([
    { guest: "greet", input: "Größe", output: "Hello, Größe!" },
    { guest: "count-vowels", input: "Hello World, aeiou", output: '{"count":8}' },
  ])("$guest", async ({ guest, input: given, output }) => {
    const outcome = await openGuest(guest).call("run", { input: given });
    expect(text(outcome.output)).toBe(output);
    expect(outcome.failure).toBeUndefined();
  });

  test("the same call costs the same", async () => {
    const vowels = openGuest("count-vowels");
    const first = await vowels.call("run", { input: "determinism" });
    const second = await vowels.call("run", { input: "determinism" });
    expect(first.usage.fuel).toBeGreaterThan(100);
    expect(second).toEqual(first);
  });
});

describe("configuration and variables", () => {
  const config = openGuest("config");
  const vars = openGuest("vars");

  test("config_get answers the call's own value", async () => {
    const outcome = await config.call("run", { input: "greeting", config: { greeting: "grüezi €" } });
    expect(text(outcome.output)).toBe("grüezi €");
    expect(outcome.failure).toBeUndefined();
  });

  test.each(["missing", "toString", "constructor", ""])("config_get(%j) is 0", async (key) => {
    const outcome = await config.call("run", { input: key, config: { greeting: "hello" } });
    expect(outcome.failure).toEqual({
      code: "PLUGIN_ERROR",
      detail: "Returned non-zero exit code: 1",
      exitCode: 1,
    });
  });

  test.each(["config", "vars"])("a key over 64 KiB is refused: %s", async (guest) => {
    const outcome = await openGuest(guest).call(guest === "vars" ? "set_key" : "run", { input: "k".repeat(65_537) });
    expect(outcome.failure).toEqual({
      code: "PLUGIN_ERROR",
      detail: "The plugin used a key of 65537 bytes; the limit is 65536.",
      limit: { name: "key", used: 65_537, allowed: 65_536 },
    });
  });

  test.each(["config", "vars"])("a key that is not UTF-8 is refused: %s", async (guest) => {
    const input = Uint8Array.of(0x6b, 0xff);
    const outcome = await openGuest(guest).call(guest === "vars" ? "set_key" : "run", { input });
    expect(outcome.failure).toEqual({ code: "PLUGIN_ERROR", detail: "The plugin used a key that is not UTF-8." });
  });

  test.each([
    { name: "run", title: "a variable is read back" },
    { name: "replace", title: "the last value counts" },
    { name: "copy", title: "10: the block that var_get answers is a copy" },
  ])("$title", async ({ name }) => {
    const outcome = await vars.call(name, { input: "value" });
    expect(text(outcome.output)).toBe("value");
    expect(outcome.failure).toBeUndefined();
  });

  test("var_set(key, 0) deletes", async () => {
    const outcome = await vars.call("remove", { input: "value" });
    expect(outcome.failure).toMatchObject({ code: "PLUGIN_ERROR", exitCode: 1 });
  });

  test("15: variables end with the call", async () => {
    await vars.call("run", { input: "value" });
    const outcome = await vars.call("peek");
    expect(outcome.failure).toMatchObject({ code: "PLUGIN_ERROR", exitCode: 1 });
  });
});

describe("errors and codes", () => {
  const fail = openGuest("fail");
  const code = openGuest("exit-code");

  test.each([
    { name: "run", detail: "no such customer", exitCode: 1 },
    { name: "return_zero", detail: "no such customer" },
    { name: "then_trap", detail: 'no such customer (then it trapped in "then_trap": unreachable)' },
    { name: "broken_text", detail: "no such customer\ufffd\ufffd", exitCode: 1 },
    { name: "long_text", detail: "x".repeat(4_096), exitCode: 1 },
    { name: "freed", detail: "no such customer", exitCode: 1 },
  ])("error_set: $name", async ({ name, ...failure }) => {
    const outcome = await fail.call(name);
    expect(outcome.failure).toEqual({ code: "PLUGIN_ERROR", ...failure });
    expect(outcome.output).toBeUndefined();
  });

  test.each(["clear", "no_handle"])("8: error_set takes back, and takes handles only: %s", async (name) => {
    const outcome = await fail.call(name);
    expect(outcome.failure).toBeUndefined();
    expect(outcome.output).toEqual(new Uint8Array(0));
  });

  test("an error does not hide an endless loop", async () => {
    const outcome = await fail.call("then_loop", { limits: { fuel: 1e6 } });
    expect(outcome.failure).toMatchObject({ code: "FUEL_EXHAUSTED", limit: { used: 1e6, allowed: 1e6 } });
  });

  test.each([
    { name: "run", exitCode: 7 },
    { name: "negative", exitCode: -1 },
  ])("4: a non-zero result is an error: $name", async ({ name, exitCode }) => {
    const outcome = await code.call(name);
    expect(outcome.failure).toEqual({
      code: "PLUGIN_ERROR",
      detail: `Returned non-zero exit code: ${exitCode}`,
      exitCode,
    });
  });

  test("a function without a result succeeds", async () => {
    expect((await code.call("nothing")).failure).toBeUndefined();
  });

  test.each([
    { name: "run", message: "unreachable" },
    { name: "divide", message: "divide by zero" },
    { name: "out_of_bounds", message: "memory access out of bounds" },
    { name: "null_call", message: "null function" },
  ])("a trap is reported with the engine's words: $name", async ({ name, message }) => {
    const outcome = await openGuest("trap").call(name);
    expect(outcome.failure).toEqual({ code: "PLUGIN_TRAPPED", detail: `The plugin trapped in "${name}": ${message}.` });
    expect(outcome.usage.fuel).toBe(1e9);
  });
});

describe("logs", () => {
  const log = openGuest("log");
  const levels = ["trace", "debug", "info", "warn", "error"] as const;

  test.each([0, 1, 2, 3, 4, 5])("level %d keeps what is as severe, and the guest sees it", async (logLevel) => {
    const outcome = await log.call("run", { logLevel });
    expect(outcome.logs).toEqual(levels.slice(logLevel).map((level) => ({ level, text: "line €" })));
    expect(outcome.logsTruncated).toBe(false);
    expect(outcome.output).toEqual(Uint8Array.of(logLevel));
  });

  test.each([
    { name: "broken_text", line: "line \ufffd" },
    { name: "no_handle", line: "" },
  ])("odd text: $name", async ({ name, line }) => {
    expect((await log.call(name)).logs).toEqual([{ level: "error", text: line }]);
  });
});
