import { PACKAGE_LIMITS } from "../../../../sdk/contract/limits.ts";
import { archiveInvalid, entryInvalid, isBomb, ratioTooLarge } from "./archive-error.ts";
import type { Visit } from "./archive.ts";
import { ByteQueue } from "./byte-queue.ts";
import { INFLATE_STEP, inflate } from "./inflate.ts";
import { readRange, type RandomAccess } from "./random-access.ts";
import { decodeTarText, readPax, readTarHeader, REFUSED_TYPES, TAR_BLOCK, type TarHeader } from "./tar-header.ts";

/** Content of a gzip-compressed tar archive, read once from front to back. */

/** A long name or a pax header: room for a path and times, not for a payload. */
const EXTENSION_MAX_BYTES = 64 * 1024;

interface Extension {
  name?: string;
  size?: number;
}

/**
 * Visits every entry in the order of the file.
 *
 * @throws PlatformError ARCHIVE_INVALID, PACKAGE_TOO_LARGE
 */
export async function walkTarGz(access: RandomAccess, visit: Visit): Promise<void> {
  const queue = new ByteQueue(gunzip(access));
  try {
    await walkTar(queue, visit);
  } finally {
    await queue.close();
  }
}

async function* gunzip(access: RandomAccess): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of inflate("gzip", readRange(access, 0, access.size, INFLATE_STEP))) {
    bytes += chunk.length;
    if (isBomb(access.size, bytes)) throw ratioTooLarge(undefined, access.size, bytes);
    yield chunk;
  }
}

async function walkTar(queue: ByteQueue, visit: Visit): Promise<void> {
  let extension: Extension = {};
  for (let number = 1; ; number++) {
    const block = await block512(queue, number);
    if (isZero(block)) return endOfArchive(queue, number);
    // Every entry may bring one long name and one pax header of its own.
    if (number > PACKAGE_LIMITS.entries * 3) throw archiveInvalid(`it has more than ${PACKAGE_LIMITS.entries} entries`);
    const header = readTarHeader(block, number);
    if (header.type === "x" || header.type === "L" || header.type === "g") {
      extension = await readExtension(queue, header, number, extension);
      continue;
    }
    await readEntry(queue, header, extension, visit);
    extension = {};
  }
}

async function readEntry(queue: ByteQueue, header: TarHeader, extension: Extension, visit: Visit): Promise<void> {
  const name = extension.name ?? header.name;
  if (extension.size !== undefined && extension.size !== header.bytes) {
    throw entryInvalid(name, `its header says ${header.bytes} bytes, its pax header ${extension.size}`);
  }
  const folder = header.type === "5";
  if (!folder && header.type !== "0") {
    throw entryInvalid(
      name,
      `it is ${REFUSED_TYPES[header.type] ?? `of the unknown type ${JSON.stringify(header.type)}`}`,
    );
  }
  if (folder && header.bytes !== 0) throw entryInvalid(name, "it is a folder with content");
  if (!folder && name.endsWith("/")) throw entryInvalid(name, "it is marked as a file but named like a folder");
  const { bytes, executable } = header;
  const sink = visit({ name, folder, bytes, executable: executable && !folder }) ?? ignore;
  if (!(await queue.forward(bytes, sink))) throw entryInvalid(name, "the archive is truncated inside it");
  await skipPadding(queue, bytes, name);
}

function ignore(): void {}

async function readExtension(
  queue: ByteQueue,
  header: TarHeader,
  number: number,
  extension: Extension,
): Promise<Extension> {
  if (header.bytes > EXTENSION_MAX_BYTES) {
    throw archiveInvalid(
      `its header ${number} has ${header.bytes} bytes of extensions; the limit is ${EXTENSION_MAX_BYTES}`,
    );
  }
  const content = await queue.take(header.bytes);
  if (!content) throw archiveInvalid(`it is truncated in header ${number}`);
  await skipPadding(queue, header.bytes, header.name);
  if (header.type === "L") {
    const end = content.indexOf(0);
    return named(extension, decodeTarText(end === -1 ? content : content.subarray(0, end), number), number);
  }
  const records = readPax(content, number);
  if (header.type === "g" && (records.path !== undefined || records.size !== undefined)) {
    throw archiveInvalid(`its header ${number} gives every entry the same path or size`);
  }
  const withSize = records.size === undefined ? extension : { ...extension, size: records.size };
  return records.path === undefined ? withSize : named(withSize, records.path, number);
}

function named(extension: Extension, name: string, number: number): Extension {
  if (extension.name !== undefined) throw archiveInvalid(`its header ${number} gives an entry a second name`);
  return { ...extension, name };
}

async function block512(queue: ByteQueue, number: number): Promise<Uint8Array> {
  const block = await queue.take(TAR_BLOCK);
  if (!block) throw archiveInvalid(`it is truncated: no end mark after header ${number - 1}`);
  return block;
}

async function skipPadding(queue: ByteQueue, bytes: number, name: string): Promise<void> {
  const padding = await queue.take((TAR_BLOCK - (bytes % TAR_BLOCK)) % TAR_BLOCK);
  if (!padding) throw entryInvalid(name, "the archive is truncated after it");
  if (!isZero(padding)) throw entryInvalid(name, "it is followed by bytes that belong to no entry");
}

/** Two blocks of zeros end an archive; writers pad with more, and nothing else may follow. */
async function endOfArchive(queue: ByteQueue, number: number): Promise<void> {
  const second = await block512(queue, number);
  let clean = isZero(second);
  await queue.drain((chunk) => {
    clean &&= isZero(chunk);
  });
  if (!clean) throw archiveInvalid("other bytes follow its end mark");
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}
