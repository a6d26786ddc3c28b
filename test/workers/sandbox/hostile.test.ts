import { describe, expect, test } from "vitest";
import type { SandboxOutcome } from "../../../sdk/contract/sandbox.ts";
import { HOST_COSTS } from "../../../worker/execution/sandbox/costs.ts";
import type { CallOptions } from "../../support/guests/sandbox-call.ts";
import { type GuestIsolate, openGuest, text } from "../../support/guests/guest-isolate.ts";

/** Each limit is tripped by a guest that tries; then the same isolate answers a good call. */

const MIB = 1_048_576;

async function expectAlive(guest: GuestIsolate): Promise<void> {
  const outcome = await guest.call("fine");
  expect(outcome.failure).toBeUndefined();
  expect(outcome.output).toEqual(new Uint8Array(0));
}

async function callHostile(guest: string, name: string, options?: CallOptions): Promise<SandboxOutcome> {
  const isolate = openGuest(guest);
  const outcome = await isolate.call(name, options);
  expect(outcome.output).toBeUndefined();
  await expectAlive(isolate);
  return outcome;
}

const FUEL = { fuel: 5e6 };
const exhausted = (entry: string) => ({
  code: "FUEL_EXHAUSTED",
  detail: `The plugin used up its fuel of 5000000 units in "${entry}".`,
  limit: { name: "fuel", used: 5e6, allowed: 5e6 },
});

describe("fuel", () => {
  test("an endless loop", async () => {
    const outcome = await callHostile("loop", "run", { limits: FUEL });
    expect(outcome.failure).toEqual(exhausted("run"));
    expect(outcome.usage.fuel).toBe(5e6);
  });

  test.each([
    { guest: "loop-start", entry: "start section" },
    { guest: "loop-initialize", entry: "_initialize" },
  ])("an endless loop before the function: $guest", async ({ guest, entry }) => {
    const isolate = openGuest(guest);
    expect((await isolate.call("run", { limits: FUEL })).failure).toEqual(exhausted(entry));
    expect((await isolate.call("run", { limits: FUEL })).failure).toEqual(exhausted(entry));
  });

  test.each([
    { name: "run", title: "calls that do nothing" },
    { name: "config", title: "long keys" },
    { name: "random", title: "random bytes" },
    { name: "buffers", title: "many empty buffers" },
  ])("work the host does is paid for: $title", async ({ name }) => {
    const outcome = await callHostile("host-burner", name, { limits: FUEL });
    expect(outcome.failure).toEqual(exhausted(name));
  });

  test.each([
    { guest: "config", name: "run", input: "k".repeat(1_000), least: 1_000 * HOST_COSTS.copiedByte, title: "a key" },
    {
      guest: "vars",
      name: "run",
      input: "v".repeat(1_000),
      least: 2_000 * HOST_COSTS.copiedByte,
      title: "a value, twice",
    },
    { guest: "wasi", name: "random", input: "", least: 32 * HOST_COSTS.randomByte, title: "random bytes" },
    { guest: "wasi", name: "lines", input: "", least: 2 * HOST_COSTS.buffer, title: "buffers" },
    { guest: "sleep", name: "ready", input: "", least: 2 * HOST_COSTS.subscription, title: "subscriptions" },
  ])("the price of $title is in the usage", async ({ guest, name, input, least }) => {
    const outcome = await openGuest(guest).call(name, { input });
    expect(outcome.usage.fuel).toBeGreaterThan(HOST_COSTS.call + least);
  });

  test("catching everything does not help", async () => {
    const outcome = await callHostile("swallow", "run", { limits: FUEL });
    expect(outcome.failure).toEqual(exhausted("run"));
  });

  test("catching what a host call throws does not help", async () => {
    const outcome = await callHostile("swallow", "read", { limits: FUEL });
    expect(outcome.failure).toEqual(exhausted("read"));
  });
});

