import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { buildClient } from "./build-client.ts";
import { buildDownloads } from "./build-downloads.ts";
import { buildHarness } from "./build-harness.ts";
import { buildPages } from "./build-pages.ts";
import { buildPlugins } from "./build-plugins.ts";
import { buildSandbox } from "./build-sandbox.ts";
import { logProgress, type Log } from "./progress.ts";

const SWAGGER_FILES = ["swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png", "LICENSE"];

/** Everything the worker needs that is not its own source. Steps whose inputs are unchanged are skipped. */
export async function build(options: { readonly root: string; readonly log: Log }): Promise<void> {
  await buildSandbox(options);
  await buildHarness(options);
  await buildClient(options);
  await buildDownloads(options);
  await buildPlugins(options);
  await copyApiReference(options.root);
  await copyDescription(options.root);
  await buildPages(path.join(options.root, "dist/assets"));
}

/** The API reference page runs from our own origin; no content network is involved. */
async function copyApiReference(root: string): Promise<void> {
  const target = path.join(root, "dist/assets/swagger");
  await mkdir(target, { recursive: true });
  for (const file of SWAGGER_FILES) {
    await cp(path.join(root, "node_modules/swagger-ui-dist", file), path.join(target, file));
  }
}

/** Without the line breaks that are for people. */
async function copyDescription(root: string): Promise<void> {
  const text = await readFile(path.join(root, "docs/openapi.json"), "utf8");
  await writeFile(path.join(root, "dist/assets/openapi.json"), JSON.stringify(JSON.parse(text)));
}

if (import.meta.main) await build({ root: path.resolve(import.meta.dirname, ".."), log: logProgress });
