import { expect, test } from "vitest";
import { ISOLATE_MEMORY_BUDGET } from "../../../worker/execution/admit.ts";
import { IsolateBook } from "../../../worker/execution/isolate-book.ts";
import { nextGeneration } from "../../../durable-objects/plugin-health/rules.ts";

test("calls that may suspend spread over lanes and leave them free again", () => {
  const book = new IsolateBook();
  const share = ISOLATE_MEMORY_BUDGET / 4;
  const lanes = Array.from({ length: 9 }, () => book.reserve("p", share));
  expect(lanes).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 2]);
  book.release("p", 0, share);
  expect(book.reserve("p", share)).toBe(0);
  for (const lane of [0, 0, 0, 0, 1, 1, 1, 1, 2]) book.release("p", lane, share);
  expect(book.reserve("p", share)).toBe(0);
});

test("calls that cannot suspend share the first lane", () => {
  const book = new IsolateBook();
  expect(Array.from({ length: 100 }, () => book.reserve("p", 0))).toEqual(Array.from({ length: 100 }, () => 0));
});

test("a generation never goes back", () => {
  const book = new IsolateBook();
  book.setGeneration("i", 3);
  book.setGeneration("i", 2);
  expect(book.generation("i")).toBe(3);
  expect(book.generation("other")).toBe(0);
});

test.each([
  { current: 0, failed: 0, next: 1 },
  { current: 1, failed: 0, next: 1 },
  { current: 5, failed: 2, next: 5 },
  { current: 1, failed: 1, next: 2 },
])("generation $failed failed while $current is on record: $next", ({ current, failed, next }) => {
  expect(nextGeneration(current, failed)).toBe(next);
});
