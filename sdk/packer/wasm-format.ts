/** Reading and writing of the WebAssembly binary format (Core Specification 2.0 §5), as far as packing a plugin needs it. */

export const SECTION = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  memory: 5,
  export: 7,
  start: 8,
  code: 10,
  data: 11,
  dataCount: 12,
} as const;

/** Magic number and version. */
export const PREAMBLE_BYTES = 8;
export const FUNCTION_KIND = 0;
export const I64 = 0x7e;
export const I32 = 0x7f;
export const END = 0x0b;

export interface Section {
  readonly id: number;
  readonly body: Uint8Array;
}

const text = new TextEncoder();
const decoder = new TextDecoder();

/** An unsigned LEB128 number (§5.2.2), at most 32 bits. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const more = rest > 127;
    bytes.push((rest & 127) | (more ? 128 : 0));
    rest >>>= 7;
  } while (rest > 0);
  return bytes;
}

/** A signed LEB128 number of 32 bits. */
export function signed(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ;) {
    const low = rest & 127;
    rest >>= 7;
    const last = (rest === 0 && (low & 64) === 0) || (rest === -1 && (low & 64) !== 0);
    bytes.push(last ? low : low | 128);
    if (last) return bytes;
  }
}

export function name(value: string): number[] {
  const bytes = text.encode(value);
  return [...unsigned(bytes.length), ...bytes];
}

export function join(parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

export function section(id: number, ...body: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const content = join(body);
  return join([[id], unsigned(content.length), content]);
}

/** A place in bytes that are known to be valid: the engine's own. */
export class Reader {
  readonly bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  byte(): number {
    const byte = this.bytes[this.at++];
    if (byte === undefined) throw new RangeError("The module ends too early.");
    return byte;
  }

  unsigned(): number {
    let result = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      result |= (byte & 127) << shift;
      if (byte < 128) return result >>> 0;
    }
  }

  name(): string {
    const length = this.unsigned();
    this.at += length;
    return decoder.decode(this.bytes.subarray(this.at - length, this.at));
  }

  get rest(): Uint8Array {
    return this.bytes.subarray(this.at);
  }
}

export function readSections(module: Uint8Array): Section[] {
  const reader = new Reader(module, PREAMBLE_BYTES);
  const sections: Section[] = [];
  while (reader.at < module.length) {
    const id = reader.byte();
    const length = reader.unsigned();
    sections.push({ id, body: module.subarray(reader.at, reader.at + length) });
    reader.at += length;
  }
  return sections;
}
