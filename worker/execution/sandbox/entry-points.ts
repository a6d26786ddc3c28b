import { METERING_EXPORTS } from "../../../sdk/contract/metering-abi.ts";
import type { SandboxFailure } from "../../../sdk/contract/sandbox.ts";
import type { WasmFunction } from "./jspi.ts";
import { quoteName } from "./text.ts";

const RUNTIME_ENTRIES: ReadonlySet<string> = new Set([
  METERING_EXPORTS.start,
  "hs_init",
  "__wasm_call_ctors",
  "_initialize",
]);

/** One entry into the guest. */
export interface EntryPoint {
  readonly name: string;
  readonly run: WasmFunction;
  readonly parameters: readonly number[];
}

export type EntryPoints = { readonly entries: readonly EntryPoint[] } | { readonly failure: SandboxFailure };

/**
 * What has to run for one call, in order: the module's start function, the language runtime's initialisation, the function.
 * Initialisation follows the reference host: Haskell's `hs_init` after `_initialize`; else `__wasm_call_ctors`; else
 * `_initialize`. `_start` is never run unless it is the function asked for.
 */
export function entryPoints(exports: WebAssembly.Exports, functionName: string): EntryPoints {
  const found = exportedFunction(exports, functionName);
  if (found === undefined) return notFound(`The plugin exports no function ${quoteName(functionName)}.`);
  if (RUNTIME_ENTRIES.has(functionName)) {
    return notFound(`The export ${quoteName(functionName)} belongs to the language runtime and cannot be called.`);
  }
  if (found.length > 0) {
    return notFound(
      `The export ${quoteName(functionName)} takes ${found.length} parameters; only () -> () and () -> i32 can be called.`,
    );
  }
  return {
    entries: [...beforeFunctions(exports), { name: functionName, run: found, parameters: [] }],
  };
}

/** What has to run in a linked module before others call into it, in order. */
export function initialisers(exports: WebAssembly.Exports, moduleName: string): readonly EntryPoint[] {
  return beforeFunctions(exports).map((point) => ({ ...point, name: `${moduleName}: ${point.name}` }));
}

function beforeFunctions(exports: WebAssembly.Exports): readonly EntryPoint[] {
  const start = exportedFunction(exports, METERING_EXPORTS.start);
  return [
    ...(start === undefined ? [] : [{ name: "start section", run: start, parameters: [] }]),
    ...runtimeEntries(exports),
  ];
}

function runtimeEntries(exports: WebAssembly.Exports): readonly EntryPoint[] {
  const haskell = entry(exports, "hs_init", [0, 0]);
  const initialize = entry(exports, "_initialize");
  if (haskell.length > 0) return [...initialize, ...haskell];
  const constructors = entry(exports, "__wasm_call_ctors");
  return constructors.length > 0 ? constructors : initialize;
}

/** The named function where it takes as many parameters as given. */
function entry(exports: WebAssembly.Exports, name: string, parameters: readonly number[] = []): readonly EntryPoint[] {
  const run = exportedFunction(exports, name);
  return run?.length === parameters.length ? [{ name, run, parameters }] : [];
}

function exportedFunction(exports: WebAssembly.Exports, name: string): WasmFunction | undefined {
  const found = Object.hasOwn(exports, name) ? exports[name] : undefined;
  return typeof found === "function" ? (found as WasmFunction) : undefined; // an export, whose types JavaScript cannot see
}

function notFound(detail: string): EntryPoints {
  return { failure: { code: "FUNCTION_NOT_FOUND", detail } };
}
