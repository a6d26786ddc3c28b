import { readFile } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import { PAGES, renderPage } from "../../../scripts/build-docs.ts";
import { projectFiles, ROOT } from "../../support/node/source-files.ts";

test.each(Object.keys(PAGES))("%s follows the contract", async (name) => {
  expect(await readFile(path.join(ROOT, name), "utf8")).toBe(await renderPage(name));
});

test("every relative link in the documentation leads somewhere", async () => {
  const files = projectFiles();
  const folders = new Set(files.map((file) => path.posix.dirname(file)));
  const broken: string[] = [];
  for (const page of files.filter((file) => file.endsWith(".md"))) {
    const text = await readFile(path.join(ROOT, page), "utf8");
    for (const [, link] of text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
      if (link === undefined || /^[a-z]+:/.test(link)) continue;
      const target = path.posix.join(path.posix.dirname(page), link).replace(/\/$/, "");
      if (!files.includes(target) && !folders.has(target)) broken.push(`${page}: ${link}`);
    }
  }
  expect(broken).toEqual([]);
});
