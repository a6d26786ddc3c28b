import { readFile } from "node:fs/promises";
import path from "node:path";
import { BuildError } from "../packer/build-error.ts";
import { describeProgram, packPlugin, type Engines } from "../packer/pack.ts";
import type { HostFunction } from "../packer/engine-instance.ts";
import { bundlePlugin } from "./bundle.ts";
import type { PluginDescription } from "./description.ts";
import { mapPositions } from "./source-positions.ts";

const ENGINE = path.resolve(import.meta.dirname, "../engine");

export interface BuildOptions {
  /** Whether the plugin may use `eval` and `new Function`, which adds a parser to it. */
  readonly withParser?: boolean;
}

export interface BuiltPlugin {
  readonly wasm: Uint8Array;
  /** Source map of the places in errors. */
  readonly map: string;
  readonly description: PluginDescription;
  readonly functions: readonly string[];
  readonly hostFunctions: readonly HostFunction[];
  readonly warnings: readonly string[];
  /** Files it was made of, absolute. */
  readonly inputs: readonly string[];
  readonly bundleBytes: number;
  readonly bytecodeBytes: number;
}

/**
 * Builds a TypeScript plugin into one WebAssembly module. The same sources and packages give the same bytes.
 *
 * @param entry  absolute path of the module whose default export is the plugin
 * @throws {BuildError} with places in the author's files
 */
export async function buildPlugin(entry: string, { withParser = false }: BuildOptions = {}): Promise<BuiltPlugin> {
  const [engines, bundle, describing] = await Promise.all([
    readEngines(withParser),
    bundlePlugin(entry, "entries"),
    bundlePlugin(entry, "description"),
  ]);
  const packed = inSources(bundle.map, () => packPlugin(bundle.program, engines, engines.digest));
  const description = inSources(describing.map, () => describeProgram(describing.program, engines));
  return {
    wasm: packed.wasm,
    map: bundle.map,
    description: JSON.parse(description) as PluginDescription, // written by describe.ts
    functions: packed.functions,
    hostFunctions: packed.hostFunctions,
    warnings: bundle.warnings,
    inputs: bundle.inputs,
    bundleBytes: bundle.program.length,
    bytecodeBytes: packed.bytecodeBytes,
  };
}

/**
 * What a plugin's definition says of itself, without packing it.
 *
 * @param entry  absolute path of the module whose default export is the plugin
 * @throws {BuildError} with places in the author's files
 */
export async function describePlugin(entry: string): Promise<PluginDescription> {
  const [engines, { map, program }] = await Promise.all([readEngines(false), bundlePlugin(entry, "description")]);
  return JSON.parse(inSources(map, () => describeProgram(program, engines))) as PluginDescription; // written by describe.ts
}

function inSources<Result>(map: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    throw new BuildError(error.sentence, mapPositions(error.detail, map));
  }
}

async function readEngines(withParser: boolean): Promise<Engines & { readonly digest: string }> {
  const names = {
    runtime: withParser ? "engine-with-parser.wasm" : "engine.wasm",
    compiler: "engine-with-parser.wasm",
  };
  const [runtime, compiler, record] = await Promise.all([
    readFile(path.join(ENGINE, names.runtime)),
    readFile(path.join(ENGINE, names.compiler)),
    readFile(path.join(ENGINE, "engine.json"), "utf8"),
  ]);
  const { outputs } = JSON.parse(record) as { outputs: Record<string, { sha256: string }> }; // written by the engine's build
  return { runtime, compiler, digest: outputs[names.runtime]?.sha256 ?? "" };
}
