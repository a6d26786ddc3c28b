import {
  isKnownImport,
  isSuspending,
  LEGACY_MODULE,
  LEGACY_PREFIX,
  USER_MODULE,
  WASI_MODULE,
} from "../../../sdk/contract/extism-abi.ts";
import type { SandboxFailure } from "../../../sdk/contract/sandbox.ts";
import type { GuestControl } from "./guest-control.ts";
import { type HostFunction, hostImport, type ResolvedImport } from "./host-import.ts";
import type { Kernel } from "./kernel.ts";
import type { PackageLinker } from "./package-linker.ts";
import type { PluginModule } from "./plugin-module.ts";
import { quoteName } from "./text.ts";

/** What the host offers one module for one call. */
export interface ImportSources {
  /** Undefined where the plugin imports none of them. */
  readonly host: ReadonlyMap<string, HostFunction> | undefined;
  /** Functions of `extism:host/user`; undefined where the plugin imports none. */
  readonly user: ReadonlyMap<string, HostFunction> | undefined;
  /** Undefined where the plugin imports nothing of WASI. */
  readonly wasi: ReadonlyMap<string, HostFunction> | undefined;
  readonly control: GuestControl;
}

/** What the imports of an instance lead to, for the call at work; nothing between calls. */
export interface ImportSlot {
  sources: ImportSources | undefined;
}

/** What the imports of a module are bound to for as long as its instance lives. */
export interface ImportTargets {
  readonly kernel: Kernel;
  readonly slot: ImportSlot;
  /** For imports from other modules of the package; undefined where there are none. */
  readonly linker: PackageLinker | undefined;
}

export type Linked = { readonly imports: WebAssembly.Imports } | { readonly failure: SandboxFailure };

/**
 * Supplies exactly what a module imports. Kernel functions are the kernel's own exports, so that bytes pass from WASM
 * to WASM; the rest are wrapped JavaScript, which leads to the call at work. Names are looked up in closed tables, never
 * through a prototype.
 */
export function linkImports(plugin: PluginModule, targets: ImportTargets): Linked {
  const modules = new Map<string, Map<string, WebAssembly.ExportValue>>();
  for (const { module, name, kind } of plugin.imports) {
    const isHosts = kind === "function" && isKnownImport(module, name);
    const found = isHosts ? lookUp(module, name, targets) : targets.linker?.find(module, name);
    if (found === undefined) {
      const detail = `The plugin imports the ${kind} ${quoteName(name)} of ${quoteName(module)}, which the host does not have.`;
      return { failure: { code: "PLUGIN_LOAD_FAILED", detail } };
    }
    const names = modules.get(module) ?? new Map<string, WebAssembly.ExportValue>();
    modules.set(module, names.set(name, found));
  }
  return { imports: Object.fromEntries([...modules].map(([module, names]) => [module, Object.fromEntries(names)])) };
}

function lookUp(module: string, name: string, { kernel, slot }: ImportTargets): WebAssembly.ExportValue | undefined {
  const bare = module === LEGACY_MODULE ? name.slice(LEGACY_PREFIX.length) : name;
  const table = module === WASI_MODULE ? "wasi" : module === USER_MODULE ? "user" : "host";
  const ofKernel = table === "host" ? kernel.importable(bare) : undefined;
  if (ofKernel !== undefined) return ofKernel;
  const offered = atWork(slot)[table]?.get(bare);
  if (offered === undefined) return undefined;
  const resolve = (): ResolvedImport => {
    const sources = atWork(slot);
    const host = sources[table]?.get(bare);
    if (host === undefined) throw new Error(`The call at work has no function ${bare}.`);
    return { host, control: sources.control };
  };
  return hostImport(bare, offered.type, resolve, isSuspending(module, name));
}

function atWork({ sources }: ImportSlot): ImportSources {
  if (sources === undefined) throw new Error("The guest runs without a call.");
  return sources;
}
