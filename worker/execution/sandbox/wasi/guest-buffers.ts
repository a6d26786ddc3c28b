import { HOST_COSTS } from "../costs.ts";
import type { GuestControl } from "../guest-control.ts";
import type { GuestMemory } from "./guest-memory.ts";

const IOVEC_BYTES = 8;

/** Arrays of pointers and lengths, from which and into which streams and files are read and written. */
export class GuestBuffers {
  readonly #memory: GuestMemory;
  readonly #control: GuestControl;

  constructor(memory: GuestMemory, control: GuestControl) {
    this.#memory = memory;
    this.#control = control;
  }

  /** The ranges in order; all are paid for before any is looked at. */
  *ranges(pointer: number, count: number): Generator<Uint8Array> {
    const vectors = this.#memory.view(pointer, (count >>> 0) * IOVEC_BYTES);
    this.#control.charge((count >>> 0) * HOST_COSTS.buffer);
    for (let at = 0; at < vectors.byteLength; at += IOVEC_BYTES) {
      yield this.#memory.bytes(vectors.getUint32(at, true), vectors.getUint32(at + 4, true));
    }
  }
}
