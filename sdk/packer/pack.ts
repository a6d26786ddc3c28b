import { EngineInstance, type HostFunction } from "./engine-instance.ts";
import { packModule } from "./packed-module.ts";

export interface Engines {
  /** Runs programs; has no parser, so that a plugin cannot `eval`. */
  readonly runtime: Uint8Array;
  /** Compiles programs. Used as the runtime too by plugins that need `eval`. */
  readonly compiler: Uint8Array;
}

export interface PackedPlugin {
  /** A WebAssembly module that any Extism host runs. */
  readonly wasm: Uint8Array;
  readonly functions: readonly string[];
  readonly hostFunctions: readonly HostFunction[];
  readonly bytecodeBytes: number;
}

/** Custom section that names the engine which a plugin was built with, as hexadecimal SHA-256. */
export const ENGINE_SECTION = "patchbay:engine";

/**
 * Makes a program into a plugin: compiles it, runs it once, and packs the engine with the memory it then has. The same
 * program and engines give the same bytes.
 *
 * @param program  a script that leaves an object of functions in `globalThis.patchbayExports`
 * @param note     content of the section that names the engine
 * @throws {BuildError}
 */
export function packPlugin(program: string, { runtime, compiler }: Engines, note: string): PackedPlugin {
  // What the parser leaves behind stays in an instance of its own.
  const bytecode = new EngineInstance(moduleOf(compiler)).compile(program);
  const instance = new EngineInstance(moduleOf(runtime));
  const functions = instance.load(bytecode);
  const { hostFunctions } = instance;
  instance.seal();
  const notes = [[ENGINE_SECTION, new TextEncoder().encode(note)]] as const;
  const wasm = packModule(runtime, { functions, hostFunctions, memory: instance.memory, notes });
  return { wasm, functions, hostFunctions, bytecodeBytes: bytecode.length };
}

/**
 * Runs a program as a build does and drops it.
 *
 * @returns the text it gave to `patchbayHost.describe`
 * @throws {BuildError}
 */
export function describeProgram(program: string, { compiler }: Pick<Engines, "compiler">): string {
  const bytecode = new EngineInstance(moduleOf(compiler)).compile(program);
  const instance = new EngineInstance(moduleOf(compiler));
  instance.load(bytecode);
  return instance.description;
}

const modules = new WeakMap<Uint8Array, WebAssembly.Module>();

/** Compiled once for each engine, not for each build. */
function moduleOf(engine: Uint8Array): WebAssembly.Module {
  let module = modules.get(engine);
  if (!module) {
    module = new WebAssembly.Module(engine as BufferSource); // bytes of a file, never shared
    modules.set(engine, module);
  }
  return module;
}
