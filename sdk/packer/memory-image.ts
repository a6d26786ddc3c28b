/** The shadow stack of the engine lies below this address (its link option `stack-size`); between calls it holds nothing. */
const STACK_TOP = 1_048_576;
/** Zeros between two runs that cost less as bytes than as a segment of their own. */
const SMALLEST_GAP = 16;
const WORD = 4;

export interface Segment {
  readonly start: number;
  readonly bytes: Uint8Array;
}

/**
 * The data segments that make a memory what it is now.
 *
 * @param memory  all of it, whole pages
 */
export function segmentsOf(memory: Uint8Array): Segment[] {
  const words = new Uint32Array(memory.buffer, memory.byteOffset, memory.length / WORD);
  const segments: Segment[] = [];
  let at = STACK_TOP / WORD;
  while (at < words.length) {
    if (words[at] === 0) {
      at++;
      continue;
    }
    const first = at;
    let last = at;
    for (; at < words.length && at - last <= SMALLEST_GAP / WORD; at++) if (words[at] !== 0) last = at;
    segments.push({ start: first * WORD, bytes: memory.slice(first * WORD, (last + 1) * WORD) });
    at = last + 1;
  }
  return segments;
}
