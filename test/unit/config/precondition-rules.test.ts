import { expect, test } from "vitest";
import { etagOf, isKnown, requireMatch } from "../../../worker/control/config/precondition-rules.ts";

test.each([
  ["*", true],
  [" * ", true],
  ['"7"', true],
  ['"6", "7"', true],
  ['"6" ,"8"', false],
  ['W/"7"', false],
  ['"07"', false],
  ['""', false],
])("If-Match %s at revision 7 holds: %s", (header, holds) => {
  const attempt = (): void => requireMatch(header, 7, true);
  if (holds) expect(attempt).not.toThrow();
  else
    expect(attempt).toThrow(
      expect.objectContaining({ code: "PRECONDITION_FAILED", members: { revision: 7, etag: '"7"' } }),
    );
});

test.each(["7", "'7'", '"7', '"7" "8"', '"a"b"', "", `"${"7".repeat(1_100)}"`])(
  "If-Match %j is no list of tags",
  (header) => {
    expect(() => requireMatch(header, 7, true)).toThrow(expect.objectContaining({ code: "REQUEST_INVALID" }));
  },
);

test("without If-Match a change is refused where it must have one", () => {
  expect(() => requireMatch(undefined, 7, true)).toThrow(expect.objectContaining({ code: "PRECONDITION_REQUIRED" }));
  expect(() => requireMatch(undefined, 7, false)).not.toThrow();
});

test("If-None-Match compares weakly", () => {
  expect([etagOf(7), 'W/"7"', '"6", W/"7"', "*"].map((header) => isKnown(header, 7))).toEqual([true, true, true, true]);
  expect([undefined, '"6"'].map((header) => isKnown(header, 7))).toEqual([false, false]);
});
