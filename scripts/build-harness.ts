import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { build as bundle, type Plugin } from "esbuild";
import { logProgress, type Log } from "./progress.ts";

const ENTRY = "scripts/production-program.ts";
const TARGET = "sdk/testing/production-program.generated.js";

const DECLARATION = `import type { ProductionProgram } from "./production-program.ts";
export const openPlugin: ProductionProgram["openPlugin"];
export const inspectUpload: ProductionProgram["inspectUpload"];
export const replayRecording: ProductionProgram["replayRecording"];
export const requestCapability: ProductionProgram["requestCapability"];
`;

/** Bundles the platform's own program for the SDK's test harness, which runs in Node. */
export async function buildHarness({ root, log }: { readonly root: string; readonly log: Log }): Promise<void> {
  const inputs = await digestOf(root, await knownInputs(root));
  if (inputs !== undefined && (await firstLine(root))?.startsWith(`// ${inputs} `)) return;
  const result = await bundle({
    absWorkingDir: root,
    entryPoints: [ENTRY],
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    target: "es2024",
    minifySyntax: true,
    legalComments: "none",
    loader: { ".wasm": "binary" },
    plugins: [runtimeClasses],
    metafile: true,
  });
  const files = Object.keys(result.metafile.inputs)
    .filter((file) => !file.startsWith("runtime:"))
    .toSorted();
  const text = result.outputFiles[0]?.text ?? "";
  await writeFile(path.join(root, TARGET), `// ${await digestOf(root, files)} ${JSON.stringify(files)}\n${text}`);
  await writeFile(path.join(root, TARGET.replace(/\.js$/, ".d.ts")), DECLARATION);
  log(`harness ${Buffer.byteLength(text)} bytes`);
}

/** The bundle's first line is a digest of all it was made of, and their names. */
async function firstLine(root: string): Promise<string | undefined> {
  const target = path.join(root, TARGET);
  return existsSync(target) ? (await readFile(target, "utf8")).split("\n", 1)[0] : undefined;
}

async function knownInputs(root: string): Promise<readonly string[]> {
  const names = /^\/\/ \S+ (.*)$/.exec((await firstLine(root)) ?? "")?.[1];
  return names === undefined ? [] : (JSON.parse(names) as string[]); // written here
}

/** @returns undefined where one of the files is gone, or there are none */
async function digestOf(root: string, files: readonly string[]): Promise<string | undefined> {
  const paths = files.map((file) => path.join(root, file));
  if (files.length === 0 || !paths.every((file) => existsSync(file))) return undefined;
  const hash = createHash("sha256").update(await readFile(import.meta.filename));
  for (const file of paths) hash.update(await readFile(file));
  return hash.digest("hex");
}

/** The base classes that workerd brings, as far as they matter where nothing is remote. */
const runtimeClasses: Plugin = {
  name: "runtime-classes",
  setup(build) {
    build.onResolve({ filter: /^cloudflare:workers$/ }, ({ path: specifier }) => ({
      path: specifier,
      namespace: "runtime",
    }));
    build.onLoad({ filter: /.*/, namespace: "runtime" }, () => ({
      contents: `export class RpcTarget {}
export class WorkerEntrypoint {}
export class DurableObject { constructor(ctx, env) { this.ctx = ctx; this.env = env; } }`,
    }));
  },
};

if (import.meta.main) await buildHarness({ root: path.resolve(import.meta.dirname, ".."), log: logProgress });
