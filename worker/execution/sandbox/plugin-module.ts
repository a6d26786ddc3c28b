import { SUSPENDING_IMPORTS, WASI_MODULE } from "../../../sdk/contract/extism-abi.ts";

/** A compiled plugin with what every call needs to know of it, read once. Immutable, so calls may share it. */
export interface PluginModule {
  /** As the rewriter left it. */
  readonly module: WebAssembly.Module;
  readonly imports: readonly WebAssembly.ModuleImportDescriptor[];
  readonly usesWasi: boolean;
  /** True where a function it imports may make it wait. */
  readonly suspends: boolean;
}

export function describePlugin(module: WebAssembly.Module): PluginModule {
  const imports = WebAssembly.Module.imports(module);
  return {
    module,
    imports,
    usesWasi: imports.some((entry) => entry.module === WASI_MODULE),
    suspends: imports.some(({ module: from, name }) => isSuspending(from, name)),
  };
}

/** @returns true for an import that answers with a promise */
export function isSuspending(module: string, name: string): boolean {
  return SUSPENDING_IMPORTS.has(`${module}.${name}`);
}
