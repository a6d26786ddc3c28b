/**
 * A stream's bytes in segments of one length; only the last may be shorter. An empty stream has one empty segment.
 *
 * @param most  bytes of a segment, which is what is held at once
 */
export async function* byteSegments(
  stream: ReadableStream<Uint8Array>,
  most: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let segment = new Uint8Array(most);
  let filled = 0;
  let yielded = false;
  for await (let chunk of stream) {
    while (chunk.byteLength > 0) {
      const taken = chunk.subarray(0, most - filled);
      segment.set(taken, filled);
      filled += taken.byteLength;
      chunk = chunk.subarray(taken.byteLength);
      if (filled < most) continue;
      yield segment;
      yielded = true;
      segment = new Uint8Array(most);
      filled = 0;
    }
  }
  if (filled > 0 || !yielded) yield segment.subarray(0, filled);
}
