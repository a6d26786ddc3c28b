import { ERRNO, WasiError } from "./errno.ts";

/**
 * The guest's linear memory as WASI functions use it. Pointers and lengths are the guest's: each access is checked, and the
 * buffer is looked up each time because growth replaces it.
 */
export class GuestMemory {
  #memory: WebAssembly.Memory | undefined;

  attach(exports: WebAssembly.Exports): void {
    const memory = Object.hasOwn(exports, "memory") ? exports["memory"] : undefined;
    if (memory instanceof WebAssembly.Memory) this.#memory = memory;
  }

  /** Size in bytes; 0 where the module exports no memory. */
  get byteLength(): number {
    return this.#memory?.buffer.byteLength ?? 0;
  }

  /**
   * A window on the memory, valid until the guest runs again.
   *
   * @param pointer  i32 as the guest passed it
   * @param length   bytes; an i32 as the guest passed it, or a sum of such
   * @throws {WasiError} EFAULT where the range is not wholly inside the memory
   */
  view(pointer: number, length: number): DataView {
    const start = pointer >>> 0;
    if (this.#memory === undefined || length < 0 || start + length > this.byteLength) throw new WasiError(ERRNO.fault);
    return new DataView(this.#memory.buffer, start, length);
  }

  /** As {@link view}, in bytes. */
  bytes(pointer: number, length: number): Uint8Array {
    const view = this.view(pointer, length);
    return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  }

  setUint32(pointer: number, value: number): void {
    this.view(pointer, 4).setUint32(0, value, true);
  }

  setUint64(pointer: number, value: bigint): void {
    this.view(pointer, 8).setBigUint64(0, value, true);
  }
}
