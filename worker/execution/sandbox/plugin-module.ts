import {
  HOST_FUNCTIONS,
  LEGACY_MODULE,
  LEGACY_PREFIX,
  SUSPENDING_IMPORTS,
  WASI_MODULE,
} from "../../../sdk/contract/extism-abi.ts";

/** A compiled plugin with what every call needs to know of it, read once. Immutable, so calls may share it. */
export interface PluginModule {
  /** As the rewriter left it. */
  readonly module: WebAssembly.Module;
  readonly imports: readonly WebAssembly.ModuleImportDescriptor[];
  readonly usesWasi: boolean;
  /** True where it imports a host function that the kernel does not answer. */
  readonly usesHost: boolean;
  /** True where a function it imports may make it wait. */
  readonly suspends: boolean;
}

export function describePlugin(module: WebAssembly.Module): PluginModule {
  const imports = WebAssembly.Module.imports(module);
  return {
    module,
    imports,
    usesHost: imports.some(({ module: from, name }) => isHostFunction(from, name)),
    usesWasi: imports.some((entry) => entry.module === WASI_MODULE),
    suspends: imports.some(({ module: from, name }) => isSuspending(from, name)),
  };
}

/** @returns true for an import that answers with a promise */
export function isSuspending(module: string, name: string): boolean {
  return SUSPENDING_IMPORTS.has(`${module}.${name}`);
}

function isHostFunction(module: string, name: string): boolean {
  return Object.hasOwn(HOST_FUNCTIONS, module === LEGACY_MODULE ? name.slice(LEGACY_PREFIX.length) : name);
}
