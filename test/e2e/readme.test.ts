import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildSdk } from "../../scripts/build-sdk.ts";
import { environment, RunningPatchbay, temporaryFolder } from "../support/node/running-patchbay.ts";
import { ROOT } from "../support/node/source-files.ts";

/**
 * The README's first plugin, run as a stranger would: the blocks marked `run: first-plugin`, in one shell, in order, and
 * then those of the pages that go on with it.
 */

const BLOCK = /<!-- run: first-plugin -->\s*```sh\n([\s\S]*?)```/g;
const TUTORIAL_BLOCK = /<!-- run: tutorial -->\s*```sh\n([\s\S]*?)```/g;

const canCompileC = await access("/usr/bin/clang").then(
  () => true,
  () => false,
);

async function runInShell(script: string, folder: string, settings: Readonly<Record<string, string>>): Promise<string> {
  // npm run works from the project; files go to a folder of the test's own.
  const child = spawn("bash", ["-euo", "pipefail", "-c", script.replaceAll("npm run", `npm --prefix ${ROOT} run`)], {
    cwd: folder,
    env: environment(settings),
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk) => (output += String(chunk)));
  const [code] = (await once(child, "exit")) as [number];
  if (code !== 0) throw new Error(`the README's commands ended with ${code}:\n${output}`);
  return output;
}

describe.runIf(canCompileC)("README", () => {
  let work: Awaited<ReturnType<typeof temporaryFolder>>;
  let patchbay: RunningPatchbay;

  beforeAll(async () => {
    work = await temporaryFolder();
    patchbay = await RunningPatchbay.start(path.join(work.path, "state"));
  }, 180_000);

  afterAll(async () => {
    await patchbay.stop();
    await work.remove();
  });

  test("the first plugin compiles, uploads, runs, is stopped and runs again", async () => {
    const readme = await readFile(path.join(ROOT, "README.md"), "utf8");
    const blocks = [...readme.matchAll(BLOCK)].map(([, block]) => block ?? "");
    expect(blocks).toHaveLength(4);
    const page = await readFile(path.join(ROOT, "docs/profiling.md"), "utf8");
    blocks.push(...[...page.matchAll(BLOCK)].map(([, block]) => block ?? ""));
    expect(blocks).toHaveLength(5);
    const output = await runInShell(blocks.join("\n"), work.path, patchbay.settings);
    expect(output).toContain('"version":"1.0.0"');
    expect(output).toContain('"output":"Hello, world"');
    expect(output).toContain('"code":"FUEL_EXHAUSTED"');
    expect(output).toContain("Hello, again");
    // "Hello, world", a byte at a time, each for the price of an import.
    expect(output).toMatch(/\{"name":"\[kernel\] store_u8","index":\d,"self":720,"total":720,"calls":12\}/);
    const file: unknown = JSON.parse(await readFile(path.join(work.path, "hello.speedscope.json"), "utf8"));
    expect(file).toMatchObject({ name: "demo.hello 1.0.0 greet", profiles: [{ type: "evented" }] });
  }, 60_000);

  test("the tutorial leads from nothing to a running plugin", async () => {
    const page = await readFile(path.join(ROOT, "docs/tutorial.md"), "utf8");
    const blocks = [...page.matchAll(TUTORIAL_BLOCK)].map(([, block]) => block ?? "");
    expect(blocks).toHaveLength(5);
    await buildSdk({ root: ROOT, log: () => undefined });
    const sdk = path.join(ROOT, "dist/sdk");
    const packed = `$(npm pack --silent --pack-destination "$PWD" ${sdk})`;
    const script = blocks
      .join("\n")
      // The package is not published: it is packed here, and its own command makes the folder.
      .replace("npx @patchbay/sdk create hello", `node ${sdk}/cli/main.js create hello --sdk "file:$PWD/${packed}"`)
      .replace("npm install", "npm install --prefer-offline")
      .replaceAll("http://127.0.0.1:8787", patchbay.url);
    // Nothing is there yet; the README's own plugin has the same name.
    const folder = path.join(work.path, "tutorial");
    await mkdir(folder);
    const login = path.join(work.path, "login");
    const output = await runInShell(script, folder, { ...patchbay.settings, PATCHBAY_CONFIG: login });
    expect(output).toContain("3 passed");
    expect(output).toContain('{"text":"Hi, Ada!"}');
    expect(output).toContain("dist/docs/plugin.html");
    expect(output).toContain("Published demo.greeter 0.1.0");
    expect(output.slice(-1_000)).toContain('"output":{"text":"Hello, Ada!"}');
  }, 180_000);
});
