import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "vitest";
import type { SandboxOutcome } from "../../../sdk/contract/sandbox.ts";
import { GuestPool } from "../../../worker/execution/sandbox/guest-pool.ts";
import { KernelPool } from "../../../worker/execution/sandbox/kernel-pool.ts";
import { describePlugin } from "../../../worker/execution/sandbox/plugin-module.ts";
import { describePackage } from "../../../worker/execution/sandbox/plugin-package.ts";
import { runCall } from "../../../worker/execution/sandbox/run-call.ts";
import { buildPackage } from "../../support/guests/linked-package.ts";
import { guestBytes } from "../../support/guests/provided-guests.ts";
import { type CallOptions, sandboxCall } from "../../support/guests/sandbox-call.ts";

/** The sandbox's own code under Node: what a package does there, to the unit of fuel. */

/** The same in workerd: test/workers/sandbox/linked-modules.test.ts. */
const FUEL_OF_VOLLEY = 2_944;

let kernels: KernelPool;
beforeAll(async () => {
  kernels = new KernelPool(await WebAssembly.compile(await readFile("worker/execution/sandbox/kernel.generated.wasm")));
});

async function call(name: string, options?: CallOptions, guests = new GuestPool(kernels)): Promise<SandboxOutcome> {
  const names = { main: "linked-main", lib: "linked-lib", clock: "linked-still" };
  const modules = Object.fromEntries(Object.entries(names).map(([key, guest]) => [key, guestBytes(guest)]));
  const { main, parts } = buildPackage({ modules });
  const compiled = new WebAssembly.Module(main);
  const plugin = describePackage(describePlugin(compiled), {
    modules: parts.modules.map(({ name: key, bytes }) => [key, bytes ? new WebAssembly.Module(bytes) : compiled]),
    ...(parts.relay ? { relay: new WebAssembly.Module(parts.relay) } : {}),
    sparePages: parts.sparePages,
  });
  const clock = (): number => 0;
  const sleep = (): Promise<void> => Promise.resolve();
  return await runCall({ guests, plugin, clock, sleep }, sandboxCall(name, options));
}

describe("a package under Node", () => {
  test("keeps all its instances together where they are kept, initialised once", async () => {
    const guests = new GuestPool(kernels);
    const warm = { input: "x".repeat(20), keepFor: "install@1" };
    const outcomes = [
      await call("volley", warm, guests),
      await call("volley", warm, guests),
      await call("volley", warm, guests),
    ];
    expect(outcomes.map(({ failure, instanceCall }) => [failure, instanceCall])).toEqual(
      [1, 2, 3].map((n) => [undefined, n]),
    );
    const [first, second, third] = outcomes.map(({ usage }) => usage.fuel);
    expect(first).toBe(FUEL_OF_VOLLEY);
    expect(second).toBeLessThanOrEqual(FUEL_OF_VOLLEY);
    expect(third).toBe(second);
    expect(outcomes[2]?.output).toEqual(outcomes[0]?.output);
  });

  test("takes the same fuel as in workerd", async () => {
    const outcome = await call("volley", { input: "x".repeat(20) });
    expect(outcome.failure).toBeUndefined();
    expect(outcome.usage.fuel).toBe(FUEL_OF_VOLLEY);
    const less = await call("volley", { input: "x".repeat(20), limits: { fuel: FUEL_OF_VOLLEY - 200 } });
    expect(less.failure?.code).toBe("FUEL_EXHAUSTED");
  });

  test("is gone after the call", async () => {
    expect((await call("started")).output).toEqual(Uint8Array.of(10));
    expect((await call("started")).output).toEqual(Uint8Array.of(10));
  });
});
