import { describe, expect, test } from "vitest";
import { NOW } from "../../support/guests/sandbox-call.ts";
import { hex, openGuest, openModule, text } from "../../support/guests/guest-isolate.ts";
import { guestBytes } from "../../support/guests/provided-guests.ts";

describe("initialisation", () => {
  test.each([
    {
      guest: "order-constructors",
      output: "scr",
      title: "17: start section, then __wasm_call_ctors and not _initialize",
    },
    { guest: "order-initialize", output: "ir", title: "_initialize where there are no constructors" },
    { guest: "order-haskell", output: "ihr", title: "hs_init after _initialize and instead of constructors" },
    { guest: "order-odd-types", output: "r", title: "initialisers of other types are left alone" },
  ])("$title", async ({ guest, output }) => {
    const outcome = await openGuest(guest).call("run");
    expect(text(outcome.output)).toBe(output);
    expect(outcome.failure).toBeUndefined();
  });

  test("every call begins in a new instance", async () => {
    const guest = openGuest("order-constructors");
    await guest.call("run");
    expect(text((await guest.call("run")).output)).toBe("scr");
  });

  test("16: _start does not run by itself", async () => {
    const outcome = await openGuest("command").call("run");
    expect(outcome.failure).toBeUndefined();
  });

  test("18: proc_exit(0) in _start is success, with the output", async () => {
    const command = openGuest("command");
    const [first, again] = [await command.call("_start"), await command.call("_start")];
    expect(first.failure).toBeUndefined();
    expect(text(first.output)).toBe("ran _start");
    expect(again).toEqual(first);
  });

  test("a program that leaves before its function is reached has failed", async () => {
    const outcome = await openGuest("exit-initialize").call("run");
    expect(outcome.failure).toEqual({
      code: "PLUGIN_ERROR",
      detail: 'The plugin exited with code 0 in "_initialize".',
      exitCode: 0,
    });
  });
});

describe("functions that cannot be called", () => {
  const signatures = openGuest("signatures");

  test.each([
    { name: "missing", detail: 'The plugin exports no function "missing".' },
    { name: "constant", detail: 'The plugin exports no function "constant".' },
    { name: "memory", detail: 'The plugin exports no function "memory".' },
    { name: "toString", detail: 'The plugin exports no function "toString".' },
    { name: "__proto__", detail: 'The plugin exports no function "__proto__".' },
    { name: "__patchbay_fuel", detail: 'The plugin exports no function "__patchbay_fuel".' },
    {
      name: "takes_one",
      detail: 'The export "takes_one" takes 1 parameters; only () -> () and () -> i32 can be called.',
    },
    { name: "_initialize", detail: 'The export "_initialize" belongs to the language runtime and cannot be called.' },
    {
      name: "__wasm_call_ctors",
      detail: 'The export "__wasm_call_ctors" belongs to the language runtime and cannot be called.',
    },
    ...["returns_f64", "returns_i64", "returns_two"].map((name) => ({
      name,
      detail: `The export "${name}" returns something other than one i32; only () -> () and () -> i32 can be called.`,
    })),
  ])("$name", async ({ name, detail }) => {
    expect((await signatures.call(name)).failure).toEqual({ code: "FUNCTION_NOT_FOUND", detail });
  });
});

describe("modules that do not load", () => {
  test.each([
    {
      guest: "unknown-import",
      detail: 'The plugin imports the function "read_secrets" of "extism:host/user", which the host does not have.',
    },
    { guest: "bad-segment", detail: expect.stringMatching(/^The plugin cannot be instantiated: .*data segment/) },
    {
      guest: "wrong-kernel-type",
      detail: expect.stringMatching(/^The plugin cannot be instantiated: .*imported function does not match/),
    },
    {
      guest: "wrong-import-type",
      detail: 'The plugin declares the import "config_get" with another type than (i64) -> i64.',
    },
  ])("$guest", async ({ guest, detail }) => {
    const outcome = await openGuest(guest).call("run");
    expect(outcome.failure).toEqual({ code: "PLUGIN_LOAD_FAILED", detail });
  });

  test("a result of another type", async () => {
    const outcome = await openGuest("wrong-import-type").call("result");
    expect(outcome.failure).toEqual({
      code: "PLUGIN_LOAD_FAILED",
      detail: 'The plugin declares an import with another result type than the host function has (in "result").',
    });
  });

  test("a module that was not rewritten", async () => {
    const outcome = await openModule("exit-code", guestBytes("exit-code")).call("nothing");
    expect(outcome.failure).toEqual({
      code: "PLUGIN_LOAD_FAILED",
      detail: "The plugin's module has no fuel counter.",
    });
  });
});

