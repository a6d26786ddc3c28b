const ENCODER = new TextEncoder();
/** Without state between calls: nothing is ever decoded in parts. */
const DECODER = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });

const STRICT_DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Guest text kept in a failure's detail, in bytes. */
export const DETAIL_BYTES = 4_096;

/** @returns UTF-8 text; what is not UTF-8 becomes U+FFFD */
export function decodeText(bytes: Uint8Array): string {
  return DECODER.decode(bytes);
}

/** @returns undefined for bytes that are not UTF-8, where different bytes must not become the same text */
export function decodeStrictly(bytes: Uint8Array): string | undefined {
  try {
    return STRICT_DECODER.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

export function encodeText(text: string): Uint8Array {
  return ENCODER.encode(text);
}

/**
 * Cuts UTF-8 at a length without leaving half a character.
 *
 * @returns at most `length` bytes from the start
 */
export function cutText(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.byteLength <= length) return bytes;
  let end = length;
  // A continuation byte at the cut means that the character began before it.
  while (end > 0 && end > length - 3 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end);
}

/** A name chosen by somebody else, quoted and short enough for one sentence. */
export function quoteName(name: string): string {
  return JSON.stringify(name.length > 64 ? `${name.slice(0, 64)}…` : name);
}
