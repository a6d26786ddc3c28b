import { PlatformError } from "../../../sdk/contract/errors.ts";
import { byteSegments } from "../../lib/byte-segments.ts";
import { open, seal, type Context } from "../../lib/envelope.ts";
import { errorText } from "../../lib/error-text.ts";
import { toHex } from "../../lib/hex.ts";
import { logError } from "../../lib/json-log.ts";
import { keyOf } from "../../lib/key-ring.ts";
import { backupKeyRing, TenantKeys, type TenantKeyDeps } from "./tenant-key-store.ts";

export { backupKeyRing } from "./tenant-key-store.ts";

/**
 * Copies of content-addressed objects, sealed, one for all backups that need it: a backup copies only what is new. Packages,
 * modules and their files are sealed with BACKUP_KEYS; what a tenant's plugins stored is kept for each tenant and sealed with its
 * key. Sealed in segments, so that memory is bounded; each is bound to its place.
 */
export type BlobDeps = TenantKeyDeps;

const SEGMENT_BYTES = 4 * 1024 * 1024;
/** What sealing adds to a segment: two nonces, a wrapped key, two tags. */
const SEALED_EXTRA = 88;

export interface Blob {
  /** SHA-256, hexadecimal. */
  readonly digest: string;
  /** Where the object is in the store. */
  readonly key: string;
}

/** Where the copy of a shared object is. */
export function blobKey(digest: string): string {
  return `backups/blobs/${digest}`;
}

/** What is below are copies of what the tenant's plugins stored. */
export function tenantBlobPrefix(tenantId: string): string {
  return `backups/blobs/${tenantId}/`;
}

/** Whose it is, where it is no package: only what plugins stored is a tenant's by its key. */
function ownerOf({ key }: Pick<Blob, "key">): string | undefined {
  return /^plugin-files\/([^/]+)\//.exec(key)?.[1];
}

/** Where its copy may be, the place that new ones get first. Copies of before tenants had keys are all in one place. */
export function placesOf(blob: Blob): readonly string[] {
  const owner = ownerOf(blob);
  return [...(owner === undefined ? [] : [tenantBlobPrefix(owner) + blob.digest]), blobKey(blob.digest)];
}

/**
 * Copies an object, unless there is a copy sealed with the current key.
 *
 * @returns `missing` where neither the object nor a copy is there; `damaged` where the object has another digest and was not copied
 */
