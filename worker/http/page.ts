import * as v from "valibot";
import { PlatformError } from "../../sdk/contract/errors.ts";

export const PAGE_LIMIT = { default: 20, maximum: 100 } as const;
const CURSOR_LENGTH = 512;

const LIMIT_RULE = `must be a whole number from 1 to ${PAGE_LIMIT.maximum}`;

/** Entries that every list takes: spread them into the query schema of its route. `limit` is parsed to a number. */
export const pageQuery = {
  limit: v.pipe(
    v.optional(v.string(), String(PAGE_LIMIT.default)),
    v.regex(/^\d{1,3}$/, LIMIT_RULE),
    v.transform(Number),
    v.minValue(1, LIMIT_RULE),
    v.maxValue(PAGE_LIMIT.maximum, LIMIT_RULE),
    v.metadata({
      jsonSchema: {
        type: "integer",
        minimum: 1,
        maximum: PAGE_LIMIT.maximum,
        default: PAGE_LIMIT.default,
        description: "Items in a page",
      },
    }),
  ),
  cursor: v.optional(
    v.pipe(
      v.string(),
      v.maxLength(CURSOR_LENGTH),
      v.description("`nextCursor` of the page before; absent: first page"),
    ),
  ),
};

export interface PageRequest {
  readonly limit: number;
  readonly cursor?: string | undefined;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Absent cursor is null: there is no further page. */
  readonly nextCursor: string | null;
}

/** Answer schema of a list whose items have the schema. */
export function pageOf<S extends v.GenericSchema>(
  item: S,
): v.GenericSchema<
  { items: v.InferInput<S>[]; nextCursor: string | null },
  { items: v.InferOutput<S>[]; nextCursor: string | null }
> {
  return v.object({
    items: v.array(item),
    nextCursor: v.pipe(v.nullable(v.string()), v.description("Null on the last page")),
  });
}

/** Opaque text of a position in a list: the sort key of the last item given, JSON in base64url. */
export function encodeCursor(position: readonly (string | number)[]): string {
  const bytes = new TextEncoder().encode(JSON.stringify(position));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}

/**
 * The position a cursor stands for, or undefined for the first page.
 *
 * @param position  tuple schema of the list's sort key
 * @throws {PlatformError} REQUEST_INVALID where the text is no cursor of this list
 */
export function decodeCursor<S extends v.GenericSchema>(
  cursor: string | undefined,
  position: S,
): v.InferOutput<S> | undefined {
  if (cursor === undefined) return undefined;
  const result = v.safeParse(position, parse(cursor));
  if (result.success) return result.output;
  const message = "must be the nextCursor of a page of this list";
  throw new PlatformError("REQUEST_INVALID", `The query parameter "cursor": ${message}.`, {
    issues: [{ path: "cursor", message }],
  });
}

/**
 * @param rows        up to `limit + 1` rows in list order, so that one too many tells that there is a next page
 * @param positionOf  sort key of a row, as {@link decodeCursor} expects it
 */
export function toPage<T>(
  rows: readonly T[],
  limit: number,
  positionOf: (row: T) => readonly (string | number)[],
): Page<T> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const more = rows.length > limit && last !== undefined;
  return { items, nextCursor: more ? encodeCursor(positionOf(last)) : null };
}

function parse(cursor: string): unknown {
  try {
    const bytes = Uint8Array.from(atob(cursor.replaceAll("-", "+").replaceAll("_", "/")), (unit) => unit.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined; // what is not a position fails the schema of one
  }
}
