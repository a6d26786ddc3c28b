import { toHex } from "../../lib/hex.ts";
import type { RandomAccess } from "./archive/random-access.ts";
import type { StoredBytes } from "./incoming-store.ts";

/** Immutable objects under the digest of their content: packages, modules as uploaded, modules as rewritten. */

export function packageKey(digest: string): string {
  return `packages/${digest}`;
}

/** Large puts go in pieces, so that the runtime copies one piece and not the whole. */
const PIECE_BYTES = 1024 * 1024;

/** SHA-256 of pieces, hexadecimal. */
export async function digestOf(pieces: Iterable<Uint8Array>): Promise<string> {
  const hash = new crypto.DigestStream("SHA-256");
  const writer = hash.getWriter();
  for (const piece of pieces) await writer.write(piece);
  await writer.close();
  return toHex(await hash.digest);
}

/**
 * Stores content under a key that names its digest, unless it is there already. The store checks the digest. What is there
 * and is something else, by size or by the store's own checksum, is replaced.
 *
 * @param blob      key, digest and size of the whole content
 * @param content   all of it, or its pieces in order
 * @param metadata  kept with the object
 */
export async function putBlob(
  bucket: R2Bucket,
  { key, digest, size }: StoredBytes,
  content: Uint8Array | Iterable<Uint8Array>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const known = await bucket.head(key);
  if (known && isSame(known, digest, size)) return;
  const onlyIf = writeOver(known);
  const put = async (body: Uint8Array | ReadableStream): Promise<void> => {
    await bucket.put(key, body, { sha256: digest, onlyIf, customMetadata: { ...metadata } });
  };
  if (content instanceof Uint8Array) return put(content);
  const { readable, writable } = new FixedLengthStream(size);
  const writer = writable.getWriter();
  let failure: Error | undefined;
  const writing = writePieces(writer, content).catch(async (error: unknown) => {
    failure = asError(error);
    await writer.abort(error).catch(ignoreEnded); // else the store waits for the rest
  });
  try {
    await put(readable);
  } catch (error) {
    throw failure ?? asError(error);
  } finally {
    await writer.abort().catch(ignoreEnded); // where the store wanted nothing, else the writing waits for it
    await writing;
  }
}

/** Of several writers one writes. */
function writeOver(known: R2Object | null): R2Conditional {
  return known ? { etagMatches: known.etag } : { etagDoesNotMatch: "*" };
}

/** As far as the store knows without reading it. */
function isSame({ size, checksums }: R2Object, digest: string, expected: number): boolean {
  return size === expected && (checksums.sha256 === undefined || toHex(checksums.sha256) === digest);
}

async function writePieces(writer: WritableStreamDefaultWriter, pieces: Iterable<Uint8Array>): Promise<void> {
  for (const piece of pieces) {
    for (let start = 0; start < piece.length; start += PIECE_BYTES) {
      await writer.write(piece.subarray(start, start + PIECE_BYTES));
    }
  }
  await writer.close();
}

/** A stream that has ended cannot be aborted, and need not be. */
function ignoreEnded(): void {}

/** Copies received bytes to the key that names their digest, unless it is there already: see {@link putBlob}. */
export async function keepReceived(
  bucket: R2Bucket,
  { key, digest, size }: StoredBytes,
  target: string,
): Promise<void> {
  const known = await bucket.head(target);
  if (known && isSame(known, digest, size)) return;
  const object = await bucket.get(key);
  if (!object) throw new Error(`The received object ${key} is gone.`);
  await bucket.put(target, object.body, { sha256: digest, onlyIf: writeOver(known) });
}

/** A stored object as bytes to read at any place. */
export function objectAccess(bucket: R2Bucket, { key, size }: StoredBytes): RandomAccess {
  return {
    size,
    async read(offset, length) {
      if (length === 0) return new Uint8Array(0); // R2 takes no empty ranges
      const object = await bucket.get(key, { range: { offset, length } });
      const bytes = object && new Uint8Array(await object.arrayBuffer());
      if (bytes?.length !== length) throw new Error(`The received object ${key} cannot be read at byte ${offset}.`);
      return bytes;
    },
  };
}

/** A whole object. */
export async function readObject(bucket: R2Bucket, { key, size }: StoredBytes): Promise<Uint8Array> {
  const object = await bucket.get(key);
  const bytes = object && new Uint8Array(await object.arrayBuffer());
  if (bytes?.length !== size) throw new Error(`The received object ${key} cannot be read.`);
  return bytes;
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
