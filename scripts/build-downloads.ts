import { createHash } from "node:crypto";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { build as bundle } from "esbuild";
import { compileSdk } from "./compile-sdk.ts";
import type { Log } from "./progress.ts";

/** What a deployment gives away at /sdk: the client of its API, as a package for npm and as one file. */

const run = promisify(execFile);
const PACKAGE = "patchbay-client.tgz";
const BUNDLE = "client.js";
/** Made, so not compiled with the rest. */
const OPERATIONS = ["operations.generated.js", "operations.generated.d.ts"];
const PAGE = "index.html";

interface Options {
  readonly root: string;
  readonly log: Log;
}

export async function buildDownloads({ root, log }: Options): Promise<void> {
  const assets = path.join(root, "dist/assets/sdk");
  const stamp = path.join(root, "dist/client.inputs-sha256");
  const digest = await digestOf(root);
  const done = [PACKAGE, BUNDLE, PAGE].every((name) => existsSync(path.join(assets, name))) && existsSync(stamp);
  if (done && (await readFile(stamp, "utf8")) === digest) return;
  await mkdir(assets, { recursive: true });
  await packClient(root, assets);
  const { outputFiles } = await bundle({
    entryPoints: [path.join(root, "sdk/client/index.ts")],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    minify: true,
  });
  const text = outputFiles[0]?.contents ?? new Uint8Array();
  await writeFile(path.join(assets, BUNDLE), text);
  await writeFile(path.join(assets, PAGE), PAGE_TEXT);
  await writeFile(stamp, digest);
  log(`client ${text.byteLength} bytes at /sdk`);
}

/** The types go with it, and need those of the runtime's package. */
async function packClient(root: string, assets: string): Promise<void> {
  const folder = path.join(root, "dist/client");
  await rm(folder, { recursive: true, force: true });
  await compileSdk(root, ["client"], folder);
  for (const name of OPERATIONS) await cp(path.join(root, "sdk/client", name), path.join(folder, "client", name));
  const sdk = JSON.parse(await readFile(path.join(root, "sdk/package.json"), "utf8")) as {
    version: string;
    license: string;
    dependencies: Record<string, string>;
  }; // our own file
  const runtime = "@oazapfts/runtime";
  const description = {
    name: "@patchbay/client",
    version: sdk.version,
    description: "Typed client of the Patchbay API.",
    license: sdk.license,
    type: "module",
    sideEffects: false,
    exports: {
      ".": { types: "./client/index.d.ts", default: "./client/index.js" },
      "./package.json": "./package.json",
    },
    dependencies: { [runtime]: sdk.dependencies[runtime] },
  };
  await writeFile(path.join(folder, "package.json"), JSON.stringify(description, null, 2));
  const { stdout } = await run("npm", ["pack", "--silent", "--pack-destination", assets, folder], { cwd: root });
  await rename(path.join(assets, stdout.trim()), path.join(assets, PACKAGE));
}

async function digestOf(root: string): Promise<string> {
  const hash = createHash("sha256").update(await readFile(import.meta.filename));
  for (const folder of ["sdk/client", "sdk/contract"]) {
    const names = await readdir(path.join(root, folder));
    for (const name of names.filter((file) => /\.(ts|generated\.js)$/.test(file)).toSorted()) {
      hash.update(await readFile(path.join(root, folder, name)));
    }
  }
  return hash.update(await readFile(path.join(root, "sdk/package.json"))).digest("hex");
}

const PAGE_TEXT = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Patchbay client</title>
<link rel="stylesheet" href="/docs/pages.css">
<h1>Client of this API</h1>
<p>For TypeScript and JavaScript, with types made from this deployment's <a href="/openapi.json">description</a>.</p>
<table>
<tr><th>File</th><th>For</th></tr>
<tr><td><a href="/sdk/${PACKAGE}">${PACKAGE}</a></td><td><code>npm install &lt;this address&gt;/${PACKAGE}</code></td></tr>
<tr><td><a href="/sdk/${BUNDLE}">${BUNDLE}</a></td><td><code>import { createClient } from "&lt;this address&gt;/${BUNDLE}"</code>, without types</td></tr>
</table>
<pre><code>import { createClient, isPatchbayError, paginate } from "@patchbay/client";

const client = createClient({ url: "https://patchbay.example.com", token: process.env.PATCHBAY_TOKEN });
const { output } = await client.executePlugin({ id: "sentiment", body: { input: { text: "Lovely" } } });
for await (const plugin of paginate(client.listPlugins)) console.log(plugin.id);
</code></pre>
<p>Other languages: any generator for OpenAPI 3.1 takes <a href="/openapi.json">/openapi.json</a>. The operations are at <a href="/docs">/docs</a>,
the error codes at <a href="/docs/errors">/docs/errors</a>.</p>
</html>
`;
