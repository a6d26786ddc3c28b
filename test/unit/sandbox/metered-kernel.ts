import { readFileSync } from "node:fs";
import path from "node:path";
import wabt from "wabt";
import { METERING_EXPORTS } from "../../../sdk/contract/metering-abi.ts";
import { meteredBytes } from "../../support/guests/sandbox-call.ts";

/** The kernel with the rewriter's counters, by which a test sees how much work an operation does. */

export interface KernelFunctions {
  alloc(length: bigint): bigint;
  free(handle: bigint): void;
  length(handle: bigint): bigint;
  length_unsafe(handle: bigint): bigint;
  load_u8(address: bigint): number;
  load_u64(address: bigint): bigint;
  store_u8(address: bigint, value: number): void;
  store_u64(address: bigint, value: bigint): void;
  input_set(offset: bigint, length: bigint): void;
  input_length(): bigint;
  input_offset(): bigint;
  input_load_u8(offset: bigint): number;
  input_load_u64(offset: bigint): bigint;
  output_set(offset: bigint, length: bigint): void;
  output_offset(): bigint;
  output_length(): bigint;
  output_requested(): bigint;
  error_set(handle: bigint): void;
  error_get(): bigint;
  error_length(): bigint;
  heap_bytes(): number;
  refused_bytes(): bigint;
}

export interface MeteredKernel {
  readonly call: KernelFunctions;
  readonly memory: WebAssembly.Memory;
  readonly byteLimit: WebAssembly.Global;
  /** Fuel the last call used. */
  spent(): number;
}

/** Fuel for one call: far more than any may need. */
const BUDGET = 10n ** 9n;

/** kernel.wat as the build assembles it. */
export async function assembleKernel(): Promise<Uint8Array<ArrayBuffer>> {
  const file = path.resolve(import.meta.dirname, "../../../worker/execution/sandbox/kernel.wat");
  const tools = await wabt();
  const parsed = tools.parseWat("kernel.wat", readFileSync(file, "utf8"));
  const { buffer } = parsed.toBinary({});
  parsed.destroy();
  return new Uint8Array(buffer);
}

export async function compileKernel(): Promise<WebAssembly.Module> {
  return new WebAssembly.Module(meteredBytes(await assembleKernel(), { memory: 64 * 1_048_576 }));
}

/** @param byteLimit  heap bytes the kernel may use */
export function openKernel(module: WebAssembly.Module, byteLimit: number): MeteredKernel {
  const { exports } = new WebAssembly.Instance(module);
  const fuel = exports[METERING_EXPORTS.fuel] as WebAssembly.Global; // appended by the rewriter
  const depth = exports[METERING_EXPORTS.depth] as WebAssembly.Global; // appended by the rewriter
  const metered = Object.entries(exports).map(([name, value]) => {
    if (typeof value !== "function") return [name, value] as const;
    const run = (...parameters: unknown[]): unknown => {
      fuel.value = BUDGET;
      depth.value = 100;
      return Reflect.apply(value, undefined, parameters);
    };
    return [name, run] as const;
  });
  const byteLimitGlobal = exports["byte_limit"] as WebAssembly.Global; // kernel.wat
  byteLimitGlobal.value = byteLimit;
  return {
    call: Object.fromEntries(metered) as KernelFunctions, // kernel.wat
    memory: exports["memory"] as WebAssembly.Memory, // kernel.wat
    byteLimit: byteLimitGlobal,
    spent: () => Number(BUDGET - (fuel.value as bigint)), // an i64 global
  };
}
