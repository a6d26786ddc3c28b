import { PlatformError } from "../../../sdk/contract/errors.ts";
import { open, seal, type Context } from "../../lib/envelope.ts";
import { deletePrefix, listPages } from "../../lib/bucket-pages.ts";
import { sha256Hex } from "../../lib/hex.ts";
import { keyOf } from "../../lib/key-ring.ts";
import { parseManifest, type Chunk, type Manifest } from "./archive-record.ts";
import { openSections, through, type OpenedSections, type SealedSections } from "./section-store.ts";
import { backupKeyRing, type TenantKeyDeps, type TenantKeys } from "./tenant-key-store.ts";

/**
 * Chunks and manifests in R2: sealed, each bound to its backup, place and part, so that what is moved, swapped or
 * changed cannot be opened.
 */
export type ArchiveDeps = TenantKeyDeps;

const INDEX_DIGITS = 6;
const UNKNOWN_KEY = { code: "BACKUP_KEY_UNKNOWN", what: "The backup" } as const;

export function backupPrefix(id: string): string {
  return `backups/${id}/`;
}

export function manifestKey(id: string): string {
  return `${backupPrefix(id)}manifest`;
}

export function chunkKey(id: string, index: number): string {
  return `${backupPrefix(id)}chunks/${String(index).padStart(INDEX_DIGITS, "0")}`;
}

/** Stores sections, which are compressed already. @returns bytes of the stored object */
export async function writeChunk(
  deps: ArchiveDeps,
  id: string,
  index: number,
  part: string,
  { rows, bytes, sealed }: SealedSections,
): Promise<number> {
  const sha256 = await sha256Hex(sealed);
  const metadata = { part, rows: String(rows), bytes: String(bytes), sha256, compressed: "no" };
  return put(deps, chunkKey(id, index), sealed, ["patchbay backup", id, String(index), part], metadata);
}

/** @throws {PlatformError} BACKUP_UNREADABLE, naming the chunk; BACKUP_KEY_UNKNOWN */
export async function readChunk(
  deps: ArchiveDeps,
  id: string,
  index: number,
  chunk: Chunk,
): Promise<Uint8Array<ArrayBuffer>> {
  const what = `chunk ${index} (${chunk.part})`;
  const content = await get(deps, chunkKey(id, index), ["patchbay backup", id, String(index), chunk.part], what);
  if ((await sha256Hex(content)) !== chunk.sha256) {
    throw unreadable(`${what} is another than the manifest says`);
  }
  return content;
}

/**
 * A chunk in sections. Of format 1 it is one, whoever's rows are in it.
 *
 * @throws {PlatformError} BACKUP_UNREADABLE, naming the chunk; BACKUP_KEY_UNKNOWN
 */
export async function readSections(
  deps: ArchiveDeps,
  keys: TenantKeys,
  { id, format }: Pick<Manifest, "id" | "format">,
  index: number,
  chunk: Chunk,
): Promise<OpenedSections> {
  const content = await readChunk(deps, id, index, chunk);
  if (format !== 1) return openSections(keys, { backupId: id, part: chunk.part }, content);
  return { sections: [{ tenantId: "", rows: chunk.rows, content }], erased: new Map(), erasedRows: 0 };
}

/**
 * What was written, in order, from the objects themselves.
 *
 * @param count  chunks that were written
 * @throws {Error} where one is not there
 */
export async function listChunks(
  { env }: ArchiveDeps,
  id: string,
  count: number,
): Promise<{ readonly chunks: readonly Chunk[]; readonly bytes: number }> {
  const chunks: Chunk[] = [];
  let bytes = 0;
  const listed = listPages(env.STORE, { prefix: `${backupPrefix(id)}chunks/`, include: ["customMetadata"] });
  for await (const page of listed) {
    for (const { key, size, customMetadata = {} } of page.slice(0, count - chunks.length)) {
      if (key !== chunkKey(id, chunks.length)) throw new Error(`Chunk ${chunks.length} of backup ${id} is missing.`);
      const { part = "", rows, bytes: plain, sha256 = "" } = customMetadata;
      chunks.push({ part, rows: Number(rows), bytes: Number(plain), sha256 });
      bytes += size;
    }
    if (chunks.length === count) break;
  }
  if (chunks.length < count) throw new Error(`Chunk ${chunks.length} of backup ${id} is missing.`);
  return { chunks, bytes };
}

/** @returns the digest of the manifest, and its stored bytes */
export async function writeManifest(
  deps: ArchiveDeps,
  manifest: Manifest,
): Promise<{ readonly digest: string; readonly bytes: number; readonly keyId: string }> {
  const content = Uint8Array.from(new TextEncoder().encode(JSON.stringify(manifest)));
  const context = ["patchbay backup", manifest.id, "manifest"];
  const bytes = await put(deps, manifestKey(manifest.id), content, context, {});
  return { digest: await sha256Hex(content), bytes, keyId: backupKeyRing(deps.env).current };
}

/**
 * @param digest  that it must have; undefined where nothing but the object itself is known of the backup
 * @throws {PlatformError} BACKUP_UNREADABLE; BACKUP_KEY_UNKNOWN
 */
export async function readManifest(deps: ArchiveDeps, id: string, digest: string | undefined): Promise<Manifest> {
  const content = await get(deps, manifestKey(id), ["patchbay backup", id, "manifest"], "the manifest");
  if (digest !== undefined && (await sha256Hex(content)) !== digest) {
    throw unreadable("the manifest is another than was written");
  }
  return parseManifest(new TextDecoder().decode(content));
}

/** Deletes all objects of a backup, the manifest first, so that what is left of it is no backup. */
export async function deleteBackup({ env }: Pick<ArchiveDeps, "env">, id: string): Promise<void> {
  await env.STORE.delete(manifestKey(id));
  await deletePrefix(env.STORE, backupPrefix(id), Infinity);
}

async function put(
  { env, randomBytes }: ArchiveDeps,
  key: string,
  content: Uint8Array<ArrayBuffer>,
  context: Context,
  customMetadata: Record<string, string>,
): Promise<number> {
  const ring = backupKeyRing(env);
  const sealed = await seal(
    customMetadata["compressed"] === "no" ? content : await through(content, new CompressionStream("gzip")),
    keyOf(ring, ring.current, UNKNOWN_KEY),
    context,
    randomBytes,
  );
  await env.STORE.put(key, sealed, { customMetadata: { ...customMetadata, key: ring.current } });
  return sealed.byteLength;
}

async function get(
  { env }: ArchiveDeps,
  key: string,
  context: Context,
  what: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const object = await env.STORE.get(key);
  if (!object) throw unreadable(`${what} is missing`);
  const ringKey = keyOf(backupKeyRing(env), object.customMetadata?.["key"] ?? "", UNKNOWN_KEY);
  try {
    const content = await open(new Uint8Array(await object.arrayBuffer()), ringKey, context);
    if (object.customMetadata?.["compressed"] === "no") return content;
    return await through(content, new DecompressionStream("gzip"));
  } catch (cause) {
    throw unreadable(`${what} is damaged, or was sealed with another key than it says`, cause);
  }
}

function unreadable(why: string, cause?: unknown): PlatformError {
  return new PlatformError("BACKUP_UNREADABLE", `The backup cannot be read: ${why}.`, { cause });
}