describe("memory", () => {
  test.each([
    { name: "run", refused: 65_536 },
    { name: "doubling", refused: 16 * MIB },
  ])("linear memory: $name", async ({ name, refused }) => {
    const outcome = await callHostile("memory-bomb", name);
    expect(outcome.failure).toEqual({
      code: "MEMORY_EXCEEDED",
      detail: `The plugin was refused ${refused} bytes of linear memory and failed: it would use ${16 * MIB + refused} bytes; the limit is ${16 * MIB}. It ended with: unreachable.`,
      limit: { name: "memory", used: 16 * MIB + refused, allowed: 16 * MIB },
    });
    expect(outcome.usage.memoryBytes).toBe(16 * MIB);
  });

  test("a program that leaves for want of memory", async () => {
    const outcome = await callHostile("memory-bomb", "exited");
    expect(outcome.failure).toMatchObject({ code: "MEMORY_EXCEEDED", limit: { used: 16 * MIB + 65_536 } });
  });

  test("a guest that copes with the refusal has its own say", async () => {
    const outcome = await callHostile("memory-bomb", "reported");
    expect(outcome.failure).toMatchObject({ code: "PLUGIN_ERROR", exitCode: 9 });
  });

  test("a smaller limit is a smaller bomb", async () => {
    const outcome = await openGuest("memory-bomb", { memory: 2 * MIB }).call("run");
    expect(outcome.failure?.limit).toEqual({ name: "memory", used: 2 * MIB + 65_536, allowed: 2 * MIB });
  });

  test.each([
    { guest: "recursion", name: "run" },
    { guest: "sleep", name: "recursion" },
  ])("endless recursion: $guest $name", async ({ guest, name }) => {
    const outcome = await callHostile(guest, name);
    expect(outcome.failure).toEqual({
      code: "CALL_DEPTH_EXCEEDED",
      detail: `The plugin's calls in "${name}" are nested deeper than the limit of 10240 stack units.`,
      limit: { name: "callDepth", used: 10_240, allowed: 10_240 },
    });
  });
});

test.each([
  { levels: 40, callDepth: 100, code: undefined },
  { levels: 110, callDepth: 100, code: "CALL_DEPTH_EXCEEDED" },
  { levels: 4_000, callDepth: 10_240, code: undefined },
  { levels: 10_240, callDepth: 10_240, code: "CALL_DEPTH_EXCEEDED" },
])("$levels nested calls where $callDepth are allowed: $code", async ({ levels, callDepth, code }) => {
  const outcome = await openGuest("recursion").call("nest", { input: "x".repeat(levels), limits: { callDepth } });
  expect(outcome.failure?.code).toBe(code);
});

