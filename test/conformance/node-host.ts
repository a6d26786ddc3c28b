import { readFile } from "node:fs/promises";
import path from "node:path";
import type { SandboxCall, SandboxOutcome } from "../../sdk/contract/sandbox.ts";
import { GuestPool } from "../../worker/execution/sandbox/guest-pool.ts";
import { KernelPool } from "../../worker/execution/sandbox/kernel-pool.ts";
import { describePlugin } from "../../worker/execution/sandbox/plugin-module.ts";
import { standAlone } from "../../worker/execution/sandbox/plugin-package.ts";
import { runCall } from "../../worker/execution/sandbox/run-call.ts";
import { meteredBytes } from "../support/guests/sandbox-call.ts";

/** The sandbox's own code under Node, for what has to be equal everywhere. Node needs `--experimental-wasm-jspi`. */
export type NodeHost = (call: SandboxCall) => Promise<SandboxOutcome>;

export function readKernel(root: string): Promise<Uint8Array> {
  return readFile(path.join(root, "worker/execution/sandbox/kernel.generated.wasm"));
}

export async function openNodeHost(kernel: Uint8Array, module: Uint8Array): Promise<NodeHost> {
  const parts = {
    guests: new GuestPool(new KernelPool(await WebAssembly.compile(new Uint8Array(kernel)))),
    plugin: standAlone(describePlugin(await WebAssembly.compile(meteredBytes(module)))),
    clock: () => performance.now(),
    sleep: (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds)),
  };
  return (call) => runCall(parts, call);
}
