import { MAIN_MODULE } from "../../../sdk/contract/linking.ts";
import type { SandboxCall, SandboxFailure } from "../../../sdk/contract/sandbox.ts";
import { type EntryPoint, initialisers } from "./entry-points.ts";
import type { GuestControl } from "./guest-control.ts";
import type { Kernel } from "./kernel.ts";
import { type ImportSlot, type ImportSources, linkImports } from "./link-imports.ts";
import type { CallLog } from "./logs.ts";
import { PackageLinker } from "./package-linker.ts";
import type { PluginModule } from "./plugin-module.ts";
import type { Links, PluginPackage } from "./plugin-package.ts";
import { quoteName } from "./text.ts";
import { ChaCha20Stream } from "./wasi/chacha20.ts";
import type { GuestClock } from "./wasi/clock.ts";
import { GuestMemory } from "./wasi/guest-memory.ts";
import { OpenFiles } from "./wasi/open-files.ts";
import { createWasi, type Wasi } from "./wasi/preview1.ts";

/** A module of an instance, with what belongs to its own memory. */
export interface GuestModule {
  readonly name: string;
  readonly plugin: PluginModule;
  readonly memory: GuestMemory;
  /** Undefined where the package has no files, or the module cannot ask for any. */
  readonly open: OpenFiles | undefined;
  /** Where its imports lead: to the call at work. */
  readonly slot: ImportSlot;
}

/** The modules of a new instance, in the order in which they are instantiated. */
export function openModules({ plugin, links, files }: PluginPackage): readonly GuestModule[] {
  const open = (name: string, module: PluginModule): GuestModule => ({
    name,
    plugin: module,
    memory: new GuestMemory(),
    open: files && module.usesWasi ? new OpenFiles(files) : undefined,
    slot: { sources: undefined },
  });
  if (links === undefined) return [open(MAIN_MODULE, plugin)];
  return links.modules.map(({ name, plugin: module }) => open(name, module));
}

export interface CallContext {
  readonly call: SandboxCall;
  readonly control: GuestControl;
  readonly log: CallLog;
  readonly clock: GuestClock;
  readonly sleep: (milliseconds: number) => Promise<void>;
}

/**
 * Leads the imports of all modules to a call.
 *
 * @returns WASI of the modules that use it
 */
export function connectModules(
  modules: readonly GuestModule[],
  sources: Omit<ImportSources, "wasi">,
  context: CallContext,
): readonly Wasi[] {
  const usesWasi = modules.some(({ plugin }) => plugin.usesWasi);
  const shared = usesWasi ? { ...context, random: new ChaCha20Stream(context.call.randomSeed) } : undefined;
  const found: Wasi[] = [];
  for (const { plugin, memory, open, slot } of modules) {
    const wasi = shared && plugin.usesWasi ? createWasi({ ...shared, memory, open }) : undefined;
    slot.sources = { ...sources, wasi: wasi?.functions };
    if (wasi) found.push(wasi);
  }
  return found;
}

export interface Instances {
  /** Exports of the main module. */
  readonly exports: WebAssembly.Exports;
  /** What has to run in linked modules, in order, before anything of the main one. */
  readonly initialisers: readonly EntryPoint[];
}

export type Instantiation = Instances | { readonly failure: SandboxFailure };

/**
 * Makes the instances of all modules. Nothing of the guest runs here: start functions are entries like others.
 *
 * @param attached  told of each instance
 */
export function instantiateModules(
  modules: readonly GuestModule[],
  links: Links | undefined,
  kernel: Kernel,
  attached: (exports: WebAssembly.Exports) => void = () => {},
): Instantiation {
  const linker = links && new PackageLinker(links);
  const before: EntryPoint[] = [];
  let main: WebAssembly.Exports = {};
  for (const module of modules) {
    const linked = linkImports(module.plugin, { kernel, slot: module.slot, linker });
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
