import { archiveInvalid } from "./archive-error.ts";

/**
 * Decompression with the platform's DecompressionStream. In workerd it refuses bytes after the end of the compressed
 * data and a second gzip member; Node tolerates both, so tests of those two run in workerd.
 */

/**
 * Compressed bytes handed over at once. DEFLATE expands up to 1,032 times and workerd inflates what it is given in one
 * go, so this also bounds what waits unread: about 8 MiB.
 */
export const INFLATE_STEP = 8 * 1024;

/**
 * Inflates the pieces of `source`; stop reading to stop the work. The caller counts what comes out.
 *
 * @throws PlatformError ARCHIVE_INVALID where the data is damaged or truncated; errors of `source` as they are
 */
export async function* inflate(
  format: "deflate-raw" | "gzip",
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const { writable, readable } = new DecompressionStream(format);
  const writer: WritableStreamDefaultWriter = writable.getWriter();
  const reader: ReadableStreamDefaultReader<Uint8Array> = readable.getReader();
  let sourceError: Error | undefined;
  const feeding = feed(writer, source, (error) => (sourceError = error));
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      yield value;
    }
  } catch (error) {
    await feeding;
    throw (
      sourceError ??
      archiveInvalid("its compressed data is damaged, truncated or followed by other bytes", { cause: error })
    );
  } finally {
    await reader.cancel().catch(ignoreAfterFailure);
    await feeding;
  }
  if (sourceError) throw sourceError;
}

/** Settles without rejecting: what went wrong arrives at the reader, or through `onSourceError`. */
async function feed(
  writer: WritableStreamDefaultWriter,
  source: AsyncIterable<Uint8Array>,
  onSourceError: (error: Error) => void,
): Promise<void> {
  const pieces = source[Symbol.asyncIterator]();
  for (;;) {
    let piece: IteratorResult<Uint8Array>;
    try {
      piece = await pieces.next();
    } catch (error) {
      onSourceError(error instanceof Error ? error : new Error(String(error)));
      await writer.abort(error).catch(ignoreAfterFailure);
      return;
    }
    try {
      if (piece.done) return await writer.close();
      await writer.write(piece.value);
    } catch (error) {
      // The reader gets the same failure, or has gone away; only the source is left to be closed.
      await pieces.return?.(error);
      return;
    }
  }
}

/** The stream has failed or ended already; its first failure is the one reported. */
function ignoreAfterFailure(): void {}
