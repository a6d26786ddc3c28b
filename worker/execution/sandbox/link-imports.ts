import { isKnownImport, LEGACY_MODULE, LEGACY_PREFIX, WASI_MODULE } from "../../../sdk/contract/extism-abi.ts";
import type { SandboxFailure } from "../../../sdk/contract/sandbox.ts";
import type { GuestControl } from "./guest-control.ts";
import { type HostFunction, hostImport } from "./host-import.ts";
import type { Kernel } from "./kernel.ts";
import { quoteName } from "./text.ts";

export interface ImportSources {
  readonly kernel: Kernel;
  readonly host: ReadonlyMap<string, HostFunction>;
  readonly wasi: ReadonlyMap<string, HostFunction>;
  readonly control: GuestControl;
}

export type Linked = { readonly imports: WebAssembly.Imports } | { readonly failure: SandboxFailure };

/**
 * Supplies exactly the functions a plugin imports. Kernel functions are the kernel's own exports, so that bytes pass from WASM
 * to WASM; the rest are wrapped JavaScript. Names are looked up in closed tables, never through a prototype.
 */
export function linkImports(plugin: WebAssembly.Module, sources: ImportSources): Linked {
  const modules = new Map<string, Map<string, WebAssembly.ExportValue>>();
  for (const { module, name, kind } of WebAssembly.Module.imports(plugin)) {
    const found = kind === "function" && isKnownImport(module, name) ? lookUp(module, name, sources) : undefined;
    if (found === undefined) {
      const detail = `The plugin imports the ${kind} ${quoteName(name)} of ${quoteName(module)}, which the host does not have.`;
      return { failure: { code: "PLUGIN_LOAD_FAILED", detail } };
    }
    const names = modules.get(module) ?? new Map<string, WebAssembly.ExportValue>();
    modules.set(module, names.set(name, found));
  }
  return { imports: Object.fromEntries([...modules].map(([module, names]) => [module, Object.fromEntries(names)])) };
}

/** @returns true where a function the plugin imports may make it wait */
export function canSuspend(plugin: WebAssembly.Module, wasi: ReadonlyMap<string, HostFunction>): boolean {
  return WebAssembly.Module.imports(plugin).some(
    ({ module, name }) => module === WASI_MODULE && wasi.get(name)?.suspends === true,
  );
}

function lookUp(module: string, name: string, sources: ImportSources): WebAssembly.ExportValue | undefined {
  const { kernel, host, wasi, control } = sources;
  if (module === WASI_MODULE) return wrapped(name, wasi, control);
  const bare = module === LEGACY_MODULE ? name.slice(LEGACY_PREFIX.length) : name;
  return kernel.importable(bare) ?? wrapped(bare, host, control);
}

function wrapped(
  name: string,
  functions: ReadonlyMap<string, HostFunction>,
  control: GuestControl,
): WebAssembly.ExportValue | undefined {
  const found = functions.get(name);
  return found === undefined ? undefined : hostImport(name, found, control);
}
