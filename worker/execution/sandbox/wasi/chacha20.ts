/** The ChaCha20 key stream (RFC 8439, §2.3) as a source of random bytes that a recorded seed repeats. */

const BLOCK_BYTES = 64;
const KEY_BYTES = 32;
const ROUNDS = 10;
/** "expand 32-byte k", little-endian. */
const CONSTANTS = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const;
/** Columns, then diagonals, of one double round. */
const QUARTERS = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const;

export class ChaCha20Stream {
  readonly #state = new Uint32Array(16);
  readonly #block = new Uint8Array(BLOCK_BYTES);
  /** Bytes of the block already given out. */
  #spent = BLOCK_BYTES;

  /** @param seed  32 bytes; the nonce is zero and blocks are counted from 0 */
  constructor(seed: Uint8Array) {
    if (seed.byteLength !== KEY_BYTES) throw new RangeError(`The seed has ${seed.byteLength} bytes, not ${KEY_BYTES}.`);
    this.#state.set(CONSTANTS, 0);
    const key = new DataView(seed.buffer, seed.byteOffset, seed.byteLength);
    for (let word = 0; word < 8; word += 1) this.#state[4 + word] = key.getUint32(word * 4, true);
  }

  /** Fills the target with the next bytes of the stream. */
  read(target: Uint8Array): void {
    let filled = 0;
    while (filled < target.byteLength) {
      if (this.#spent === BLOCK_BYTES) this.#nextBlock();
      const part = this.#block.subarray(this.#spent, this.#spent + target.byteLength - filled);
      target.set(part, filled);
      filled += part.byteLength;
      this.#spent += part.byteLength;
    }
  }

  #nextBlock(): void {
    const words = Uint32Array.from(this.#state);
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [a, b, c, d] of QUARTERS) quarterRound(words, a, b, c, d);
    }
    const out = new DataView(this.#block.buffer);
    for (let word = 0; word < 16; word += 1) {
      out.setUint32(word * 4, wordAt(words, word) + wordAt(this.#state, word), true);
    }
    this.#spent = 0;
    // A 64-bit counter in words 12 and 13: the original's layout, equal to the RFC's with a zero nonce for 256 GiB.
    this.#state[12] = wordAt(this.#state, 12) + 1;
    if (this.#state[12] === 0) this.#state[13] = wordAt(this.#state, 13) + 1;
  }
}

function quarterRound(words: Uint32Array, a: number, b: number, c: number, d: number): void {
  words[a] = wordAt(words, a) + wordAt(words, b);
  words[d] = rotate(wordAt(words, d) ^ wordAt(words, a), 16);
  words[c] = wordAt(words, c) + wordAt(words, d);
  words[b] = rotate(wordAt(words, b) ^ wordAt(words, c), 12);
  words[a] = wordAt(words, a) + wordAt(words, b);
  words[d] = rotate(wordAt(words, d) ^ wordAt(words, a), 8);
  words[c] = wordAt(words, c) + wordAt(words, d);
  words[b] = rotate(wordAt(words, b) ^ wordAt(words, c), 7);
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/** The index is always inside; the fallback is for the type only. */
function wordAt(words: Uint32Array, index: number): number {
  return words[index] ?? 0;
}
