import { PACKAGE_LIMITS } from "../../../../sdk/contract/limits.ts";
import { archiveInvalid, entryInvalid } from "./archive-error.ts";
import type { RandomAccess } from "./random-access.ts";

/**
 * The central directory of a ZIP archive (PKWARE APPNOTE 6.3.10), which alone says what is in it. Stricter than the
 * format: no ZIP64, no second end record, no bytes between directory and end, no names that are not UTF-8.
 */

export interface ZipEntry {
  /** As stored, and its bytes for the comparison with the local header. */
  readonly name: string;
  readonly nameBytes: Uint8Array;
  readonly flags: number;
  /** 0 stored, 8 deflated. */
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly unpacked: number;
  readonly localOffset: number;
  readonly folder: boolean;
  readonly executable: boolean;
}

export interface ZipDirectory {
  readonly entries: readonly ZipEntry[];
  /** Where the directory begins, and so where entries end. */
  readonly start: number;
}

export const FLAG_DESCRIPTOR = 1 << 3;
const FLAG_UTF8 = 1 << 11;
/** Traditional encryption, strong encryption, masked headers. */
const FLAG_ENCRYPTED = (1 << 0) | (1 << 6) | (1 << 13);

const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const COMMENT_MAX = 0xffff;
const ZIP64_LOCATOR_SIGNATURE = 0x07064b50;
const ZIP64_LOCATOR_BYTES = 20;
const CENTRAL_SIGNATURE = 0x02014b50;
const CENTRAL_BYTES = 46;
/** Directories of 1,000 entries with long names and the usual extra fields stay far below. */
const DIRECTORY_MAX_BYTES = 2 * 1024 * 1024;

const EXTRA_ZIP64 = 0x0001;
const EXTRA_UNICODE_PATH = 0x7075;
const EXTRA_AES = 0x9901;
const FILE_TYPE = 0xf000;
const REGULAR = 0x8000;
const FOLDER = 0x4000;
const ANY_EXECUTE = 0o111;
const DOS_FOLDER = 0x10;

const FILE_TYPES: Readonly<Record<number, string>> = {
  0xa000: "a symbolic link",
  0x1000: "a named pipe",
  0x2000: "a character device",
  0x6000: "a block device",
  0xc000: "a socket",
};

/** @throws PlatformError ARCHIVE_INVALID */
export async function readZipDirectory(access: RandomAccess): Promise<ZipDirectory> {
  const end = await readEnd(access);
  const bytes = await access.read(end.start, end.bytes);
  const view = viewOf(bytes);
  const entries: ZipEntry[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    if (bytes.length - offset < CENTRAL_BYTES || view.getUint32(offset, true) !== CENTRAL_SIGNATURE) {
      throw archiveInvalid(`its directory is damaged at entry ${entries.length + 1}`);
    }
    const length =
      CENTRAL_BYTES +
      view.getUint16(offset + 28, true) +
      view.getUint16(offset + 30, true) +
      view.getUint16(offset + 32, true);
    if (length > bytes.length - offset) throw archiveInvalid(`its directory is cut off in entry ${entries.length + 1}`);
    entries.push(readEntry(bytes.subarray(offset, offset + length)));
    offset += length;
  }
  if (entries.length !== end.count) {
    throw archiveInvalid(`its end record counts ${end.count} entries; the directory has ${entries.length}`);
  }
  return { entries, start: end.start };
}

interface EndRecord {
  readonly start: number;
  readonly bytes: number;
  readonly count: number;
}

async function readEnd(access: RandomAccess): Promise<EndRecord> {
  const tailStart = Math.max(0, access.size - END_BYTES - COMMENT_MAX);
  const view = viewOf(await access.read(tailStart, access.size - tailStart));
  const found: number[] = [];
  for (let offset = view.byteLength - END_BYTES; offset >= 0; offset--) {
    const fits = view.getUint32(offset, true) === END_SIGNATURE;
    if (fits && offset + END_BYTES + view.getUint16(offset + 20, true) === view.byteLength) found.push(offset);
  }
  const [at] = found;
  if (at === undefined) throw archiveInvalid("it is truncated or followed by other bytes: no end record at its end");
  if (found.length > 1) throw archiveInvalid("it has two end records, so that tools disagree about what is in it");
  const [count, bytes, start] = [
    view.getUint16(at + 10, true),
    view.getUint32(at + 12, true),
    view.getUint32(at + 16, true),
  ];
  const locator = at - ZIP64_LOCATOR_BYTES;
  const hasLocator = locator >= 0 && view.getUint32(locator, true) === ZIP64_LOCATOR_SIGNATURE;
  if (hasLocator || count === 0xffff || bytes === 0xffffffff || start === 0xffffffff) {
    throw archiveInvalid("it is a ZIP64 archive; packages are far too small to need that");
  }
  if (
    view.getUint16(at + 4, true) !== 0 ||
    view.getUint16(at + 6, true) !== 0 ||
    view.getUint16(at + 8, true) !== count
  ) {
    throw archiveInvalid("it is one part of a split archive");
  }
  if (count > PACKAGE_LIMITS.entries) {
    throw archiveInvalid(`it has ${count} entries; the limit is ${PACKAGE_LIMITS.entries}`, {
      limit: { name: "entries", used: count, allowed: PACKAGE_LIMITS.entries },
    });
  }
  if (bytes > DIRECTORY_MAX_BYTES) {
    throw archiveInvalid(`its directory has ${bytes} bytes; the limit is ${DIRECTORY_MAX_BYTES}`);
  }
  if (start + bytes !== tailStart + at) {
    throw archiveInvalid(`its directory of ${bytes} bytes at ${start} does not end where the end record begins`);
  }
  return { start, bytes, count };
}

