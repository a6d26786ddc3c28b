import { expect, test } from "vitest";
import { matchesFile, parseFilePattern } from "../../../sdk/contract/file-patterns.ts";

test.each([
  ["data/words.txt", ["data/words.txt"]],
  ["data/*.txt", ["data/words.txt", "data/.txt"]],
  ["data/w*s.txt", ["data/words.txt"]],
  ["*", ["about.md", "x"]],
  ["*/*.txt", ["data/words.txt", "data/.txt"]],
  ["data/", ["data/words.txt", "data/.txt", "data/deep/er.bin"]],
  ["data/**", ["data/words.txt", "data/.txt", "data/deep/er.bin"]],
  ["data/deep/", ["data/deep/er.bin"]],
  ["d*/", ["data/words.txt", "data/.txt", "data/deep/er.bin"]],
  ["**", ["about.md", "x", "data/words.txt", "data/.txt", "data/deep/er.bin"]],
  ["data", []],
  ["DATA/", []],
])("%s", (text, expected) => {
  const paths = ["about.md", "x", "data/words.txt", "data/.txt", "data/deep/er.bin"];
  const pattern = parseFilePattern(text);
  expect(pattern && paths.filter((path) => matchesFile(pattern, path))).toEqual(expected);
});

test.each(["", "/", "/a", "a//b", "..", "a/..", ".", "a**", "**/a", "a/**/b", "*x*", "a\\b", "a\u0000"])(
  "%j is no pattern",
  (text) => expect(parseFilePattern(text)).toBeUndefined(),
);
