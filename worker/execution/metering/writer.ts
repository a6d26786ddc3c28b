import { Op } from "./opcodes.ts";

const SMALL_COPY = 24;

/** Growable buffer of bytes with the number formats of the binary format (specification §5.2). */
export class ByteWriter {
  /** Bytes written. Set it to 0 to use the buffer again. */
  length = 0;
  #buffer: Uint8Array;

  constructor(capacity = 256) {
    this.#buffer = new Uint8Array(capacity);
  }

  #reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(2 * this.#buffer.length, needed));
    larger.set(this.#buffer.subarray(0, this.length));
    this.#buffer = larger;
  }

  byte(value: number): void {
    if (this.length === this.#buffer.length) this.#reserve(1);
    this.#buffer[this.length++] = value;
  }

  /** Writes another value over a byte that was written before. */
  overwrite(position: number, value: number): void {
    if (position < this.length) this.#buffer[position] = value;
  }

  /** Unsigned LEB128 of a number from 0 to 2^32 - 1. */
  u32(value: number): void {
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.byte(rest);
  }

  /** Signed LEB128 of any safe integer. */
  signed(value: number): void {
    let rest = value;
    while (rest > 63 || rest < -64) {
      const low = rest >= -0x8000_0000 && rest <= 0x7fff_ffff ? rest & 0x7f : ((rest % 128) + 128) % 128;
      this.byte(low | 0x80);
      rest = (rest - low) / 128;
    }
    this.byte(rest & 0x7f);
  }

  /** Copies `source[from, to)`. */
  copy(source: Uint8Array, from = 0, to = source.length): void {
    const count = to - from;
    this.#reserve(count);
    if (count < SMALL_COPY) {
      // A loop is several times faster than a view and a call for the few bytes between two edits.
      const buffer = this.#buffer;
      let length = this.length;
      for (let at = from; at < to; at++) buffer[length++] = source[at] ?? 0;
      this.length = length;
      return;
    }
    this.#buffer.set(source.subarray(from, to), this.length);
    this.length += count;
  }

  text(value: string): void {
    const encoded = new TextEncoder().encode(value);
    this.u32(encoded.length);
    this.copy(encoded);
  }

  /** A view of what was written, valid until the next write. */
  view(): Uint8Array {
    return this.#buffer.subarray(0, this.length);
  }

  bytes(): Uint8Array {
    return this.#buffer.slice(0, this.length);
  }
}

/** Writes instructions. */
export class CodeWriter extends ByteWriter {
  #indexed(opcode: number, index: number): void {
    this.byte(opcode);
    this.u32(index);
  }

  localGet(index: number): void {
    this.#indexed(Op.localGet, index);
  }

  localSet(index: number): void {
    this.#indexed(Op.localSet, index);
  }

  localTee(index: number): void {
    this.#indexed(Op.localTee, index);
  }

  globalGet(index: number): void {
    this.#indexed(Op.globalGet, index);
  }

  globalSet(index: number): void {
    this.#indexed(Op.globalSet, index);
  }

  call(index: number): void {
    this.#indexed(Op.call, index);
  }

  i32Const(value: number): void {
    this.byte(Op.i32Const);
    this.signed(value);
  }

  i64Const(value: number): void {
    this.byte(Op.i64Const);
    this.signed(value);
  }

  /** `i64.const` of a number that need not be a safe integer. */
  i64ConstBig(value: bigint): void {
    this.byte(Op.i64Const);
    let rest = value;
    for (; rest > 63n || rest < -64n; rest >>= 7n) this.byte(Number(rest & 0x7fn) | 0x80);
    this.byte(Number(rest & 0x7fn));
  }
}