export async function keepBlob(
  deps: BlobDeps,
  blob: Blob,
  keys = new TenantKeys(deps),
): Promise<"kept" | "there" | "missing" | "damaged"> {
  const { STORE } = deps.env;
  const { digest, key } = blob;
  const owner = ownerOf(blob);
  const place = placesOf(blob)[0] ?? blobKey(digest);
  const { current } = backupKeyRing(deps.env);
  const copy = await STORE.head(place);
  if (copy && (owner !== undefined || copy.customMetadata?.["key"] === current)) return "there";
  const sealing = owner === undefined ? ringKeyOf(deps, current) : await keys.toSeal(owner);
  const object = "erasedAt" in sealing ? null : await STORE.get(key);
  if (!object || "erasedAt" in sealing) return copy ? "there" : "missing";
  const segments = Math.max(1, Math.ceil(object.size / SEGMENT_BYTES));
  const hash = new crypto.DigestStream("SHA-256");
  async function* sealed(body: ReadableStream<Uint8Array>, ringKey: Uint8Array<ArrayBuffer>) {
    const writer = hash.getWriter();
    let index = 0;
    for await (const segment of byteSegments(body, SEGMENT_BYTES)) {
      await writer.write(segment);
      yield await seal(segment, ringKey, contextOf(digest, index++, segments), deps.randomBytes);
    }
    await writer.close();
    if (toHex(await hash.digest) !== digest) throw new Damaged();
  }
  const metadata = { key: current, size: String(object.size), segments: String(segments), source: key };
  try {
    await putStream(STORE, place, object.size + segments * SEALED_EXTRA, sealed(object.body, sealing.key), {
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
 * @returns `lost` where there is no copy, or none that can be read; `erased` where it went with the tenant whose it was
 */
export async function restoreBlob(
  deps: BlobDeps,
  blob: Blob,
  target?: string,
  keys = new TenantKeys(deps),
): Promise<"restored" | "lost" | "erased"> {
  const copy = await findCopy(deps, blob, keys);
  if (copy === "erased") return "erased";
  const { size, source } = copy?.object.customMetadata ?? {};
  if (!copy || size === undefined || source === undefined) return "lost";
  try {
    const put = { sha256: blob.digest };
    await putStream(deps.env.STORE, target ?? source, Number(size), openBlob(blob.digest, copy), put);
    return "restored";
  } catch (error) {
    logError("backup.blob-unreadable", { digest: blob.digest, error: errorText(error) });
    return "lost";
  }
}

interface Copy {
  readonly object: R2ObjectBody;
  readonly ringKey: Uint8Array<ArrayBuffer>;
}

async function findCopy(deps: BlobDeps, blob: Blob, keys: TenantKeys): Promise<Copy | "erased" | undefined> {
  const owner = ownerOf(blob);
  for (const place of placesOf(blob)) {
    const object = await deps.env.STORE.get(place);
    if (!object) continue;
    if (object.customMetadata?.["erased"] !== undefined) return "erased";
    const own = owner !== undefined && place !== blobKey(blob.digest);
    const key = own ? await keys.toOpen(owner) : ringKeyOf(deps, object.customMetadata?.["key"] ?? "");
    return "erasedAt" in key ? "erased" : { object, ringKey: key.key };
  }
  return undefined;
}

function ringKeyOf({ env }: BlobDeps, id: string): { readonly key: Uint8Array<ArrayBuffer> } {
  return { key: keyOf(backupKeyRing(env), id, UNKNOWN_KEY) };
}

/** @throws where the copy is not what was sealed */
async function* openBlob(digest: string, { object, ringKey }: Copy): AsyncGenerator<Uint8Array> {
  const segments = Number(object.customMetadata?.["segments"] ?? "");
  let index = 0;
  for await (const segment of byteSegments(object.body, SEGMENT_BYTES + SEALED_EXTRA)) {
    yield await open(segment, ringKey, contextOf(digest, index++, segments));
  }
}

/**
 * A copy that went with its tenant proves nothing and is none the worse for it.
 *
 * @throws {PlatformError} BACKUP_UNREADABLE where there is no copy, or it is not what was kept
 */
export async function proveBlob(deps: BlobDeps, blob: Blob, keys: TenantKeys): Promise<void> {
  const { digest } = blob;
  const copy = await findCopy(deps, blob, keys);
  if (copy === "erased") return;
  if (!copy) throw new PlatformError("BACKUP_UNREADABLE", `The copy of ${digest} is missing.`);
  const hash = new crypto.DigestStream("SHA-256");
  const writer = hash.getWriter();
  try {
    for await (const segment of openBlob(digest, copy)) await writer.write(segment);
  } catch (cause) {
    if (cause instanceof PlatformError) throw cause;
    throw new PlatformError("BACKUP_UNREADABLE", `The copy of ${digest} is damaged.`, { cause });
  }
  await writer.close();
  const found = toHex(await hash.digest);
  if (found !== digest) throw new PlatformError("BACKUP_UNREADABLE", `The copy of ${digest} has digest ${found}.`);
}

/** Puts a note in the place of a copy, so that backups that name it can be told from damaged ones. */
export async function eraseBlob({ env }: Pick<BlobDeps, "env">, digest: string, now: number): Promise<void> {
  if (!(await env.STORE.head(blobKey(digest)))) return;
  await env.STORE.put(blobKey(digest), new Uint8Array(0), { customMetadata: { erased: String(now) } });
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
