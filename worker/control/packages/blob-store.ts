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
 * Stores pieces under a key that names their digest, unless they are there already. The store checks the digest.
 *
 * @param blob      key, digest and size of all pieces together
 * @param metadata  kept with the object
 */
export async function putBlob(
  bucket: R2Bucket,
  { key, digest, size }: StoredBytes,
  pieces: Iterable<Uint8Array>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  if (await bucket.head(key)) return;
  const { readable, writable } = new FixedLengthStream(size);
  const [writing, putting] = await Promise.allSettled([
    writePieces(writable, pieces),
    bucket.put(key, readable, {
      sha256: digest,
      onlyIf: { etagDoesNotMatch: "*" },
      customMetadata: { ...metadata },
    }),
  ]);
  // Where the put fails, the writing fails because of it.
  if (putting.status === "rejected") throw asError(putting.reason);
  if (writing.status === "rejected" && putting.value !== null) throw asError(writing.reason);
}

async function writePieces(writable: WritableStream<Uint8Array>, pieces: Iterable<Uint8Array>): Promise<void> {
  const writer = writable.getWriter();
  for (const piece of pieces) {
    for (let start = 0; start < piece.length; start += PIECE_BYTES) {
      await writer.write(piece.subarray(start, start + PIECE_BYTES));
    }
  }
  await writer.close();
}

/** Copies received bytes to the key that names their digest, unless it is there already. */
export async function keepReceived(bucket: R2Bucket, { key, digest }: StoredBytes, target: string): Promise<void> {
  if (await bucket.head(target)) return;
  const object = await bucket.get(key);
  if (!object) throw new Error(`The received object ${key} is gone.`);
  await bucket.put(target, object.body, { sha256: digest, onlyIf: { etagDoesNotMatch: "*" } });
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
