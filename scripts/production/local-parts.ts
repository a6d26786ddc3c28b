import type { Compile } from "../../sdk/testing/production-program.ts";
import { GuestPool } from "../../worker/execution/sandbox/guest-pool.ts";
import kernel from "../../worker/execution/sandbox/kernel.generated.wasm";
import { KernelPool } from "../../worker/execution/sandbox/kernel-pool.ts";
import type { PluginPackage } from "../../worker/execution/sandbox/plugin-package.ts";
import type { SandboxParts } from "../../worker/execution/sandbox/run-call.ts";

/** What a plugin's isolate has beside the plugin (worker/execution/sandbox/entrypoint.ts). */
export async function localParts(plugin: PluginPackage, compile: Compile): Promise<SandboxParts> {
  const guests = new GuestPool(new KernelPool(await compile(kernel as unknown as Uint8Array<ArrayBuffer>))); // bundled as bytes
  return { guests, plugin, clock: () => performance.now(), sleep };
}

function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => clearTimeout(timer));
  });
}
