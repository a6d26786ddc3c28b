import type { ErrorCode } from "../../sdk/contract/errors.ts";

/** What an entry of a plugin's storage is, and when it may be written. Pure. */

/**
 * Kept apart from one another: `storage` stays, `cache` makes room for what is newer, `variables` are Extism's own, `keys` are
 * those the platform uses for the plugin, `tokens` what it got for it elsewhere.
 */
export const SPACES = ["storage", "cache", "variables", "keys", "tokens"] as const;
export type Space = (typeof SPACES)[number];

export interface Write {
  readonly key: string;
  /** Sealed by the worker; the object never sees what is in it. */
  readonly value: Uint8Array;
  /** Milliseconds since the epoch, null for an entry that stays. */
  readonly expiresAt: number | null;
  /** Revision that the entry must have, 0 where there must be none; undefined where it does not matter. */
  readonly ifRevision: number | undefined;
}

export type Written =
  /** `held`: bytes of the space then; `entries`: its entries, where they are counted. */
  | { readonly revision: number; readonly held: number; readonly entries?: number }
  /** Another revision than the one expected; 0 where there is no entry. */
  | { readonly conflict: number }
  /** Bytes that the space would have. */
  | { readonly full: number }
  /** Entries that the space would have. */
  | { readonly crowded: number };

export interface Entry {
  readonly value: Uint8Array;
  readonly revision: number;
  readonly expiresAt: number | null;
}

/** What somebody made for all who wait for it, or why it could not be made. */
export type Made = { readonly writes: readonly [Write, ...Write[]] } | Unmade;
export interface Unmade {
  readonly code: ErrorCode;
  readonly message: string;
}

export interface ListedEntry {
  readonly key: string;
  readonly bytes: number;
  readonly revision: number;
  readonly expiresAt: number | null;
}

export interface Page {
  readonly entries: readonly ListedEntry[];
  /** True where there are more behind the last. */
  readonly more: boolean;
}

/** What an entry costs beside its key and value: the row and its index. */
export const ENTRY_BYTES = 64;

/** Bytes an entry counts for: its key in UTF-8, its value as it is stored, and the row. */
export function entryBytes(key: string, valueBytes: number): number {
  return ENTRY_BYTES + new TextEncoder().encode(key).byteLength + valueBytes;
}

/** The least text greater than every text with the prefix, undefined where there is none. By code units, as SQLite's BINARY on UTF-8 does for code points below U+D800. */
export function prefixEnd(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  while (points.length > 0) {
    const last = points.pop() ?? 0;
    if (last >= 0x10_ffff) continue;
    // Surrogates are no characters; the next one after them is.
    const next = last + 1 >= 0xd800 && last + 1 <= 0xdfff ? 0xe000 : last + 1;
    return String.fromCodePoint(...points, next);
  }
  return undefined;
}
