import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import { HOST_ANSWERS } from "../../../scripts/host-answers.ts";

const FOLDER = path.resolve(import.meta.dirname, "../../../sdk/plugin/capabilities");

test("every call of the reference is one of the SDK's", async () => {
  const files = await readdir(FOLDER);
  const known = new Set<string>();
  for (const file of files) {
    const source = await readFile(path.join(FOLDER, file), "utf8");
    const object = /^export const (\w+) = \{/m.exec(source)?.[1] ?? "";
    for (const [, name] of source.matchAll(/^ {2}async (\w+)[(<]/gm)) known.add(`${object}.${name}`);
  }
  const called = Object.values(HOST_ANSWERS).map(({ typescript }) => /^await (\w+\.\w+)\(/.exec(typescript)?.[1]);
  expect(called.filter((name) => name === undefined || !known.has(name))).toEqual([]);
});