describe("kernel memory", () => {
  const kernelMemory = 2 * MIB;

  test.each([
    { name: "run", refused: 65_536, title: "blocks" },
    { name: "no_zeros", refused: 1, title: "blocks of one byte" },
  ])("allocating without end: $title", async ({ name, refused }) => {
    const outcome = await callHostile("kernel-bomb", name, { limits: { kernelMemory } });
    const { failure } = outcome;
    expect(failure).toMatchObject({
      code: "KERNEL_MEMORY_EXCEEDED",
      limit: { name: "kernelMemory", allowed: kernelMemory },
    });
    expect(failure?.detail).toMatch(
      new RegExp(
        `^The plugin was refused ${refused} bytes for its input, output and variables and failed: it would use `,
      ),
    );
    expect(failure?.limit?.used).toBeGreaterThan(kernelMemory - 65_536);
    expect(outcome.usage.memoryBytes).toBeLessThanOrEqual(kernelMemory + 65_536);
  });

  test("a guest that copes with the refusal succeeds", async () => {
    const outcome = await openGuest("kernel-bomb").call("survive");
    expect(outcome.failure).toBeUndefined();
    expect(text(outcome.output)).toBe("1");
  });

  test("output that was never stored is not silently dropped", async () => {
    const outcome = await callHostile("kernel-bomb", "lost_output");
    expect(outcome.failure).toMatchObject({ code: "KERNEL_MEMORY_EXCEEDED" });
  });

  test("the guest's own report is kept", async () => {
    const outcome = await callHostile("kernel-bomb", "report");
    expect(outcome.failure).toMatchObject({
      code: "KERNEL_MEMORY_EXCEEDED",
      detail: expect.stringMatching(/ the limit is 8388608\. Its own report: 1$/),
    });
  });

  test.each([
    { name: "run", input: "x".repeat(900_000), title: "one large value" },
    { name: "fill", input: "x", title: "many small values" },
  ])("variables count: $title", async ({ name, input }) => {
    const outcome = await openGuest("vars").call(name, { input, limits: { kernelMemory } });
    expect(outcome.failure).toMatchObject({
      code: "KERNEL_MEMORY_EXCEEDED",
      limit: { name: "kernelMemory", allowed: kernelMemory },
    });
  });

  test("an input that does not fit", async () => {
    const outcome = await openGuest("echo").call("run", {
      input: "x".repeat(70_000),
      limits: { kernelMemory: 65_536 },
    });
    expect(outcome.failure).toEqual({
      code: "KERNEL_MEMORY_EXCEEDED",
      detail: "The input of 70000 bytes does not fit the limit of 65536 bytes for input, output and variables.",
      limit: { name: "kernelMemory", used: 70_000, allowed: 65_536 },
    });
  });

  test("a limit of zero is zero", async () => {
    const echo = openGuest("echo");
    expect((await echo.call("run", { limits: { kernelMemory: 0 } })).failure).toBeUndefined();
    const outcome = await echo.call("run", { input: "x", limits: { kernelMemory: 0 } });
    expect(outcome.failure).toMatchObject({ code: "KERNEL_MEMORY_EXCEEDED", limit: { used: 1, allowed: 0 } });
  });
});

describe("sizes", () => {
  test("output", async () => {
    const outcome = await callHostile("big-output", "run");
    expect(outcome.failure).toEqual({
      code: "OUTPUT_TOO_LARGE",
      detail: "The output has 2097152 bytes; the limit is 1048576.",
      limit: { name: "output", used: 2_097_152, allowed: 1_048_576 },
    });
  });

  test("input", async () => {
    const outcome = await openGuest("echo").call("run", { input: "12345", limits: { input: 4 } });
    expect(outcome.failure).toEqual({
      code: "INPUT_TOO_LARGE",
      detail: "The input has 5 bytes; the limit is 4.",
      limit: { name: "input", used: 5, allowed: 4 },
    });
    expect(outcome.usage.fuel).toBe(0);
  });

  test.each([
    { name: "run", level: "info", lines: 16, last: 4_096 - 16 * 16 },
    { name: "stdout", level: "stdout", lines: 16, last: 4_111 - 16 * 16 },
    { name: "endless_line", level: "stdout", lines: 1, last: 65_536 - 16 },
  ])("logs are cut: $name", async ({ name, level, lines, last }) => {
    const outcome = await openGuest("log-flood").call(name);
    expect(outcome.failure).toBeUndefined();
    expect(outcome.logsTruncated).toBe(true);
    expect(outcome.logs).toHaveLength(lines);
    expect(outcome.logs.at(-1)).toEqual({ level, text: "x".repeat(last) });
  });

  test("empty lines are bounded too", async () => {
    const outcome = await openGuest("log-flood").call("empty");
    expect(outcome.failure).toBeUndefined();
    expect(outcome.logs).toHaveLength(4_096);
    expect(outcome.logsTruncated).toBe(true);
  });

  test("no logs where the limit is zero", async () => {
    const outcome = await openGuest("log-flood").call("run", { limits: { logs: 0 } });
    expect(outcome.logs).toEqual([]);
    expect(outcome.logsTruncated).toBe(true);
  });
});

