import { PlatformError, type PlatformErrorDetails } from "../../../../sdk/contract/errors.ts";
import { PACKAGE_LIMITS } from "../../../../sdk/contract/limits.ts";

const SHOWN_NAME = 120;

/** A name as it may be shown: quoted, so that control characters are visible, and bounded. */
export function shownName(name: string): string {
  return JSON.stringify(name.length > SHOWN_NAME ? `${name.slice(0, SHOWN_NAME)}…` : name);
}

/** ARCHIVE_INVALID about the archive as a whole. */
export function archiveInvalid(what: string, details: PlatformErrorDetails = {}): PlatformError {
  return new PlatformError("ARCHIVE_INVALID", `The archive is refused: ${what}.`, details);
}

/** ARCHIVE_INVALID that names the entry. */
export function entryInvalid(entry: string, what: string, details: PlatformErrorDetails = {}): PlatformError {
  return new PlatformError("ARCHIVE_INVALID", `The archive entry ${shownName(entry)} is refused: ${what}.`, {
    members: { entry },
    ...details,
  });
}

/** PACKAGE_TOO_LARGE: everything unpacked is more than the limit. */
export function unpackedTooLarge(entry: string, used: number): PlatformError {
  const allowed = PACKAGE_LIMITS.unpackedBytes;
  return new PlatformError(
    "PACKAGE_TOO_LARGE",
    `The archive unpacks to more than ${allowed} bytes: ${used} up to and with the entry ${shownName(entry)}.`,
    { members: { entry }, limit: { name: "unpackedBytes", used, allowed } },
  );
}

/** ARCHIVE_INVALID: an entry, or the whole of a compressed archive, unpacks to far more than it takes packed. */
export function ratioTooLarge(entry: string | undefined, packed: number, unpacked: number): PlatformError {
  const allowed = PACKAGE_LIMITS.compressionRatio;
  const used = Math.ceil(unpacked / Math.max(packed, 1));
  const what = `${packed} packed bytes unpack to ${unpacked} or more, ${used} times as many; the limit is ${allowed} times`;
  const details = { limit: { name: "compressionRatio", used, allowed } };
  return entry === undefined ? archiveInvalid(what, details) : entryInvalid(entry, what, details);
}

/** Entries that unpack to less than this cannot do harm, whatever their ratio. */
const RATIO_FREE_BYTES = 1024 * 1024;

/** True where so many unpacked bytes from so few packed ones are refused. */
export function isBomb(packed: number, unpacked: number): boolean {
  return unpacked > RATIO_FREE_BYTES && unpacked > packed * PACKAGE_LIMITS.compressionRatio;
}
