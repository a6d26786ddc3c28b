/** Builds modules byte by byte, for what no assembler would write. */
export const HEADER: readonly number[] = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

/** A section with its number and size; contents up to 127 bytes. */
export function section(id: number, contents: readonly number[]): number[] {
  if (contents.length > 127) throw new RangeError("section is too long for this builder");
  return [id, contents.length, ...contents];
}

/** A name: its length and its bytes. */
export function text(name: string): number[] {
  return [name.length, ...new TextEncoder().encode(name)];
}

export function bytes(...parts: readonly (readonly number[])[]): Uint8Array {
  return Uint8Array.from(parts.flat());
}
