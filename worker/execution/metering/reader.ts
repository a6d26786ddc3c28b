import { WasmRefusal } from "./refusal.ts";

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Strict cursor over a module's bytes. Numbers are read as the WebAssembly core specification §5.2 defines them, every
 * read is checked against `limit`, and every failure is a {@link WasmRefusal} with the code WASM_MALFORMED.
 */
export class ByteReader {
  readonly bytes: Uint8Array;
  position: number;
  /** First byte that must not be read: the end of the section or function body being read. */
  limit: number;

  constructor(bytes: Uint8Array, position = 0, limit = bytes.length) {
    this.bytes = bytes;
    this.position = position;
    this.limit = limit;
  }

  malformed(detail: string, offset = this.position): never {
    throw new WasmRefusal("WASM_MALFORMED", detail, offset);
  }

  get remaining(): number {
    return this.limit - this.position;
  }

  byte(): number {
    const byte = this.bytes[this.position];
    if (byte === undefined || this.position >= this.limit) this.malformed("unexpected end");
    this.position++;
    return byte;
  }

  /** The next byte without moving, or -1 at the limit. */
  peek(): number {
    return this.position < this.limit ? (this.bytes[this.position] ?? -1) : -1;
  }

  /** Unsigned 32-bit LEB128, at most five bytes, no set bits beyond the 32nd. */
  u32(): number {
    const first = this.byte();
    return first < 0x80 ? first : this.#u32Rest(first & 0x7f);
  }

  #u32Rest(low: number): number {
    let value = low;
    for (let shift = 7; ; shift += 7) {
      const byte = this.byte();
      if (shift === 28 && byte > 0x0f) this.malformed("integer is longer than 32 bits", this.position - 1);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  }

  /** Unsigned 64-bit LEB128 as a number: exact up to 2^53, rounded above. */
  u64(): number {
    let value = 0;
    let factor = 1;
    for (let length = 1; ; length++) {
      const byte = this.byte();
      if (length === 10 && byte > 0x01) this.malformed("integer is longer than 64 bits", this.position - 1);
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
  }

  /** Steps over a LEB128 of at most `maximum` bytes: 5 for 32-bit and 33-bit, 10 for 64-bit numbers. */
  skipLeb(maximum: number): void {
    for (let length = 1; this.byte() >= 0x80; length++) {
      if (length === maximum) this.malformed("integer is too long");
    }
  }

  skip(count: number): void {
    if (count > this.remaining) this.malformed("unexpected end");
    this.position += count;
  }

  /**
   * Reads the length of a vector, refusing one that cannot be there.
   * @param what       plural noun for the message
   * @param maximum    most entries allowed
   * @param entrySize  fewest bytes one entry takes, so that nothing is allocated for entries that cannot exist
   */
  count(what: string, maximum: number, entrySize = 1): number {
    const offset = this.position;
    const count = this.u32();
    if (count * entrySize > this.remaining) this.malformed(`${count} ${what} do not fit the bytes left`, offset);
    if (count > maximum) {
      throw new WasmRefusal("WASM_LIMIT", `${count} ${what}, the limit is ${maximum}`, offset);
    }
    return count;
  }

  /** A UTF-8 name (specification §5.2.4). */
  name(): string {
    const length = this.u32();
    const start = this.position;
    this.skip(length);
    try {
      return UTF8.decode(this.bytes.subarray(start, this.position));
    } catch (cause) {
      if (cause instanceof TypeError) this.malformed("a name is not UTF-8", start);
      throw cause;
    }
  }

  /** Refuses when the section or body has bytes left over. */
  expectEnd(what: string): void {
    if (this.position !== this.limit) this.malformed(`${what} has ${this.remaining} bytes left over`);
  }
}