describe("WASI", () => {
  const wasi = openGuest("wasi");

  test.each([
    { name: "clock_unknown", byte: 28, title: "an unknown clock is EINVAL" },
    { name: "prestat", byte: 8, title: "no directory is open: EBADF" },
    { name: "seek", byte: 70, title: "a stream cannot seek: ESPIPE" },
    { name: "close_unknown", byte: 8, title: "an unknown descriptor is EBADF" },
    { name: "open_path", byte: 76, title: "no capability for paths: ENOTCAPABLE" },
    { name: "send_socket", byte: 52, title: "no sockets: ENOSYS" },
    { name: "yield", byte: 0, title: "yielding succeeds" },
    { name: "random_nowhere", byte: 21, title: "a range outside the memory is EFAULT" },
    { name: "write_nowhere", byte: 21, title: "a buffer outside the memory is EFAULT" },
    { name: "write_countless", byte: 21, title: "more buffers than memory is EFAULT" },
    { name: "write_stdin", byte: 8, title: "the standard input is not for writing: EBADF" },
    { name: "read_stdin", byte: 0, title: "the standard input is empty" },
    { name: "stdout_type", byte: 2, title: "the standard output is a character device" },
  ])("$title", async ({ name, byte }) => {
    const outcome = await wasi.call(name);
    expect(outcome.failure).toBeUndefined();
    expect(outcome.output).toEqual(Uint8Array.of(byte));
  });

  test("random bytes are the ChaCha20 stream of the seed", async () => {
    const outcome = await wasi.call("random");
    expect(hex(outcome.output)).toBe("39fd2b7dd9c5196a8dbd0377b8dc4a498a35d86fbcde6accb2cc7d4cd8ea2492");
    expect((await wasi.call("random")).output).toEqual(outcome.output);
  });

  test("clocks start at the call's time, move with each reading, and repeat", async () => {
    const outcome = await wasi.call("clock");
    const view = new DataView(outcome.output?.buffer ?? new ArrayBuffer(0), outcome.output?.byteOffset);
    const start = BigInt(NOW) * 1_000_000n;
    expect([0, 8, 16, 24].map((at) => view.getBigUint64(at, true))).toEqual([
      start + 1_000n,
      2_000n,
      start + 3_000n,
      1_000n,
    ]);
    expect(await wasi.call("clock")).toEqual(outcome);
  });

  test("there are no arguments and no environment", async () => {
    expect((await wasi.call("surroundings")).output).toEqual(new Uint8Array(16));
  });

  test("output becomes lines, whatever the pieces", async () => {
    const outcome = await wasi.call("lines");
    expect(outcome.output).toEqual(Uint8Array.of(23));
    expect(outcome.logs).toEqual([
      { level: "stderr", text: "first" },
      { level: "stderr", text: "second line" },
      { level: "stderr", text: "rest" },
    ]);
  });

  test("proc_exit(0) is success with the output, another code is an error", async () => {
    const zero = await wasi.call("exit_zero");
    expect(zero.failure).toBeUndefined();
    expect(text(zero.output)).toBe("first");
    const three = await wasi.call("exit_three");
    expect(three.output).toBeUndefined();
    expect(three.failure).toEqual({
      code: "PLUGIN_ERROR",
      detail: 'The plugin exited with code 3 in "exit_three".',
      exitCode: 3,
    });
    expect(three.usage.fuel).toBeLessThan(10_000);
  });
});

describe("a program of a C compiler", () => {
  const stdio = openGuest("stdio");

  test("prints, and answers", async () => {
    const outcome = await stdio.call("run", { input: "Eve" });
    expect(outcome.failure).toBeUndefined();
    expect(text(outcome.output)).toBe("printed");
    expect(outcome.logs).toEqual([
      { level: "stdout", text: "hello Eve" },
      { level: "stderr", text: "constructed 1, arguments of nobody" },
      { level: "stdout", text: "no line end" },
    ]);
  });

  test.each([
    { name: "open_file", output: "no file" },
    { name: "nap", output: "slept" },
  ])("$name", async ({ name, output }) => {
    expect(text((await stdio.call(name)).output)).toBe(output);
  });

  test("what it printed before exit is kept", async () => {
    const outcome = await stdio.call("leave");
    expect(outcome.failure).toEqual({
      code: "PLUGIN_ERROR",
      detail: 'The plugin exited with code 4 in "leave".',
      exitCode: 4,
    });
    expect(outcome.logs).toEqual([{ level: "stdout", text: "leaving" }]);
  });

  test("malloc until it fails", async () => {
    const outcome = await stdio.call("hoard");
    expect(outcome.failure).toMatchObject({ code: "MEMORY_EXCEEDED", limit: { name: "memory", allowed: 16_777_216 } });
  });
});
