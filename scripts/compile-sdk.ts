import { execFile } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/**
 * Compiles folders of sdk/ to JavaScript with types, and what they import with them.
 *
 * @param folders  names in sdk/
 * @param target  folder that takes their place, absolute
 */
export async function compileSdk(root: string, folders: readonly string[], target: string): Promise<void> {
  const configuration = path.join(root, `dist/tsconfig.${path.basename(target)}.json`);
  await mkdir(path.dirname(configuration), { recursive: true });
  await writeFile(
    configuration,
    JSON.stringify({
      extends: "../tsconfig.node.json",
      compilerOptions: {
        noEmit: false,
        rootDir: "../sdk",
        outDir: target,
        declaration: true,
        rewriteRelativeImportExtensions: true,
        paths: {},
      },
      include: folders.map((folder) => `../sdk/${folder}`),
      exclude: ["../**/*.generated.*"],
    }),
  );
  const compiler = path.join(root, "node_modules/typescript/bin/tsc");
  await run(process.execPath, [compiler, "-p", configuration], { cwd: root });
  await rm(configuration);
}
