import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import type { Log } from "./progress.ts";

/**
 * Makes the API's functions of the client from docs/openapi.json. Their types are those of the description, which a test holds to the
 * routes, so that a client that compiles asks for what there is.
 */

const SOURCE = "docs/openapi.json";
const FOLDER = "sdk/client";
const NAME = "operations.generated";

interface Operation {
  readonly responses: Readonly<Record<string, unknown>>;
}

interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

export async function buildClient({ root, log }: { readonly root: string; readonly log: Log }): Promise<void> {
  const text = await readFile(path.join(root, SOURCE), "utf8");
  const hash = createHash("sha256")
    .update(text)
    .update(await readFile(import.meta.filename));
  const stamp = `// ${hash.digest("hex")}`;
  const target = path.join(root, FOLDER, `${NAME}.js`);
  if (existsSync(target) && (await readFile(target, "utf8")).startsWith(`${stamp}\n`)) return;
  const { generateSource } = await import("oazapfts");
  await mkdir(path.join(root, "dist"), { recursive: true });
  const folder = await mkdtemp(path.join(root, "dist/operations-"));
  const file = path.join(folder, "openapi.json");
  await writeFile(file, JSON.stringify(withoutWildcards(JSON.parse(text) as Description))); // our own file
  const source = await generateSource(file, {
    argumentStyle: "object",
    useUnknown: true,
    futureStripLegacyMethods: true,
  });
  await writeFile(path.join(folder, `${NAME}.ts`), source);
  await compile(root, folder);
  await rm(folder, { recursive: true });
  await writeFile(target, `${stamp}\n${await readFile(target, "utf8")}`);
  log(`client ${Buffer.byteLength(source)} bytes of operations`);
}

/** To JavaScript and its types, which are strict; the code between them is not written for `exactOptionalPropertyTypes`. */
async function compile(root: string, folder: string): Promise<void> {
  const configuration = path.join(folder, "tsconfig.json");
  const compilerOptions = {
    noEmit: false,
    declaration: true,
    exactOptionalPropertyTypes: false,
    rewriteRelativeImportExtensions: true,
    rootDir: ".",
    outDir: path.join(root, FOLDER),
    paths: {},
  };
  await writeFile(
    configuration,
    JSON.stringify({ extends: "../../tsconfig.node.json", compilerOptions, include: [`${NAME}.ts`], exclude: [] }),
  );
  const compiler = path.join(root, "node_modules/typescript/bin/tsc");
  await promisify(execFile)(process.execPath, [compiler, "-p", configuration], { cwd: root });
}

/** Without what is no request and answer of its own shape: the endpoints of plugins, and the WebSocket. */
function withoutWildcards(description: Description): Description {
  const paths = Object.entries(description.paths)
    .filter(([route]) => !route.endsWith("*"))
    .map(([route, methods]) => [
      route,
      Object.fromEntries(Object.entries(methods).filter(([, { responses }]) => !("101" in responses))),
    ]);
  return { ...description, paths: Object.fromEntries(paths) as Description["paths"] };
}
