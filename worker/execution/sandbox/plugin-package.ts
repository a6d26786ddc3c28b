import { MAIN_MODULE, type LinkTarget, parseRelayName } from "../../../sdk/contract/linking.ts";
import { decodePackageFiles } from "../../../sdk/contract/package-files.ts";
import { describePlugin, type PluginModule } from "./plugin-module.ts";
import { buildTree, type FolderNode } from "./wasi/file-tree.ts";

/** What the worker gives the isolate of a plugin that consists of more than one module. */
export interface LoadedPackage {
  /** All modules in the order of instantiation, the main one among them; empty where there is only the main one. */
  readonly modules: readonly (readonly [name: string, module: WebAssembly.Module])[];
  readonly relay?: WebAssembly.Module;
  readonly sparePages: number;
  /** Blob of sdk/contract/package-files.ts. */
  readonly files?: ArrayBuffer;
}

export interface Relay {
  readonly module: WebAssembly.Module;
  /** What each slot of its table calls. */
  readonly targets: readonly LinkTarget[];
}

export interface Links {
  readonly modules: readonly { readonly name: string; readonly plugin: PluginModule }[];
  readonly relay: Relay | undefined;
  /** Pages by which the memories of all modules may grow together. */
  readonly sparePages: number;
}

/** A package, read once. Immutable, so calls may share it. */
export interface PluginPackage {
  /** The main module, with the needs of all modules. */
  readonly plugin: PluginModule;
  /** Undefined where the main module stands alone. */
  readonly links: Links | undefined;
  readonly files: FolderNode | undefined;
}

/** A plugin of one module and no files. */
export function standAlone(plugin: PluginModule): PluginPackage {
  return { plugin, links: undefined, files: undefined };
}

export function describePackage(main: PluginModule, loaded: LoadedPackage): PluginPackage {
  const files = loaded.files && buildTree(decodePackageFiles(new Uint8Array(loaded.files)));
  if (loaded.modules.length === 0) return { plugin: main, links: undefined, files };
  const modules = loaded.modules.map(([name, module]) => {
    return { name, plugin: name === MAIN_MODULE ? main : describePlugin(module) };
  });
  const plugins = modules.map(({ plugin }) => plugin);
  return {
    plugin: {
      ...main,
      usesWasi: plugins.some(({ usesWasi }) => usesWasi),
      usesHost: plugins.some(({ usesHost }) => usesHost),
      usesUser: plugins.some(({ usesUser }) => usesUser),
      suspends: plugins.some(({ suspends }) => suspends),
    },
    links: { modules, relay: loaded.relay && describeRelay(loaded.relay), sparePages: loaded.sparePages },
    files,
  };
}

function describeRelay(module: WebAssembly.Module): Relay {
  const functions = WebAssembly.Module.exports(module).filter(({ kind }) => kind === "function");
  return { module, targets: functions.map(({ name }) => parseRelayName(name)) };
}
