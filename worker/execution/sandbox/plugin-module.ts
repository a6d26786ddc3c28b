import {
  HOST_FUNCTIONS,
  isSuspending,
  LEGACY_MODULE,
  LEGACY_PREFIX,
  USER_MODULE,
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
  /** True where it imports a function of the platform's own. */
  readonly usesUser: boolean;
  /** True where a function it imports may make it wait. */
  readonly suspends: boolean;
}

export function describePlugin(module: WebAssembly.Module): PluginModule {
  const imports = WebAssembly.Module.imports(module);
  return {
    module,
    imports,
    usesHost: imports.some(({ module: from, name }) => isHostFunction(from, name)),
    usesUser: imports.some((entry) => entry.module === USER_MODULE),
    usesWasi: imports.some((entry) => entry.module === WASI_MODULE),
    suspends: imports.some(({ module: from, name }) => isSuspending(from, name)),
  };
}

function isHostFunction(module: string, name: string): boolean {
  return Object.hasOwn(HOST_FUNCTIONS, module === LEGACY_MODULE ? name.slice(LEGACY_PREFIX.length) : name);
}
