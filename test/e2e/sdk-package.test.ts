import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildSdk } from "../../scripts/build-sdk.ts";

/** What an author does: installs the packed SDK into an empty folder, makes a plugin, builds it and tests it. */

const ROOT = path.resolve(import.meta.dirname, "../..");
const INSTALL = ["install", "--no-audit", "--no-fund", "--prefer-offline"];
const PATIENCE_MS = 240_000;
const run = promisify(execFile);
let folder: string;
let tarball: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "author-"));
  await buildSdk({ root: ROOT, log: () => undefined });
  const { stdout } = await run("npm", ["pack", "--silent", path.join(ROOT, "dist/sdk")], { cwd: folder });
  tarball = path.join(folder, stdout.trim());
  await writeFile(path.join(folder, "package.json"), JSON.stringify({ name: "author", private: true }));
  await run("npm", [...INSTALL, tarball], { cwd: folder });
}, PATIENCE_MS);
afterAll(() => rm(folder, { recursive: true }));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function patchbay(...words: readonly string[]): Promise<Ended> {
  const command = path.join(folder, "node_modules/.bin/patchbay");
  return await run(process.execPath, [command, ...words], { cwd: folder }).then(
    (ended) => ({ code: 0, ...ended }),
    (error: Ended) => error, // what execFile rejects with has all three
  );
}

describe("the packed SDK", () => {
  test("says of itself what package managers, bundlers and compilers can rely on", async () => {
    const check = async (...command: readonly string[]) =>
      await run("npx", ["--no-install", ...command], { cwd: ROOT }).then(
        () => "clean",
        (error: Ended) => error.stdout + error.stderr, // what execFile rejects with has both
      );
    expect(await check("publint", "run", "--strict", "--level", "warning", tarball)).toBe("clean");
    // ES modules alone: what Node resolved before it knew `exports`, and require(), are not for it.
    expect(await check("attw", tarball, "--profile", "esm-only", "--quiet")).toBe("clean");
  });

  test(
    "makes a plugin that installs, builds, type-checks and passes its tests",
    async () => {
      const created = await patchbay(
        "create",
        "shop",
        "--id",
        "acme.shop",
        "--template",
        "endpoint",
        "--sdk",
        `file:${tarball}`,
        "--json",
      );
      expect(JSON.parse(created.stdout)).toMatchObject({ id: "acme.shop", template: "endpoint" });
      const project = path.join(folder, "shop");
      await run("npm", INSTALL, { cwd: project });
      const { stdout } = await run("npm", ["test"], { cwd: project });
      expect(stdout).toMatch(/permissions +storage/);
      expect(stdout).toMatch(/Tests.*1 passed/);
      await run("npm", ["run", "check"], { cwd: project });
      const manifest = JSON.parse(await readFile(path.join(project, "dist/manifest.json"), "utf8")) as object;
      expect(manifest).toMatchObject({ id: "acme.shop", permissions: ["storage"] });
    },
    PATIENCE_MS,
  );

  test.each(["typescript", "hook", "service"])("builds the template %s", async (template) => {
    await patchbay("create", template, "--template", template, "--sdk", `file:${tarball}`);
    const built = await patchbay("build", template, "--json");
    expect([built.code, built.stderr]).toEqual([0, ""]);
    expect(JSON.parse(built.stdout)).toMatchObject({ id: template, permissions: [] });
  });

  test.each([
    { template: "c", packages: [] },
    { template: "assemblyscript", packages: ["assemblyscript", "json-as", "xjb-as"] },
  ])("builds and tests the template $template", async ({ template, packages }) => {
    // As npm would install them, without fetching and unpacking a hundred megabytes.
    for (const name of packages) {
      await symlink(path.join(ROOT, "node_modules", name), path.join(folder, "node_modules", name));
    }
    const created = await patchbay("create", `my-${template}`, "--template", template, "--sdk", `file:${tarball}`);
    expect([created.code, created.stderr]).toEqual([0, ""]);
    const tested = await patchbay("test", `my-${template}`);
    if (process.env["CONFORMANCE_REQUIRE_ALL"] !== "1" && tested.stderr.includes(" needs ")) return;
    expect([tested.stderr, tested.code]).toEqual(["", 0]);
    expect(tested.stdout).toMatch(/4 passed, 0 failed\n$/);
  });

  test("runs a function, and cases with what they come to", async () => {
    const ran = await patchbay(
      "run",
      "greet",
      "--folder",
      "typescript",
      "--input",
      '{"name":"Ada"}',
      "--config",
      '{"greeting":"Hi"}',
      "--json",
    );
    expect(JSON.parse(ran.stdout)).toMatchObject({ output: '{"text":"Hi, Ada!"}', logs: [] });
    const cases = [
      { name: "greets", function: "greet", input: { name: "Ada" }, output: { text: "Hello, Ada!" } },
      { name: "refuses", function: "greet", input: { name: "" }, error: "PLUGIN_ERROR" },
      { name: "is wrong", function: "greet", input: { name: "Ada" }, output: { text: "Bye" } },
    ];
    await writeFile(path.join(folder, "typescript/cases.json"), JSON.stringify(cases));
    const tested = await patchbay("test", "typescript");
    expect(tested.code).toBe(1);
    expect(tested.stdout).toMatch(/^ok {4}greets \(fuel \d+\)\nok {4}refuses .*\nFAIL {2}is wrong\n/);
    expect(tested.stdout).toMatch(/2 passed, 1 failed\n$/);
  });

  test("says what an author did wrong, without a stack, and how it ended", async () => {
    const unknown = await patchbay("biuld");
    expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining("(Did you mean build?)")]);
    const nowhere = await patchbay("build", "nowhere");
    expect(nowhere.code).toBe(1);
    expect(nowhere.stderr).toMatch(/^error: There is no manifest\.json in .*nowhere\. .*\n$/);
    await writeFile(
      path.join(folder, "hook/src/plugin.ts"),
      'import { definePlugin } from "@patchbay/sdk";\nconst at = Date.now();\nexport default definePlugin({ functions: { at: () => at } });\n',
    );
    const early = await patchbay("build", "hook");
    expect(early.stderr).toMatch(/^error: The time is not available while the plugin is built.*\n/);
    expect(early.stderr).toMatch(/plugin\.ts:2:/);
    expect(early.stderr).not.toContain("node_modules/@patchbay/sdk/packer");
    const again = await patchbay("create", "hook");
    expect(again.stderr).toMatch(/hook is not empty\.\n$/);
  });
});
