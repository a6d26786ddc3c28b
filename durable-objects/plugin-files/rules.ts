/** How many files an install has, and whether one more fits. Pure. */

export interface StoredFile {
  readonly path: string;
  readonly bytes: number;
  readonly contentType: string;
  /** Hexadecimal. */
  readonly sha256: string;
  /** Milliseconds since the epoch. */
  readonly modifiedAt: number;
}

/** A file and the key of its bytes. */
export interface KeptFile extends StoredFile {
  readonly key: string;
}

export interface FileQuotas {
  readonly bytes: number;
  readonly files: number;
}

export interface Totals {
  readonly bytes: number;
  readonly files: number;
}

/** What the install would have, where it is too much; undefined where there is room. */
export type Refused = { readonly full: number } | { readonly crowded: number } | undefined;

/** A write that was begun and not ended holds its place for so long. */
export const RESERVED_MS = 10 * 60_000;
/** Files of an install that may be begun and not ended. */
export const MOST_BEGUN = 20;
/** Pieces of one file. */
export const MOST_PIECES = 1_000;

/** A file that is written in pieces. */
export interface BegunFile {
  /** Under which its bytes will be, and those of its pieces are. */
  readonly key: string;
  readonly path: string;
  readonly contentType: string;
  readonly bytes: number;
  /** That have been given room. */
  readonly pieces: number;
  /** That are written. */
  readonly stored: number;
}

export interface PieceQuotas {
  /** Of the install. */
  readonly bytes: number;
  /** Of one file. */
  readonly fileBytes: number;
}

/** Room for a piece, or why there is none. */
export type PieceRoom =
  | { readonly piece: number; readonly key: string; readonly bytes: number }
  | { readonly full: number }
  | { readonly large: number }
  | { readonly pieces: number }
  | undefined;

/** Bytes that were replaced or deleted stay for who reads them at the moment. */
export const KEPT_MS = 60_000;

/**
 * @param used      files and reservations together
 * @param replaced  bytes that go when this is written; undefined where the path is new
 */
export function refusalOf(used: Totals, bytes: number, replaced: number | undefined, quotas: FileQuotas): Refused {
  const files = used.files + (replaced === undefined ? 1 : 0);
  if (files > quotas.files) return { crowded: files };
  const sum = used.bytes + bytes - (replaced ?? 0);
  // Making less of what there is goes through, also after a quota was lowered.
  return sum > quotas.bytes && sum > used.bytes ? { full: sum } : undefined;
}
