/** CRC-32 as in ZIP and gzip (ISO 3309, reflected polynomial 0xEDB88320). */

const TABLE = Uint32Array.from({ length: 256 }, (_unused, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/**
 * @param bytes     the next bytes
 * @param previous  the checksum of what came before them; 0 at the start
 * @returns the checksum as an unsigned 32-bit integer
 */
export function crc32(bytes: Uint8Array, previous = 0): number {
  let value = ~previous;
  for (let index = 0; index < bytes.length; index++) {
    value = (value >>> 8) ^ (TABLE[(value ^ (bytes[index] ?? 0)) & 0xff] ?? 0);
  }
  return ~value >>> 0;
}
