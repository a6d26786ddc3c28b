import { WorkerEntrypoint } from "cloudflare:workers";
import kernel from "isolate/kernel.wasm";
import module from "isolate/plugin.wasm";
import type { ProfiledOutcome, SandboxCall, SandboxOutcome } from "../../../sdk/contract/sandbox.ts";
import type { HostBridge } from "../../../sdk/contract/user-functions.ts";
import { GuestPool } from "./guest-pool.ts";
import { KernelPool } from "./kernel-pool.ts";
import { describePlugin } from "./plugin-module.ts";
import { describePackage, type LoadedPackage, type PluginPackage, standAlone } from "./plugin-package.ts";
import { Profiler } from "./profiler.ts";
import { runCall } from "./run-call.ts";

const main = describePlugin(module);
const kernels = new KernelPool(kernel);
const guests = new GuestPool(kernels);
let plugin: PluginPackage = standAlone(main);

/**
 * The program inside a plugin's isolate. The modules under `isolate/` exist there only: the build maps them to the names of
 * SANDBOX_MODULES. Nothing of a call outlives it in this program: what stays are the compiled modules
 * and kernels that were reset. The exception is an install that asked for it, which has an isolate of its own: there the plugin's
 * instance stays for the install's next call.
 */
export class Sandbox extends WorkerEntrypoint {
  /** For the program that the worker makes for a package of several parts; called once, before any call. */
  static load(parts: LoadedPackage): void {
    plugin = describePackage(main, parts);
  }

  async call(call: SandboxCall, bridge?: HostBridge): Promise<SandboxOutcome> {
    return await runCall({ guests, plugin, clock: () => Date.now(), sleep }, call, bridge);
  }
}

/** The same for a plugin that was rewritten for profiling. Its isolate alone has the profile kernel. */
export class ProfilingSandbox extends WorkerEntrypoint {
  async call(call: SandboxCall, bridge?: HostBridge): Promise<ProfiledOutcome> {
    const profiler = new Profiler((await import("isolate/profile-kernel.wasm")).default);
    const attached = (exports: WebAssembly.Exports): void => profiler.attach(exports, call.limits.fuel);
    // Of its own, since the profiler is attached to new instances only.
    const alone = new GuestPool(kernels);
    const outcome = await runCall({ guests: alone, plugin, clock: () => Date.now(), sleep, attached }, call, bridge);
    return { ...outcome, profile: profiler.finish(call.limits.fuel - outcome.usage.fuel) };
  }
}

function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => clearTimeout(timer));
  });
}
