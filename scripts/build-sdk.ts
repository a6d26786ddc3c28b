import { cp, mkdir, readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { buildPlatform } from "./build-platform.ts";
import { compileSdk } from "./compile-sdk.ts";
import { logProgress, type Log } from "./progress.ts";

/**
 * Makes the package of the SDK in dist/sdk: its TypeScript as JavaScript with types, the engines, the templates and the harness's
 * program. `npm pack ./dist/sdk` packs it.
 */
const FOLDERS = [
  "account",
  "builder",
  "cli",
  "client",
  "contract",
  "development",
  "diagnosis",
  "inspection",
  "packaging",
  "packer",
  "pages",
  "plugin",
  "profile",
  "project",
  "publishing",
  "replay",
  "signing",
  "testing",
  "types",
];
const COPIED = /\.(json|wasm|d\.ts|generated\.js)$/;

export async function buildSdk({ root, log }: { readonly root: string; readonly log: Log }): Promise<void> {
  const source = path.join(root, "sdk");
  const target = path.join(root, "dist/sdk");
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true });
  await compileSdk(root, FOLDERS, target);
  for (const folder of [...FOLDERS, "engine"]) {
    const files = await readdir(path.join(source, folder), { recursive: true });
    for (const file of files.filter((name) => COPIED.test(name) || name === "README.md")) {
      await cp(path.join(source, folder, file), path.join(target, folder, file));
    }
  }
  await buildPlatform({ root, log });
  for (const folder of ["templates", "bindings", "platform"]) {
    await cp(path.join(source, folder), path.join(target, folder), { recursive: true });
  }
  await cp(path.join(source, "package.json"), path.join(target, "package.json"));
  await cp(path.join(source, "README.md"), path.join(target, "README.md"));
  const { version } = JSON.parse(await readFile(path.join(source, "package.json"), "utf8")) as { version: string }; // our own file
  log(`SDK ${version} in dist/sdk`);
}

if (import.meta.main) await buildSdk({ root: path.resolve(import.meta.dirname, ".."), log: logProgress });
