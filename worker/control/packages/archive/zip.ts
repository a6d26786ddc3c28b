import { archiveInvalid, entryInvalid, isBomb, ratioTooLarge } from "./archive-error.ts";
import type { Visit } from "./archive.ts";
import { crc32 } from "./crc32.ts";
import { INFLATE_STEP, inflate } from "./inflate.ts";
import { readRange, type RandomAccess } from "./random-access.ts";
import { checkExtra, FLAG_DESCRIPTOR, readZipDirectory, viewOf, type ZipEntry } from "./zip-directory.ts";

/**
 * Content of a ZIP archive. Local headers must repeat what the directory says, and entries must fill the file from its
 * first byte to the directory: nothing overlaps, nothing hides in between.
 */

const LOCAL_SIGNATURE = 0x04034b50;
const LOCAL_BYTES = 30;
const DESCRIPTOR_SIGNATURE = 0x08074b50;
const DESCRIPTOR_BYTES = 12;
const READ_STEP = 256 * 1024;

/**
 * Visits every entry in the order of the file; content that no visitor wants is not inflated.
 *
 * @throws PlatformError ARCHIVE_INVALID
 */
export async function walkZip(access: RandomAccess, visit: Visit): Promise<void> {
  const directory = await readZipDirectory(access);
  const entries = [...directory.entries].sort((a, b) => a.localOffset - b.localOffset);
  for (const entry of entries) {
    if (isBomb(entry.packed, entry.unpacked)) throw ratioTooLarge(entry.name, entry.packed, entry.unpacked);
  }
  let position = 0;
  for (const [index, entry] of entries.entries()) {
    const next = entries[index + 1]?.localOffset ?? directory.start;
    if (entry.localOffset !== position) throw misplaced(entry, position);
    const dataStart = await readLocalHeader(access, entry, next);
    const sink = visit({ name: entry.name, folder: entry.folder, bytes: entry.unpacked, executable: entry.executable });
    if (sink) await extract(access, entry, dataStart, sink);
    position = await readDescriptor(access, entry, dataStart + entry.packed, next);
  }
  if (position !== directory.start) {
    throw archiveInvalid(`${directory.start - position} bytes before its directory belong to no entry`);
  }
}

function misplaced(entry: ZipEntry, position: number): Error {
  const difference = entry.localOffset - position;
  return entryInvalid(
    entry.name,
    difference < 0
      ? `it overlaps the entry before it by ${-difference} bytes`
      : `${difference} bytes before it belong to no entry`,
  );
}

/** @returns where the entry's data begins */
async function readLocalHeader(access: RandomAccess, entry: ZipEntry, limit: number): Promise<number> {
  const { localOffset, name } = entry;
  if (limit - localOffset < LOCAL_BYTES) throw entryInvalid(name, "its local header is cut off");
  const view = viewOf(await access.read(localOffset, LOCAL_BYTES));
  if (view.getUint32(0, true) !== LOCAL_SIGNATURE)
    throw entryInvalid(name, "it has no local header where the directory says");
  const [nameLength, extraLength] = [view.getUint16(26, true), view.getUint16(28, true)];
  const dataStart = localOffset + LOCAL_BYTES + nameLength + extraLength;
  if (dataStart + entry.packed > limit) throw entryInvalid(name, "it overlaps what comes after it");
  const rest = await access.read(localOffset + LOCAL_BYTES, nameLength + extraLength);
  const sameName =
    nameLength === entry.nameBytes.length && entry.nameBytes.every((byte, index) => byte === rest[index]);
  if (!sameName) throw differs(name, "name");
  if (view.getUint16(6, true) !== entry.flags) throw differs(name, "flags");
  if (view.getUint16(8, true) !== entry.method) throw differs(name, "compression method");
  // With a data descriptor these may be left zero here (APPNOTE 4.4.4).
  const mayBeZero = (entry.flags & FLAG_DESCRIPTOR) !== 0;
  const agrees = (found: number, expected: number): boolean => found === expected || (mayBeZero && found === 0);
  if (!agrees(view.getUint32(14, true), entry.crc)) throw differs(name, "checksum");
  if (!agrees(view.getUint32(18, true), entry.packed)) throw differs(name, "packed size");
  if (!agrees(view.getUint32(22, true), entry.unpacked)) throw differs(name, "unpacked size");
  checkExtra(name, rest.subarray(nameLength));
  return dataStart;
}

function differs(name: string, field: string): Error {
  return entryInvalid(name, `its local header and the directory disagree about its ${field}`);
}

/** @returns where the entry ends, with its data descriptor where it has one (APPNOTE 4.3.9) */
async function readDescriptor(access: RandomAccess, entry: ZipEntry, dataEnd: number, next: number): Promise<number> {
  if ((entry.flags & FLAG_DESCRIPTOR) === 0) return dataEnd;
  const withSignature = next - dataEnd === DESCRIPTOR_BYTES + 4;
  if (!withSignature && next - dataEnd !== DESCRIPTOR_BYTES) {
    throw entryInvalid(entry.name, "it is not followed by its data descriptor");
  }
  const view = viewOf(await access.read(dataEnd, next - dataEnd));
  if (withSignature && view.getUint32(0, true) !== DESCRIPTOR_SIGNATURE) {
    throw entryInvalid(entry.name, "it is not followed by its data descriptor");
  }
  const fields = withSignature ? 4 : 0;
  const agrees =
    view.getUint32(fields, true) === entry.crc &&
    view.getUint32(fields + 4, true) === entry.packed &&
    view.getUint32(fields + 8, true) === entry.unpacked;
  if (!agrees) throw entryInvalid(entry.name, "its data descriptor and the directory disagree");
  return next;
}

async function extract(
  access: RandomAccess,
  entry: ZipEntry,
  dataStart: number,
  sink: (chunk: Uint8Array) => void,
): Promise<void> {
  const stored = entry.method === 0;
  const packed = readRange(access, dataStart, entry.packed, stored ? READ_STEP : INFLATE_STEP);
  let bytes = 0;
  let checksum = 0;
  for await (const chunk of stored ? packed : inflate("deflate-raw", packed)) {
    bytes += chunk.length;
    if (bytes > entry.unpacked) {
      throw entryInvalid(entry.name, `it unpacks to more than the ${entry.unpacked} bytes that the directory says`);
    }
    checksum = crc32(chunk, checksum);
    sink(chunk);
  }
  if (bytes !== entry.unpacked) {
    throw entryInvalid(entry.name, `it unpacks to ${bytes} bytes; the directory says ${entry.unpacked}`);
  }
  if (checksum !== entry.crc) throw entryInvalid(entry.name, "its content does not match its CRC-32");
}
