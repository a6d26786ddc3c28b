import { archiveInvalid, entryInvalid } from "./archive-error.ts";

/** One header block of a tar archive: ustar (POSIX.1-1988) and the GNU variant, and pax records (POSIX.1-2001). */

export const TAR_BLOCK = 512;

export interface TarHeader {
  readonly name: string;
  readonly bytes: number;
  readonly type: string;
  readonly executable: boolean;
}

/** Type flags that are refused, with what they are. */
export const REFUSED_TYPES: Readonly<Record<string, string>> = {
  "1": "a hard link",
  "2": "a symbolic link",
  "3": "a character device",
  "4": "a block device",
  "6": "a named pipe",
  "7": "a contiguous file",
  K: "a link with a long name",
  S: "a sparse file",
  M: "one part of a split file",
  V: "a volume label",
  D: "a folder listing of an incremental dump",
};

const ANY_EXECUTE = 0o111;
const CHECKSUM_OFFSET = 148;
const CHECKSUM_BYTES = 8;

/**
 * @param block   512 bytes
 * @param number  counts the headers from 1, for the message
 * @throws PlatformError ARCHIVE_INVALID
 */
export function readTarHeader(block: Uint8Array, number: number): TarHeader {
  const checksum = octal(block, CHECKSUM_OFFSET, CHECKSUM_BYTES);
  if (checksum === undefined || checksum !== sumOf(block)) {
    throw archiveInvalid(`its header ${number} does not match its checksum`);
  }
  const magic = String.fromCharCode(...block.subarray(257, 265));
  const posix = magic === "ustar\u000000";
  if (!posix && magic !== "ustar  \u0000")
    throw archiveInvalid(`its header ${number} is not in ustar, pax or GNU format`);
  const prefix = posix ? textField(block, 345, 155, number) : "";
  const name = textField(block, 0, 100, number);
  const bytes = octal(block, 124, 12);
  if (bytes === undefined) throw entryInvalid(name, "its size is not an octal number");
  const flag = block[156] ?? 0;
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    bytes,
    type: flag === 0 ? "0" : String.fromCharCode(flag),
    executable: ((octal(block, 100, 8) ?? 0) & ANY_EXECUTE) !== 0,
  };
}

/** Unsigned sum of the block with the checksum field taken as spaces. */
function sumOf(block: Uint8Array): number {
  let sum = 0;
  for (let index = 0; index < TAR_BLOCK; index++) {
    const inChecksum = index >= CHECKSUM_OFFSET && index < CHECKSUM_OFFSET + CHECKSUM_BYTES;
    sum += inChecksum ? 0x20 : (block[index] ?? 0);
  }
  return sum;
}

/** Octal digits with leading spaces, ended by NUL or space. Base-256 numbers are for files over 8 GiB. */
function octal(block: Uint8Array, offset: number, length: number): number | undefined {
  const field = String.fromCharCode(...block.subarray(offset, offset + length));
  const digits = /^ *([0-7]+)[ \u0000]*$/.exec(field)?.[1]; // eslint-disable-line no-control-regex -- NUL ends a field
  return digits === undefined ? undefined : Number.parseInt(digits, 8);
}

function textField(block: Uint8Array, offset: number, length: number, number: number): string {
  const field = block.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return decodeTarText(end === -1 ? field : field.subarray(0, end), number);
}

/** @throws PlatformError ARCHIVE_INVALID where the bytes are not UTF-8 */
export function decodeTarText(bytes: Uint8Array, number: number): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw archiveInvalid(`its header ${number} has a name that is not valid UTF-8`, { cause });
  }
}

export interface PaxRecords {
  readonly path?: string;
  readonly size?: number;
}

/** Keywords that only describe; everything else changes what an entry is or holds. */
const HARMLESS =
  /^(atime|ctime|mtime|uid|gid|uname|gname|comment|hdrcharset|charset|SCHILY\.(dev|ino|nlink|fflags|xattr\..+|acl\..+)|LIBARCHIVE\..+|RHT\..+)$/;

/**
 * Reads `length keyword=value` records.
 *
 * @throws PlatformError ARCHIVE_INVALID
 */
export function readPax(bytes: Uint8Array, number: number): PaxRecords {
  const records: { path?: string; size?: number } = {};
  for (let offset = 0; offset < bytes.length;) {
    const space = bytes.indexOf(0x20, offset);
    const digits = space === -1 ? "" : String.fromCharCode(...bytes.subarray(offset, Math.min(space, offset + 8)));
    const length = /^[1-9][0-9]*$/.test(digits) ? Number(digits) : 0;
    const record = bytes.subarray(space + 1, offset + length - 1);
    const equals = record.indexOf(0x3d);
    if (length === 0 || offset + length > bytes.length || bytes[offset + length - 1] !== 0x0a || equals < 1) {
      throw archiveInvalid(`its pax header ${number} is damaged`);
    }
    const keyword = decodeTarText(record.subarray(0, equals), number);
    const value = record.subarray(equals + 1);
    if (keyword === "path") records.path = decodeTarText(value, number);
    else if (keyword === "size") records.size = paxSize(decodeTarText(value, number), number);
    else if (!HARMLESS.test(keyword)) {
      throw archiveInvalid(`its pax header ${number} has the keyword ${JSON.stringify(keyword.slice(0, 40))}`);
    }
    offset += length;
  }
  return records;
}

function paxSize(text: string, number: number): number {
  if (!/^[0-9]{1,15}$/.test(text)) throw archiveInvalid(`its pax header ${number} has a size that is not a number`);
  return Number(text);
}