function readEntry(record: Uint8Array): ZipEntry {
  const view = viewOf(record);
  const nameEnd = CENTRAL_BYTES + view.getUint16(28, true);
  const extraEnd = nameEnd + view.getUint16(30, true);
  const nameBytes = record.slice(CENTRAL_BYTES, nameEnd);
  const flags = view.getUint16(8, true);
  const name = decodeName(nameBytes, flags);
  if (view.getUint16(34, true) !== 0) throw entryInvalid(name, "it lies on another part of a split archive");
  checkExtra(name, record.subarray(nameEnd, extraEnd));
  const entry = {
    name,
    nameBytes,
    flags,
    method: view.getUint16(10, true),
    crc: view.getUint32(16, true),
    packed: view.getUint32(20, true),
    unpacked: view.getUint32(24, true),
    localOffset: view.getUint32(42, true),
  };
  if ([entry.packed, entry.unpacked, entry.localOffset].includes(0xffffffff)) {
    throw entryInvalid(name, "it uses ZIP64; packages are far too small to need that");
  }
  if (flags & FLAG_ENCRYPTED) throw entryInvalid(name, "it is encrypted");
  if (entry.method !== 0 && entry.method !== 8) {
    throw entryInvalid(name, `it uses compression method ${entry.method}; only 0 (stored) and 8 (deflate) are read`);
  }
  if (entry.method === 0 && entry.packed !== entry.unpacked) {
    throw entryInvalid(name, `it is stored, with ${entry.packed} bytes packed but ${entry.unpacked} unpacked`);
  }
  return { ...entry, ...readAttributes(entry, view.getUint32(38, true)) };
}

function decodeName(bytes: Uint8Array, flags: number): string {
  try {
    const name = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    if (flags & FLAG_UTF8 || bytes.every((byte) => byte < 0x80)) return name;
    throw entryInvalid(name, "its name has other than ASCII characters without being marked as UTF-8");
  } catch (error) {
    if (error instanceof TypeError) throw archiveInvalid("an entry's name is not valid UTF-8", { cause: error });
    throw error;
  }
}

/**
 * File type from the Unix mode, whatever system the entry claims to come from: tools differ in whether they look.
 */
function readAttributes(
  { name, packed, unpacked }: Pick<ZipEntry, "name" | "packed" | "unpacked">,
  attributes: number,
): Pick<ZipEntry, "folder" | "executable"> {
  const mode = attributes >>> 16;
  const type = mode & FILE_TYPE;
  const folder = name.endsWith("/");
  if (type !== 0 && type !== REGULAR && type !== FOLDER) {
    throw entryInvalid(name, `it is ${FILE_TYPES[type] ?? `of the unknown file type ${type.toString(16)}`}`);
  }
  const marked = type === FOLDER || (attributes & DOS_FOLDER) !== 0;
  if (marked && !folder) throw entryInvalid(name, "it is marked as a folder but named like a file");
  if (folder && type === REGULAR) throw entryInvalid(name, "it is marked as a file but named like a folder");
  if (folder && (packed !== 0 || unpacked !== 0)) throw entryInvalid(name, "it is a folder with content");
  return { folder, executable: !folder && (mode & ANY_EXECUTE) !== 0 };
}

/**
 * Refuses extra fields that say something else than the header: other sizes, another name, encryption.
 *
 * @throws PlatformError ARCHIVE_INVALID
 */
export function checkExtra(name: string, extra: Uint8Array): void {
  const view = viewOf(extra);
  for (let offset = 0; offset + 4 <= extra.length;) {
    const [id, length] = [view.getUint16(offset, true), view.getUint16(offset + 2, true)];
    const data = extra.subarray(offset + 4, offset + 4 + length);
    if (data.length !== length) throw entryInvalid(name, "its extra fields are cut off");
    if (id === EXTRA_ZIP64) throw entryInvalid(name, "it uses ZIP64; packages are far too small to need that");
    if (id === EXTRA_AES) throw entryInvalid(name, "it is encrypted");
    // Version, CRC of the other name, then the name (APPNOTE 4.6.9).
    if (id === EXTRA_UNICODE_PATH && new TextDecoder().decode(data.subarray(5)) !== name) {
      throw entryInvalid(name, "its Unicode path field gives it another name");
    }
    offset += 4 + length;
  }
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
