import { HOST_MODULE, LEGACY_MODULE, WASI_MODULE } from "../contract/extism-abi.ts";
import { UserError } from "./user-error.ts";

export interface ImportedFunction {
  readonly module: string;
  readonly name: string;
}

/** What a compiled module offers and asks for. */
export interface ModuleInterface {
  /** Functions that a caller may name; those of the language's runtime are left out. */
  readonly functions: readonly string[];
  /** What it imports beyond Extism's own functions and WASI, each once. */
  readonly imports: readonly ImportedFunction[];
}

const OF_THE_RUNTIME = /^(_initialize|hs_init|__.*)$/;
const EVERYWHERE: ReadonlySet<string> = new Set([HOST_MODULE, LEGACY_MODULE, WASI_MODULE]);

/** @throws {UserError} where the compiler wrote no module that can be loaded */
export async function readInterface(wasm: Uint8Array): Promise<ModuleInterface> {
  const module = await WebAssembly.compile(Uint8Array.from(wasm)).catch((error: unknown) => {
    throw new UserError("The compiled module is not valid.", error instanceof Error ? error.message : String(error));
  });
  const imports = WebAssembly.Module.imports(module)
    .filter((entry) => !EVERYWHERE.has(entry.module))
    .map(({ module: from, name }) => ({ module: from, name }));
  return {
    functions: WebAssembly.Module.exports(module)
      .filter(({ kind, name }) => kind === "function" && !OF_THE_RUNTIME.test(name))
      .map(({ name }) => name),
    imports: [...new Map(imports.map((entry) => [`${entry.module} ${entry.name}`, entry])).values()],
  };
}
