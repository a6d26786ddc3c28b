import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { types } from "../../../sdk/cli/commands/types.ts";
import { manifestOf } from "../../fixtures/packages/manifests.ts";

let folder: string;
let out: string;
let said: string[];

const DESCRIBED = {
  ...manifestOf(),
  functions: { run: { input: { schema: { type: "object", properties: { a: { type: "string" } } } } } },
};

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "types-command-"));
  out = path.join(folder, "generated/types.go");
  await mkdir(path.join(folder, "src"));
  // Never compiled: types come before the code that uses them.
  await writeFile(path.join(folder, "src/plugin.c"), "this is no C");
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(async () => {
  await writeFile(path.join(folder, "manifest.json"), JSON.stringify(DESCRIBED));
  said = [];
  vi.spyOn(process.stdout, "write").mockImplementation((text) => said.push(String(text)) > 0);
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

test("writes a file once, and again only where the manifest says something else", async () => {
  const options = { language: "go", package: "api", out };
  await types(folder, options);
  expect(await readFile(out, "utf8")).toMatch(
    /\npackage api\n\ntype RunInput struct \{\n\tA \*string `json:"a,omitempty"`\n\}\n$/,
  );
  const before = await stat(out);
  await types(folder, options);
  expect((await stat(out)).mtimeMs).toBe(before.mtimeMs);
  await types(folder, { ...options, check: true });
  expect(process.exitCode).toBeUndefined();
  await writeFile(path.join(folder, "manifest.json"), JSON.stringify({ ...DESCRIBED, functions: {} }));
  await types(folder, { ...options, check: true });
  expect(process.exitCode).toBe(1);
  expect(said.at(-1)).toContain("is not what the manifest says: run `patchbay types");
  expect(await readFile(out, "utf8")).toContain("RunInput");
});

test("says it on the standard output where no file is named", async () => {
  await types(folder, { language: "typescript", json: true });
  expect(JSON.parse(said.join(""))).toMatchObject({
    text: expect.stringContaining("export interface RunInput") as string,
  });
});

test("is refused for a language without types, and a check of nothing", async () => {
  await expect(types(folder, {})).rejects.toThrow(
    "There are no types for c; there are for typescript, assemblyscript,",
  );
  await expect(types(folder, { language: "go", check: true })).rejects.toThrow("--check needs --out");
});
