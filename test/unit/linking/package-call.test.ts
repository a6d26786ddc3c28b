import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "vitest";
import type { SandboxOutcome } from "../../../sdk/contract/sandbox.ts";
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

async function call(name: string, options?: CallOptions): Promise<SandboxOutcome> {
  const guests = { main: "linked-main", lib: "linked-lib", clock: "linked-still" };
  const modules = Object.fromEntries(Object.entries(guests).map(([key, guest]) => [key, guestBytes(guest)]));
  const { main, parts } = buildPackage({ modules });
  const compiled = new WebAssembly.Module(main);
  const plugin = describePackage(describePlugin(compiled), {
    modules: parts.modules.map(({ name: key, bytes }) => [key, bytes ? new WebAssembly.Module(bytes) : compiled]),
    ...(parts.relay ? { relay: new WebAssembly.Module(parts.relay) } : {}),
    sparePages: parts.sparePages,
  });
  const clock = (): number => 0;
  const sleep = (): Promise<void> => Promise.resolve();
  return await runCall({ kernels, plugin, clock, sleep }, sandboxCall(name, options));
}

describe("a package under Node", () => {
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
