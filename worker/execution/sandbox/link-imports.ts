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
import { type HostFunction, hostImport } from "./host-import.ts";
import type { Kernel } from "./kernel.ts";
import type { PackageLinker } from "./package-linker.ts";
import type { PluginModule } from "./plugin-module.ts";
import { quoteName } from "./text.ts";

export interface ImportSources {
  readonly kernel: Kernel;
  /** Undefined where the plugin imports none of them. */
  readonly host: ReadonlyMap<string, HostFunction> | undefined;
  /** Functions of `extism:host/user`; undefined where the plugin imports none. */
  readonly user: ReadonlyMap<string, HostFunction> | undefined;
  /** Undefined where the plugin imports nothing of WASI. */
  readonly wasi: ReadonlyMap<string, HostFunction> | undefined;
  readonly control: GuestControl;
  /** For imports from other modules of the package; undefined where there are none. */
  readonly linker: PackageLinker | undefined;
}

export type Linked = { readonly imports: WebAssembly.Imports } | { readonly failure: SandboxFailure };

/**
 * Supplies exactly what a module imports. Kernel functions are the kernel's own exports, so that bytes pass from WASM
 * to WASM; the rest are wrapped JavaScript. Names are looked up in closed tables, never through a prototype.
 */
export function linkImports(plugin: PluginModule, sources: ImportSources): Linked {
  const modules = new Map<string, Map<string, WebAssembly.ExportValue>>();
  for (const { module, name, kind } of plugin.imports) {
    const isHosts = kind === "function" && isKnownImport(module, name);
    const found = isHosts ? lookUp(module, name, sources) : sources.linker?.find(module, name);
    if (found === undefined) {
      const detail = `The plugin imports the ${kind} ${quoteName(name)} of ${quoteName(module)}, which the host does not have.`;
      return { failure: { code: "PLUGIN_LOAD_FAILED", detail } };
    }
    const names = modules.get(module) ?? new Map<string, WebAssembly.ExportValue>();
    modules.set(module, names.set(name, found));
  }
  return { imports: Object.fromEntries([...modules].map(([module, names]) => [module, Object.fromEntries(names)])) };
}

function lookUp(module: string, name: string, sources: ImportSources): WebAssembly.ExportValue | undefined {
  const bare = module === LEGACY_MODULE ? name.slice(LEGACY_PREFIX.length) : name;
  const tables: Readonly<Record<string, ImportSources["host"]>> = {
    [WASI_MODULE]: sources.wasi,
    [USER_MODULE]: sources.user,
  };
  const ofKernel = module in tables ? undefined : sources.kernel.importable(bare);
  if (ofKernel !== undefined) return ofKernel;
  const found = (module in tables ? tables[module] : sources.host)?.get(bare);
  return found === undefined ? undefined : hostImport(bare, found, sources.control, isSuspending(module, name));
}
