import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { performance } from "node:perf_hooks";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { parseManifestText } from "../sdk/contract/manifest.ts";
import { logProgress, type Log } from "./progress.ts";

/** Builds the AssemblyScript plugins of `wasm-plugins/` into `dist/plugins/<id>/{plugin.wasm,manifest.json}`. */

export interface BuiltPlugin {
  readonly id: string;
  /** `dist/plugins/<id>`, absolute. */
  readonly folder: string;
  readonly built: boolean;
}

interface Options {
  /** The project's root: asc resolves the paths in every `asconfig.json` from here. */
  readonly root: string;
  readonly log: Log;
}

/** What a plugin's optional `generate.ts` exports: source files to write before compiling. */
interface Generator {
  readonly generate: (folder: string) => Promise<readonly { readonly path: string; readonly text: string }[]>;
}

const STAMP = ".inputs-sha256";
const TOOLCHAIN = ["assemblyscript", "json-as"];
/** Read by people and tests, not by the build. */
const NOT_INPUT = /(\.md|\.jsonl|\.generated\.[a-z]+|(^|\/)(cases\.json|LICENSE|NOTICE))$/;

/** Builds every plugin whose inputs changed since its last build; one line of progress each. */
export async function buildPlugins({ root, log }: Options): Promise<readonly BuiltPlugin[]> {
  const built: BuiltPlugin[] = [];
  for (const name of await pluginFolders(root)) {
    built.push(await buildPlugin(root, path.join(root, "wasm-plugins", name), log));
  }
  return built;
}

async function pluginFolders(root: string): Promise<string[]> {
  const names = await readdir(path.join(root, "wasm-plugins"));
  return names.filter((name) => existsSync(path.join(root, "wasm-plugins", name, "asconfig.json"))).sort();
}

async function buildPlugin(root: string, source: string, log: Log): Promise<BuiltPlugin> {
  const { id } = parseManifestText(await readFile(path.join(source, "manifest.json")));
  const folder = path.join(root, "dist/plugins", id);
  const digest = await inputDigest(root, source);
  if ((await stampOf(folder)) === digest) {
    log(`plugin ${id}: unchanged`);
    return { id, folder, built: false };
  }
  const started = performance.now();
  await mkdir(folder, { recursive: true });
  await rm(path.join(folder, STAMP), { force: true });
  await writeGenerated(source);
  await compile(root, source, path.join(folder, "plugin.wasm"));
  await copyFile(path.join(source, "manifest.json"), path.join(folder, "manifest.json"));
  await writeFile(path.join(folder, STAMP), digest);
  log(`plugin ${id}: ${await describeSize(folder)}, built in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return { id, folder, built: true };
}

/** @returns the digest of the inputs of the last complete build, or undefined */
async function stampOf(folder: string): Promise<string | undefined> {
  const files = ["plugin.wasm", "manifest.json", STAMP].map((name) => path.join(folder, name));
  return files.every((file) => existsSync(file)) ? readFile(path.join(folder, STAMP), "utf8") : undefined;
}

/** SHA-256 over name and content of everything that decides the output. */
async function inputDigest(root: string, source: string): Promise<string> {
  const files = [
    ...(await filesUnder(source)),
    ...(await filesUnder(path.join(root, "sdk/bindings/assemblyscript"))),
    ...TOOLCHAIN.map((name) => path.join(root, "node_modules", name, "package.json")),
    import.meta.filename,
  ];
  const hash = createHash("sha256");
  for (const file of files.sort((a, b) => (a < b ? -1 : 1))) {
    const content = await readFile(file);
    hash.update(`${path.relative(root, file)}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}

async function filesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => !NOT_INPUT.test(file));
}

async function writeGenerated(source: string): Promise<void> {
  const script = path.join(source, "generate.ts");
  if (!existsSync(script)) return;
  // A plugin's generate.ts has this shape by convention; another one fails here, at the call.
  const { generate } = (await import(pathToFileURL(script).href)) as Generator;
  for (const file of await generate(source)) await replaceFile(path.join(source, file.path), file.text);
}

/** In a single step, so that somebody who builds or reads at the same time never meets half a file. */
async function replaceFile(file: string, text: string): Promise<void> {
  await writeFile(`${file}.${process.pid}.tmp`, text);
  await rename(`${file}.${process.pid}.tmp`, file);
}

/** The finished module replaces the old one in a single step too. */
async function compile(root: string, source: string, target: string): Promise<void> {
  const { default: asc } = await import("assemblyscript/asc");
  const unfinished = `${target}.${process.pid}.tmp`;
  const fromRoot = (file: string): string => path.relative(root, file).replaceAll(path.sep, "/");
  const entry = fromRoot(path.join(source, "src/index.ts"));
  const config = fromRoot(path.join(source, "asconfig.json"));
  const stderr = asc.createMemoryStream();
  const options = ["--config", config, "--baseDir", root, "--outFile", fromRoot(unfinished)];
  const result = await asc.main([entry, ...options], { stderr });
  if (result.error) {
    await rm(unfinished, { force: true });
    throw new Error(`${entry} does not compile:\n${stderr.toString()}`, { cause: result.error });
  }
  await rename(unfinished, target);
}

function kibibytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}

async function describeSize(folder: string): Promise<string> {
  const file = path.join(folder, "plugin.wasm");
  return `${kibibytes((await stat(file)).size)} (${kibibytes(gzipSync(await readFile(file)).length)} gzip)`;
}

if (import.meta.main) await buildPlugins({ root: path.resolve(import.meta.dirname, ".."), log: logProgress });
