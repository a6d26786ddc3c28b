import { PlatformError } from "../../../sdk/contract/errors.ts";
import { byteSegments } from "../../lib/byte-segments.ts";
import { open, seal, type Context } from "../../lib/envelope.ts";
import { errorText } from "../../lib/error-text.ts";
import { toHex } from "../../lib/hex.ts";
import { logError } from "../../lib/json-log.ts";
import { keyOf, parseKeyRing, type KeyRing } from "../../lib/key-ring.ts";

/**
 * Copies of content-addressed objects (packages, modules, files), sealed, one for all backups that need it: a backup copies only
 * what is new. Sealed in segments, so that memory is bounded; each is bound to its place.
 */
export interface BlobDeps {
  readonly env: Pick<Env, "STORE" | "BACKUP_KEYS">;
  readonly randomBytes: (length: number) => Uint8Array;
}

const SEGMENT_BYTES = 4 * 1024 * 1024;
/** What sealing adds to a segment: two nonces, a wrapped key, two tags. */
const SEALED_EXTRA = 88;

export interface Blob {
  /** SHA-256, hexadecimal. */
  readonly digest: string;
  /** Where the object is in the store. */
  readonly key: string;
}

export function blobKey(digest: string): string {
  return `backups/blobs/${digest}`;
}

export function backupKeyRing(env: Pick<Env, "BACKUP_KEYS">): KeyRing {
  return parseKeyRing("BACKUP_KEYS", env.BACKUP_KEYS);
}

/**
 * Copies an object, unless there is a copy sealed with the current key.
 *
 * @returns `missing` where neither the object nor a copy is there; `damaged` where the object has another digest and was not copied
 */
export async function keepBlob(
  deps: BlobDeps,
  { digest, key }: Blob,
): Promise<"kept" | "there" | "missing" | "damaged"> {
  const { STORE } = deps.env;
  const ring = backupKeyRing(deps.env);
  const copy = await STORE.head(blobKey(digest));
  if (copy?.customMetadata?.["key"] === ring.current) return "there";
  const object = await STORE.get(key);
  if (!object) return copy ? "there" : "missing";
  const segments = Math.max(1, Math.ceil(object.size / SEGMENT_BYTES));
  const hash = new crypto.DigestStream("SHA-256");
  async function* sealed(): AsyncGenerator<Uint8Array> {
    const writer = hash.getWriter();
    let index = 0;
    for await (const segment of byteSegments((object as R2ObjectBody).body, SEGMENT_BYTES)) {
      // checked above
      await writer.write(segment);
      yield await seal(
        segment,
        keyOf(ring, ring.current, UNKNOWN_KEY),
        contextOf(digest, index++, segments),
        deps.randomBytes,
      );
    }
    await writer.close();
    if (toHex(await hash.digest) !== digest) throw new Damaged();
  }
  const metadata = { key: ring.current, size: String(object.size), segments: String(segments), source: key };
  try {
    await putStream(STORE, blobKey(digest), object.size + segments * SEALED_EXTRA, sealed(), {
      customMetadata: metadata,
    });
    return "kept";
  } catch (error) {
    if (error instanceof Damaged) return copy ? "there" : "damaged";
    throw error;
  }
}

/**
 * Puts an object back from its copy. What is put is what the digest says: the store refuses anything else.
 *
 * @param target  where to; absent: where it was
 * @returns false where there is no copy, or none that can be read
 */
export async function restoreBlob(deps: BlobDeps, digest: string, target?: string): Promise<boolean> {
  const { STORE } = deps.env;
  const copy = await STORE.get(blobKey(digest));
  const { size, source } = copy?.customMetadata ?? {};
  if (!copy || size === undefined || source === undefined) return false;
  try {
    await putStream(STORE, target ?? source, Number(size), openBlob(deps, digest, copy), { sha256: digest });
    return true;
  } catch (error) {
    logError("backup.blob-unreadable", { digest, error: errorText(error) });
    return false;
  }
}

/** @throws where the copy is not what was sealed */
async function* openBlob(deps: BlobDeps, digest: string, copy: R2ObjectBody): AsyncGenerator<Uint8Array> {
  const { key = "", segments = "" } = copy.customMetadata ?? {};
  const ringKey = keyOf(backupKeyRing(deps.env), key, UNKNOWN_KEY);
  let index = 0;
  for await (const segment of byteSegments(copy.body, SEGMENT_BYTES + SEALED_EXTRA)) {
    yield await open(segment, ringKey, contextOf(digest, index++, Number(segments)));
  }
}

/** @throws {PlatformError} BACKUP_UNREADABLE where there is no copy, or it is not what was kept */
export async function proveBlob(deps: BlobDeps, digest: string): Promise<void> {
  const copy = await deps.env.STORE.get(blobKey(digest));
  if (!copy) throw new PlatformError("BACKUP_UNREADABLE", `The copy of ${digest} is missing.`);
  const hash = new crypto.DigestStream("SHA-256");
  const writer = hash.getWriter();
  try {
    for await (const segment of openBlob(deps, digest, copy)) await writer.write(segment);
  } catch (cause) {
    if (cause instanceof PlatformError) throw cause;
    throw new PlatformError("BACKUP_UNREADABLE", `The copy of ${digest} is damaged.`, { cause });
  }
  await writer.close();
  const found = toHex(await hash.digest);
  if (found !== digest) throw new PlatformError("BACKUP_UNREADABLE", `The copy of ${digest} has digest ${found}.`);
}

const UNKNOWN_KEY = { code: "BACKUP_KEY_UNKNOWN", what: "The backup" } as const;

class Damaged extends Error {
  override readonly name = "Damaged";
}

function contextOf(digest: string, index: number, segments: number): Context {
  return ["patchbay backup blob", digest, String(index), String(segments)];
}

/** Stores what is made while it is sent. Where making it fails nothing is stored. */
async function putStream(
  bucket: R2Bucket,
  key: string,
  bytes: number,
  content: AsyncIterable<Uint8Array>,
  options: R2PutOptions,
): Promise<void> {
  const { readable, writable } = new FixedLengthStream(bytes);
  const writer = writable.getWriter();
  let failure: Error | undefined;
  const writing = (async () => {
    for await (const piece of content) await writer.write(piece);
    await writer.close();
  })().catch(async (error: unknown) => {
    failure ??= error instanceof Error ? error : new Error(errorText(error));
    await writer.abort(error).catch(() => undefined); // ended already where the store gave up first
  });
  try {
    await bucket.put(key, readable, options);
  } catch (error) {
    throw failure ?? error;
  } finally {
    await writer.abort().catch(() => undefined); // else the writing waits for a store that wants no more
    await writing;
  }
  if (failure) throw failure;
}
