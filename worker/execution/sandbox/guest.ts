import type { SandboxCall } from "../../../sdk/contract/sandbox.ts";
import { type GuestModule, openModules } from "./guest-modules.ts";
import type { Kernel } from "./kernel.ts";
import type { PluginPackage } from "./plugin-package.ts";
import { Variables } from "./variables.ts";

/** An instance of the plugin, all modules of it, and what is bound to it for as long as it lives. Serves one call at a time. */
export interface Guest {
  readonly kernel: Kernel;
  readonly modules: readonly GuestModule[];
  readonly variables: Variables;
  /** Of the main module; undefined until there is an instance. */
  exports: WebAssembly.Exports | undefined;
  /** What it was made for. */
  readonly madeFor: Pick<SandboxCall, "config" | "keepFor" | "now">;
  /** By the isolate's clock, in milliseconds. */
  readonly madeAt: number;
  /** Calls begun, the present one included. */
  calls: number;
  /** Bytes of linear memory after the first call. */
  firstBytes: number;
  /** What its monotonic clock stands at, in nanoseconds. */
  uptime: bigint;
}

export function newGuest(
  kernel: Kernel,
  plugin: PluginPackage,
  { config, keepFor, now }: SandboxCall,
  madeAt: number,
): Guest {
  return {
    kernel,
    modules: openModules(plugin),
    variables: new Variables(),
    exports: undefined,
    madeFor: { config, now, ...(keepFor === undefined ? {} : { keepFor }) },
    madeAt,
    calls: 0,
    firstBytes: 0,
    uptime: 0n,
  };
}
