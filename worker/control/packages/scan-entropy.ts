/** How much of some bytes looks compressed or encrypted. */

export interface DataProfile {
  readonly bytes: number;
  /** Bytes in blocks of high entropy. */
  readonly dense: number;
}

const BLOCK_BYTES = 4 * 1024;
/** Bits per byte. Random blocks of 4 KiB measure about 7.95, machine code below 6.5, text below 5. */
const DENSE_BITS = 7.5;

/** @param sections  pieces of data; what is left of one after whole blocks is not measured */
export function profileData(sections: readonly Uint8Array[]): DataProfile {
  let [bytes, dense] = [0, 0];
  const counts = new Uint32Array(256);
  for (const section of sections) {
    bytes += section.length;
    for (let start = 0; start + BLOCK_BYTES <= section.length; start += BLOCK_BYTES) {
      if (entropy(section.subarray(start, start + BLOCK_BYTES), counts) > DENSE_BITS) dense += BLOCK_BYTES;
    }
  }
  return { bytes, dense };
}

/** Shannon entropy of order 0, in bits per byte. `counts` is scratch space. */
function entropy(block: Uint8Array, counts: Uint32Array): number {
  counts.fill(0);
  for (let index = 0; index < block.length; index++) {
    const byte = block[index] ?? 0;
    counts[byte] = (counts[byte] ?? 0) + 1;
  }
  let sum = 0;
  for (const count of counts) if (count > 0) sum += count * Math.log2(count);
  return Math.log2(block.length) - sum / block.length;
}
