import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Log } from "../../scripts/progress.ts";
import type { PluginCases } from "./cases.ts";
import { RECIPES, type Recipe } from "./compile.ts";
import { digestOf } from "./job.ts";

export interface BuiltPlugin extends PluginCases {
  readonly language: string;
  /** As its compiler left it. */
  readonly module: Uint8Array;
}

export interface BuildResult {
  readonly built: readonly BuiltPlugin[];
  readonly skipped: readonly { readonly name: string; readonly missing: string }[];
}

/** Compiles what changed into dist/conformance; a plugin whose compiler is missing is skipped, and said to be. */
export async function buildPlugins(root: string, plugins: readonly PluginCases[], log: Log): Promise<BuildResult> {
  const scratch = path.join(root, "dist/conformance");
  await mkdir(scratch, { recursive: true });
  const built: BuiltPlugin[] = [];
  const skipped: { name: string; missing: string }[] = [];
  for (const plugin of plugins) {
    const recipe = RECIPES[plugin.name];
    const toolchain = recipe?.toolchain();
    if (recipe === undefined || toolchain === undefined) {
      built.push({
        ...plugin,
        language: "given as a module",
        module: await readFile(path.join(plugin.folder, "plugin.wasm")),
      });
    } else if ("missing" in toolchain) {
      skipped.push({ name: plugin.name, missing: toolchain.missing });
      log(`${plugin.name}: SKIPPED, missing: ${toolchain.missing}`);
    } else {
      const job = {
        root,
        folder: plugin.folder,
        target: path.join(scratch, `${plugin.name}.wasm`),
        scratch,
        compiler: toolchain,
      };
      await buildOne(plugin.name, recipe, job, log);
      built.push({ ...plugin, language: recipe.language, module: await readFile(job.target) });
    }
  }
  return { built, skipped };
}

async function buildOne(name: string, recipe: Recipe, job: Parameters<Recipe["compile"]>[0], log: Log): Promise<void> {
  const inputs = await inputDigest(job.root, job.compiler.version);
  const stamp = `${job.target}.inputs`;
  if (existsSync(job.target) && existsSync(stamp) && (await readFile(stamp, "utf8")) === `${name} ${inputs}`) return;
  const unfinished = `${job.target}.part.wasm`;
  await recipe.compile({ ...job, target: unfinished });
  await rename(unfinished, job.target);
  await writeFile(stamp, `${name} ${inputs}`);
  log(`${name}: compiled with ${job.compiler.version}`);
}

/** All sources together: they include each other, and are few. */
async function inputDigest(root: string, version: string): Promise<string> {
  const folders = ["test/conformance/plugins", "sdk/bindings/assemblyscript"];
  const listed = await Promise.all(
    folders.map(async (folder) => {
      const names = await readdir(path.join(root, folder), { recursive: true });
      return names
        .filter((name) => /\.(c|cpp|h|rs|go|mod|ts|wat)$/.test(name))
        .map((name) => path.join(root, folder, name));
    }),
  );
  const files = [
    ...listed.flat().sort(),
    ...["compile.ts", "compile-quickjs.ts"].map((name) => path.join(import.meta.dirname, name)),
  ];
  return digestOf([version, ...(await Promise.all(files.map((file) => readFile(file))))]);
}
