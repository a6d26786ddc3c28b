import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { DEFAULT_LIMITS, WASM_PAGE_BYTES } from "../../../sdk/contract/limits.ts";
import { REUSE_BOUNDS } from "../../../sdk/contract/reuse.ts";
import type { SandboxCall } from "../../../sdk/contract/sandbox.ts";
import { GuestPool } from "../../../worker/execution/sandbox/guest-pool.ts";
import type { Guest } from "../../../worker/execution/sandbox/guest.ts";
import { KernelPool } from "../../../worker/execution/sandbox/kernel-pool.ts";
import { describePlugin } from "../../../worker/execution/sandbox/plugin-module.ts";
import { standAlone } from "../../../worker/execution/sandbox/plugin-package.ts";
import { sandboxCall } from "../../support/guests/sandbox-call.ts";
import { assembleKernel } from "./metered-kernel.ts";

const CALL = sandboxCall("run", { keepFor: "install-a@1" });
const MIB = 1024 * 1024;

/** The smallest module: magic number and version. */
const PLUGIN = standAlone(describePlugin(new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0))));

let kernel: WebAssembly.Module;
let pool: GuestPool;

beforeAll(async () => {
  kernel = new WebAssembly.Module(await assembleKernel());
});

beforeEach(() => {
  pool = new GuestPool(new KernelPool(kernel));
});

/** Takes an instance, and makes it where there is none yet. */
function take(now = 0, call: SandboxCall = CALL): Guest {
  const guest = pool.take(PLUGIN, call, now);
  if (guest.exports === undefined) {
    guest.exports = { memory: new WebAssembly.Memory({ initial: 1 }) };
    for (const { memory } of guest.modules) memory.attach(guest.exports);
  }
  return guest;
}

function memoryOf(guest: Guest): WebAssembly.Memory {
  return guest.exports?.["memory"] as WebAssembly.Memory; // made by `take`
}

function store(guest: Guest, bytes: number): void {
  guest.variables.set("k", bytes, () => new Uint8Array(bytes), DEFAULT_LIMITS.kernelMemory);
}

describe("GuestPool", () => {
  test("the same instance serves call after call, and leads nowhere in between", () => {
    const guest = take();
    const slot = guest.modules[0]?.slot;
    if (!slot) throw new Error("no module");
    slot.sources = {} as NonNullable<typeof slot.sources>; // of which nothing is used
    pool.giveBack(guest, CALL, true, 0);
    expect(slot.sources).toBeUndefined();
    expect(take()).toBe(guest);
    expect(guest.calls).toBe(2);
  });

  test("an instance in use is nobody else's", () => {
    expect(take()).not.toBe(take());
  });

  test("no more are kept than the bound says", () => {
    const guests = [take(), take(), take()];
    for (const guest of guests) pool.giveBack(guest, CALL, true, 0);
    expect([take(), take()].filter((guest) => guests.includes(guest))).toHaveLength(REUSE_BOUNDS.instances);
  });

  test("what passed through its kernel is gone before the next call", () => {
    const guest = take();
    guest.kernel.setInput(new TextEncoder().encode("a secret"));
    const handle = guest.kernel.put(new Uint8Array(100).fill(7));
    pool.giveBack(guest, CALL, true, 0);
    expect(guest.kernel.heapBytes()).toBe(0);
    expect(guest.kernel.read(handle)).toEqual(new Uint8Array());
    const fresh = new GuestPool(new KernelPool(kernel)).take(PLUGIN, CALL, 0).kernel;
    take();
    expect(guest.kernel.put(new Uint8Array(1))).toBe(fresh.put(new Uint8Array(1)));
  });

  test("variables stay and take their share of the exchange memory", () => {
    const guest = take();
    store(guest, MIB);
    pool.giveBack(guest, CALL, true, 0);
    const again = take();
    expect(again.variables.get("k")?.byteLength).toBe(MIB);
    expect(again.kernel.put(new Uint8Array(DEFAULT_LIMITS.kernelMemory - 2 * MIB))).not.toBe(0n);
    expect(again.kernel.put(new Uint8Array(MIB + 1))).toBe(0n);
  });

  test.each([
    ["is old enough", REUSE_BOUNDS.ageMs, false],
    ["is a moment younger", REUSE_BOUNDS.ageMs - 1, true],
  ])("one that %s", (_what, age, stays) => {
    const guest = take(1_000);
    pool.giveBack(guest, CALL, true, 1_000);
    expect(take(1_000 + age) === guest).toBe(stays);
  });

  test("one that grew old while it worked is dropped", () => {
    const guest = take(0);
    pool.giveBack(guest, CALL, true, REUSE_BOUNDS.ageMs);
    expect(take(0)).not.toBe(guest);
  });

  test.each([
    ["as many calls as the bound says", REUSE_BOUNDS.calls, false],
    ["one fewer", REUSE_BOUNDS.calls - 1, true],
  ])("after %s", (_what, calls, stays) => {
    const guest = take();
    for (let call = 1; call < calls; call++) {
      pool.giveBack(guest, CALL, true, 0);
      take();
    }
    pool.giveBack(guest, CALL, true, 0);
    expect(take() === guest).toBe(stays);
  });

  test.each([
    ["half of the room", 0.5, true],
    ["one page more", 0.5 + WASM_PAGE_BYTES / (8 * MIB), false],
  ])("memory that took %s its first call left", (_what, share, stays) => {
    const call = { ...CALL, limits: { ...CALL.limits, memory: WASM_PAGE_BYTES + 8 * MIB } };
    const guest = take(0, call);
    pool.giveBack(guest, call, true, 0);
    memoryOf(take(0, call)).grow((share * 8 * MIB) / WASM_PAGE_BYTES);
    pool.giveBack(guest, call, true, 0);
    expect(take(0, call) === guest).toBe(stays);
  });

  test.each<[string, (guest: Guest) => void, SandboxCall, boolean]>([
    ["that did not end well", () => undefined, CALL, false],
    ["for nobody", () => undefined, sandboxCall("run"), true],
    ["of a command", () => undefined, { ...CALL, functionName: "_start" }, true],
    ["that filled more than half of its variables", (guest) => store(guest, 4 * MIB + 1), CALL, true],
    ["whose exchange memory grew large", (guest) => guest.kernel.put(new Uint8Array(3 * MIB)), CALL, true],
  ])("a call %s leaves no instance", (_what, use, call, endedWell) => {
    const guest = take(0, call);
    use(guest);
    pool.giveBack(guest, call, endedWell, 0);
    expect(take()).not.toBe(guest);
  });

  test.each<[string, Partial<SandboxCall>]>([
    ["install", { keepFor: "install-b@1" }],
    ["revision", { keepFor: "install-a@2" }],
    ["configuration", { config: { a: "1" } }],
    ["exchange memory", { limits: { ...DEFAULT_LIMITS, kernelMemory: 1 * MIB } }],
  ])("a call with another %s gets a new one, and the old one is gone", (_what, change) => {
    const guest = take();
    store(guest, MIB);
    pool.giveBack(guest, CALL, true, 0);
    expect(take(0, { ...CALL, ...change })).not.toBe(guest);
    expect(take()).not.toBe(guest);
  });
});
