import { KERNEL_FUNCTIONS } from "../../../sdk/contract/extism-abi.ts";
import { cutText, decodeText, DETAIL_BYTES } from "./text.ts";

/** Exports of kernel.wat that the host calls itself. */
interface KernelExports {
  readonly memory: WebAssembly.Memory;
  readonly byte_limit: WebAssembly.Global;
  alloc(length: bigint): bigint;
  free(handle: bigint): void;
  length(handle: bigint): bigint;
  input_set(offset: bigint, length: bigint): void;
  output_offset(): bigint;
  output_length(): bigint;
  output_requested(): bigint;
  error_get(): bigint;
  error_length(): bigint;
  heap_bytes(): number;
  refused_bytes(): bigint;
  reset(): void;
}

/**
 * One call's exchange memory, seen from the host. Every read copies: nothing handed out here changes when the guest runs on,
 * and the buffer is looked up anew each time because growth replaces it.
 */
export class Kernel {
  readonly #instance: WebAssembly.Exports;
  readonly #exports: KernelExports;

  constructor(module: WebAssembly.Module) {
    this.#instance = new WebAssembly.Instance(module).exports;
    this.#exports = this.#instance as unknown as KernelExports; // kernel.wat, built together with this file
  }

  /** Bytes of memory this kernel holds, used or not. Memory never shrinks. */
  get memoryBytes(): number {
    return this.#exports.memory.buffer.byteLength;
  }

  /** Clears everything the last call left: memory, lists, input, output, error and limit. */
  reset(): void {
    this.#exports.reset();
  }

  /** @returns the kernel's own function for an import, undefined where the kernel does not answer it */
  importable(name: string): WebAssembly.ExportValue | undefined {
    return Object.hasOwn(KERNEL_FUNCTIONS, name) ? this.#instance[name] : undefined;
  }

  /** Bytes the heap may use from now on. */
  limitHeap(bytes: number): void {
    this.#exports.byte_limit.value = bytes;
  }

  /** @returns false where the input does not fit */
  setInput(input: Uint8Array): boolean {
    if (input.byteLength === 0) return true;
    const handle = this.put(input);
    if (handle === 0n) return false;
    this.#exports.input_set(handle, BigInt(input.byteLength));
    return true;
  }

  /** @returns a handle of a new block with the bytes; 0 for no bytes, or where they do not fit */
  put(bytes: Uint8Array): bigint {
    const handle = this.#exports.alloc(BigInt(bytes.byteLength));
    if (handle !== 0n) new Uint8Array(this.#exports.memory.buffer).set(bytes, Number(handle));
    return handle;
  }

  free(handle: bigint): void {
    this.#exports.free(handle);
  }

  /** Bytes of a block, 0 for anything that is no handle. */
  length(handle: bigint): number {
    return Number(this.#exports.length(handle));
  }

  /**
   * Copies a block out.
   *
   * @param most  copies no more than this many bytes
   */
  read(handle: bigint, most = Number.POSITIVE_INFINITY): Uint8Array {
    return this.#copy(handle, Math.min(this.length(handle), most));
  }

  /** Length of the output that exists, and the length the guest gave it. */
  outputLength(): { readonly bytes: number; readonly requested: number } {
    return {
      bytes: Number(this.#exports.output_length()),
      requested: Number(BigInt.asUintN(64, this.#exports.output_requested())),
    };
  }

  readOutput(): Uint8Array {
    return this.#copy(this.#exports.output_offset(), Number(this.#exports.output_length()));
  }

  /** The error the guest has set, cut to 4 KiB; undefined where it has set none or cleared it. */
  readError(): string | undefined {
    const handle = this.#exports.error_get();
    if (handle === 0n) return undefined;
    const length = Number(this.#exports.error_length());
    return decodeText(cutText(this.#copy(handle, Math.min(length, DETAIL_BYTES + 1)), DETAIL_BYTES));
  }

  heapBytes(): number {
    return this.#exports.heap_bytes();
  }

  /** The largest allocation that was refused, 0 where none was. */
  refusedBytes(): number {
    return Number(BigInt.asUintN(64, this.#exports.refused_bytes()));
  }

  #copy(offset: bigint, length: number): Uint8Array {
    if (length === 0) return new Uint8Array(0);
    return new Uint8Array(this.#exports.memory.buffer).slice(Number(offset), Number(offset) + length);
  }
}
