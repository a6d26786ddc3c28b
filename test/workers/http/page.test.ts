import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { PlatformError } from "../../../sdk/contract/errors.ts";
import { decodeCursor, encodeCursor, pageQuery, toPage } from "../../../worker/http/page.ts";

const Query = v.object(pageQuery);
const Position = v.tuple([v.string(), v.number()]);

describe("pageQuery", () => {
  test.each([
    [{}, { limit: 20 }],
    [{ limit: "1" }, { limit: 1 }],
    [
      { limit: "100", cursor: "abc" },
      { limit: 100, cursor: "abc" },
    ],
  ])("%o", (input, expected) => {
    expect(v.parse(Query, input)).toEqual(expected);
  });

  test.each(["0", "101", "-1", "1.5", "ten", "", "1e2", "0x10"])("limit %o is refused", (limit) => {
    expect(v.safeParse(Query, { limit }).issues?.[0].message).toBe("must be a whole number from 1 to 100");
  });
});

describe("cursors", () => {
  test.each([
    ["plain", 1],
    ["ünïcödé/+ 日本", -2.5],
    ["", 0],
  ] as const)("%o comes back", (...position) => {
    const cursor = encodeCursor(position);
    expect(cursor).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(decodeCursor(cursor, Position)).toEqual(position);
  });

  test("none is the first page", () => {
    expect(decodeCursor(undefined, Position)).toBeUndefined();
  });

  test.each(["", "!", "AAAA", encodeCursor(["only one"]), encodeCursor([1, "swapped"])])("%o is refused", (cursor) => {
    const decode = (): unknown => decodeCursor(cursor, Position);
    expect(decode).toThrow(PlatformError);
    expect(decode).toThrow('The query parameter "cursor": must be the nextCursor of a page of this list.');
  });
});

describe("toPage", () => {
  test.each([
    [[], 2, [], null],
    [[1, 2], 2, [1, 2], null],
    [[1, 2, 3], 2, [1, 2], encodeCursor([2])],
  ])("%o by %i", (rows, limit, items, nextCursor) => {
    expect(toPage(rows, limit, (row) => [row])).toEqual({ items, nextCursor });
  });
});
