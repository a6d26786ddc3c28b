import { expect, test } from "vitest";
import { IsolateBook } from "../../../worker/execution/isolate-book.ts";

test("a generation never goes back", () => {
  const book = new IsolateBook();
  book.setGeneration("i", 3);
  book.setGeneration("i", 2);
  expect(book.generation("i")).toBe(3);
  expect(book.generation("other")).toBe(0);
});
