import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LANGUAGES, languageOf } from "../../../sdk/project/languages/languages.ts";
import { checkRequirement, findCompiler, type Requirement } from "../../../sdk/project/languages/requirement.ts";
import { runCompiler } from "../../../sdk/project/languages/compiler-run.ts";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), "languages-"));
});
afterAll(() => rm(root, { recursive: true }));

async function folderWith(name: string, ...files: readonly string[]): Promise<string> {
  const folder = path.join(root, name);
  for (const file of files) {
    await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
    await writeFile(path.join(folder, file), "");
  }
  return folder;
}

const NODE: Requirement = {
  name: "Node",
  candidates: () => [
    ["no-such-command", "--version"],
    [process.execPath, "--version"],
  ],
  version: /^v(\d+\.\d+)/,
  install: "Get it.",
};

describe("the languages", () => {
  test("have names and entries of their own", () => {
    const names = LANGUAGES.map(({ name }) => name);
    const entries = LANGUAGES.flatMap((language) => language.entries);
    expect(new Set(names).size).toBe(names.length);
    expect(new Set(entries).size).toBe(entries.length);
  });

  test.each(LANGUAGES.flatMap(({ name, entries }) => entries.map((entry) => ({ name, entry }))))(
    "$entry is $name",
    async ({ name, entry }) => {
      const folder = await folderWith(`${name}-${entry.replaceAll("/", "-")}`, entry);
      const found = languageOf(folder);
      expect([found.language.name, found.entry]).toEqual([name, path.join(folder, entry)]);
    },
  );

  test("are not guessed: no entry and entries of two are errors", async () => {
    const both = await folderWith("both", "src/plugin.ts", "src/plugin.c");
    expect(() => languageOf(both)).toThrow(
      /several languages in .*: src\/plugin\.ts \(TypeScript\), src\/plugin\.c \(C\)/,
    );
    const none = await folderWith("none", "README.md");
    expect(() => languageOf(none)).toThrow(/There is no plugin in .*none/);
  });
});

describe("what a language needs", () => {
  test("is the first command that answers, is recent enough and lacks nothing", async () => {
    const [major = "", minor = ""] = process.versions.node.split(".");
    expect(await checkRequirement(NODE, root)).toEqual({
      compiler: { command: process.execPath, version: `${major}.${minor}` },
    });
    expect(await checkRequirement({ ...NODE, minimum: "9.5" }, root)).toHaveProperty("compiler");
    expect(await checkRequirement({ ...NODE, minimum: "999" }, root)).toEqual({
      problem: expect.stringMatching(/ is \d+\.\d+, and at least 999 is needed$/),
    });
    const lacking = { ...NODE, lacks: () => Promise.resolve("has no wings") };
    expect(await checkRequirement(lacking, root)).toEqual({ problem: `${process.execPath} has no wings` });
  });

  test("is named with how to install it where it is missing", async () => {
    const missing = { ...NODE, candidates: () => [["no-such-command", "--version"] as const] };
    await expect(findCompiler("Node", missing, root)).rejects.toMatchObject({
      name: "UserError",
      message: "A plugin in Node needs Node: it is not installed.",
      detail: "Get it.",
    });
  });

  test("says what does not compile", async () => {
    const args = ["-e", "console.error('plugin.c:1: wrong'); process.exit(1)"];
    await expect(runCompiler({ command: process.execPath, args, folder: root })).rejects.toMatchObject({
      name: "UserError",
      detail: "plugin.c:1: wrong",
    });
  });
});