describe("deadline", () => {
  test("a sleep that cannot end in time ends the call at once", async () => {
    const outcome = await callHostile("sleep", "run", { limits: { wallClock: 200 } });
    expect(outcome.failure).toMatchObject({ code: "WALL_CLOCK_EXCEEDED", limit: { name: "wallClock", allowed: 200 } });
    expect(outcome.failure?.limit?.used).toBeGreaterThanOrEqual(60_000);
  });

  test("many short sleeps", async () => {
    const outcome = await callHostile("sleep", "naps", { limits: { wallClock: 150 } });
    expect(outcome.failure).toMatchObject({ code: "WALL_CLOCK_EXCEEDED", limit: { name: "wallClock", allowed: 150 } });
    expect(outcome.failure?.limit?.used).toBeGreaterThan(150);
  });

  // The local runtime's clock runs while the guest computes; in production it stands still and fuel is the bound.
  test("calling the host behind the deadline", async () => {
    const outcome = await callHostile("host-burner", "run", { limits: { wallClock: 20, fuel: 50e9 } });
    expect(outcome.failure).toMatchObject({ code: "WALL_CLOCK_EXCEEDED", limit: { name: "wallClock", allowed: 20 } });
    expect(outcome.usage.fuel).toBeLessThan(50e9);
  });
});

describe("sleeping", () => {
  const sleep = openGuest("sleep");

  test.each(["nap", "until"])("%s", async (name) => {
    const outcome = await sleep.call(name, { input: "awake" });
    expect(outcome.failure).toBeUndefined();
    expect(text(outcome.output)).toBe("awake");
  });

  test("a stream beside a sleep is ready at once", async () => {
    expect((await sleep.call("ready")).failure).toBeUndefined();
  });

  test.each(["nothing", "crowd"])("polling for too few or too many events is EINVAL: %s", async (name) => {
    expect((await sleep.call(name)).failure).toMatchObject({ code: "PLUGIN_ERROR", exitCode: 28 });
  });
});

describe("capabilities", () => {
  const missing = {
    code: "GRANT_MISSING",
    detail: "The plugin has no grant for http: outgoing HTTP requests.",
  };

  test("http_request without a grant stops the guest", async () => {
    const outcome = await callHostile("http", "run");
    expect(outcome.failure).toEqual(missing);
    expect(outcome.usage.hostCalls).toBe(1);
    expect(outcome.usage.fuel).toBeLessThan(40_000);
  });

  test("catching the refusal does not help", async () => {
    const outcome = await callHostile("swallow", "ask");
    expect(outcome.failure).toEqual(missing);
    expect(outcome.usage.hostCalls).toBe(1);
  });

  test("no capability calls where the limit is zero", async () => {
    const outcome = await callHostile("http", "run", { limits: { hostCalls: 0 } });
    expect(outcome.failure).toEqual({
      code: "HOST_CALLS_EXCEEDED",
      detail: "The plugin made 1 capability calls; the limit is 0.",
      limit: { name: "hostCalls", used: 1, allowed: 0 },
    });
  });
});

describe("exceptions of the guest", () => {
  const swallow = openGuest("swallow");

  test("one that escapes is a trap", async () => {
    expect((await swallow.call("throw")).failure).toEqual({
      code: "PLUGIN_TRAPPED",
      detail: 'The plugin trapped in "throw": uncaught exception.',
    });
  });

  test("one that it handles is its own business", async () => {
    expect(text((await swallow.call("handle")).output)).toBe("swallowed");
  });

  test("catching its own proc_exit does not bring it back", async () => {
    const outcome = await swallow.call("leave");
    expect(outcome.failure).toEqual({
      code: "PLUGIN_ERROR",
      detail: 'The plugin exited with code 3 in "leave".',
      exitCode: 3,
    });
  });
});
