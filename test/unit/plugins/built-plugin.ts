import { readFile } from "node:fs/promises";
import path from "node:path";
import { createPlugin } from "@extism/extism";
import { buildPlugins } from "../../../scripts/build-plugins.ts";

export const ROOT = path.resolve(import.meta.dirname, "../../..");

/** Builds what changed and reads a plugin's module. */
export async function builtModule(id: string): Promise<WebAssembly.Module> {
  const plugins = await buildPlugins({ root: ROOT, log: () => {} });
  const plugin = plugins.find((built) => built.id === id);
  if (plugin === undefined) throw new Error(`no plugin ${id} was built`);
  return new WebAssembly.Module(await readFile(path.join(plugin.folder, "plugin.wasm")));
}

export interface Call {
  readonly output?: unknown;
  readonly error?: string;
}

/** One call in a fresh instance of the reference host; the output is read as JSON. */
export async function callOnce(
  module: WebAssembly.Module,
  name: string,
  input: string | Uint8Array,
  config: Record<string, string> = {},
): Promise<Call> {
  const plugin = await createPlugin({ wasm: [{ module }] }, { useWasi: false, config });
  try {
    const output = await plugin.call(name, input);
    return { output: output?.json() };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  } finally {
    await plugin.close();
  }
}
