/** Drawn at once: more than a call needs for its trace, its id and its seed together. */
const POOL_BYTES = 96;

/**
 * Random bytes for one request, drawn from the platform in one go: each draw costs as much as many bytes.
 *
 * @param draw  fills an array with random bytes
 * @returns a source whose bytes are never given twice
 */
export function randomPool(
  draw: (bytes: Uint8Array<ArrayBuffer>) => void,
): (length: number) => Uint8Array<ArrayBuffer> {
  let pool = new Uint8Array(0);
  let used = 0;
  return (length) => {
    if (used + length > pool.length) {
      pool = new Uint8Array(Math.max(POOL_BYTES, length));
      draw(pool);
      used = 0;
    }
    used += length;
    return pool.slice(used - length, used);
  };
}
