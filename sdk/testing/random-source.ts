/** Bytes that are the same in every run of a test: xorshift128 (Marsaglia 2003), seeded by a whole number. */
export function randomSource(seed: number): (length: number) => Uint8Array<ArrayBuffer> {
  const state = Uint32Array.of(seed ^ 0x9e3779b9, seed + 0x85ebca6b, ~seed, 0xc2b2ae35);
  const next = (): number => {
    const [x = 0, , , w = 0] = state;
    const mixed = x ^ (x << 11);
    state.copyWithin(0, 1);
    state[3] = w ^ (w >>> 19) ^ (mixed ^ (mixed >>> 8));
    return state[3] ?? 0;
  };
  return (length) => Uint8Array.from({ length }, () => next() & 0xff);
}
