import { MAIN_MODULE } from "../../../sdk/contract/linking.ts";
import type { SandboxCall, SandboxFailure } from "../../../sdk/contract/sandbox.ts";
import { type EntryPoint, initialisers } from "./entry-points.ts";
import type { GuestControl } from "./guest-control.ts";
import { type ImportSources, linkImports } from "./link-imports.ts";
import type { CallLog } from "./logs.ts";
import { PackageLinker } from "./package-linker.ts";
import type { PluginModule } from "./plugin-module.ts";
import type { Links, PluginPackage } from "./plugin-package.ts";
import { quoteName } from "./text.ts";
import { ChaCha20Stream } from "./wasi/chacha20.ts";
import { GuestClock } from "./wasi/clock.ts";
import { GuestMemory } from "./wasi/guest-memory.ts";
import { createWasi, type Wasi } from "./wasi/preview1.ts";

/** A module of the plugin for one call, with what belongs to its own memory. */
export interface GuestModule {
  readonly name: string;
  readonly plugin: PluginModule;
  readonly memory: GuestMemory;
  readonly wasi: Wasi | undefined;
}

export interface ModuleContext {
  readonly call: SandboxCall;
  readonly control: GuestControl;
  readonly log: CallLog;
  readonly sleep: (milliseconds: number) => Promise<void>;
}

/** The modules of one call, in the order in which they are instantiated. */
export function openModules({ plugin, links, files }: PluginPackage, context: ModuleContext): readonly GuestModule[] {
  const { call, control, log, sleep } = context;
  const shared = plugin.usesWasi
    ? { clock: new GuestClock(call.now), random: new ChaCha20Stream(call.randomSeed), control, log, sleep, files }
    : undefined;
  const open = (name: string, module: PluginModule): GuestModule => {
    const memory = new GuestMemory();
    return {
      name,
      plugin: module,
      memory,
      wasi: shared && module.usesWasi ? createWasi({ ...shared, memory }) : undefined,
    };
  };
  if (links === undefined) return [open(MAIN_MODULE, plugin)];
  return links.modules.map(({ name, plugin: module }) => open(name, module));
}

export interface Instances {
  /** Exports of the main module. */
  readonly exports: WebAssembly.Exports;
  /** What has to run in linked modules, in order, before anything of the main one. */
  readonly initialisers: readonly EntryPoint[];
}

export type Instantiation = Instances | { readonly failure: SandboxFailure };

/**
 * Makes the instances of a call. Nothing of the guest runs here: start functions are entries like others.
 *
 * @param attached  told of each instance
 */
export function instantiateModules(
  modules: readonly GuestModule[],
  links: Links | undefined,
  sources: Omit<ImportSources, "wasi" | "linker">,
  attached: (exports: WebAssembly.Exports) => void = () => {},
): Instantiation {
  const linker = links && new PackageLinker(links);
  const before: EntryPoint[] = [];
  let main: WebAssembly.Exports = {};
  for (const module of modules) {
    const linked = linkImports(module.plugin, { ...sources, wasi: module.wasi?.functions, linker });
    if ("failure" in linked) return linked;
    const loaded = instantiate(module, linked.imports);
    if ("failure" in loaded) return loaded;
    module.memory.attach(loaded.exports);
    attached(loaded.exports);
    linker?.add(module.name, loaded.exports);
    if (module.name === MAIN_MODULE) main = loaded.exports;
    else before.push(...initialisers(loaded.exports, module.name));
  }
  linker?.connectRelay();
  return { exports: main, initialisers: before };
}

function instantiate(
  { name, plugin }: GuestModule,
  imports: WebAssembly.Imports,
): { readonly exports: WebAssembly.Exports } | { readonly failure: SandboxFailure } {
  try {
    return { exports: new WebAssembly.Instance(plugin.module, imports).exports };
  } catch (error) {
    // A type that does not link, or a segment outside its memory or table. Anything else is the isolate's trouble.
    if (!(error instanceof WebAssembly.RuntimeError || isLinkError(error))) throw error;
    const subject = name === MAIN_MODULE ? "The plugin" : `The plugin's module ${quoteName(name)}`;
    // The engine's words name the import, at whatever length the plugin gave it.
    const reason = error.message.slice(0, 512);
    return { failure: { code: "PLUGIN_LOAD_FAILED", detail: `${subject} cannot be instantiated: ${reason}.` } };
  }
}

/** The runtime's types do not list the class. */
function isLinkError(error: unknown): error is Error {
  return error instanceof Error && error.name === "LinkError";
}

/** Bytes of linear memory of all modules. */
export function memoryBytes(modules: readonly GuestModule[]): number {
  return modules.reduce((sum, { memory }) => sum + memory.byteLength, 0);
}
