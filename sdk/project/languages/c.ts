import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { runCompiler, inScratch } from "./compiler-run.ts";
import type { CompiledModule, Language, Source } from "./language.ts";
import { findCompiler, output, type Requirement } from "./requirement.ts";

/** Where `#include "patchbay.h"` is found. */
const BINDING = path.resolve(import.meta.dirname, "../../bindings/c");
const COMPILE = ["-c", "-std=c11", "-O2", "-g0", "-Wall", "-Wextra", "-mbulk-memory"];
/** Without -O: with it clang runs whatever wasm-opt is in PATH, which need not know what clang wrote. */
const LINK = ["-Wl,--strip-all", "-Wl,--stack-first"];
const WASI = { compile: ["--target=wasm32-wasi"], link: ["--target=wasm32-wasi", "-mexec-model=reactor"] };
const BARE = {
  compile: ["--target=wasm32-unknown-unknown", "-ffreestanding"],
  link: ["--target=wasm32-unknown-unknown", "-nostdlib", "-Wl,--no-entry"],
};

const clang: Requirement = {
  name: "clang with lld",
  candidates: () => [
    ...[process.env["WASI_SDK_PATH"]].filter((found) => found !== undefined).map(sdkClang),
    ["clang", "--version"],
  ],
  version: /clang version (\d+(?:\.\d+)*)/,
  minimum: "14",
  lacks: async (command) => ((await linker(command)) ? undefined : "has no wasm-ld beside it"),
  install:
    "Debian and Ubuntu: apt-get install clang lld, and wasi-libc libclang-rt-<version>-dev-wasm32 for the C library. macOS: brew install llvm lld. " +
    "Anywhere: wasi-sdk (https://github.com/WebAssembly/wasi-sdk), with WASI_SDK_PATH set to its folder.",
};

/** C: every file `src/*.c`. With a C library for WASI where the compiler has one, else without any. */
export const c: Language = {
  name: "c",
  title: "C",
  entries: ["src/plugin.c"],
  requirements: [clang],
  build,
};

async function build({ folder, entry }: Source): Promise<CompiledModule> {
  const { command } = await findCompiler("C", clang, folder);
  const directory = path.dirname(entry);
  const files = (await readdir(directory)).filter((name) => /\.[ch]$/.test(name)).sort();
  const target = (await hasLibrary(command)) ? WASI : BARE;
  return await inScratch(async (scratch) => {
    const objects: string[] = [];
    const warnings: string[] = [];
    for (const name of files.filter((file) => file.endsWith(".c"))) {
      const object = path.join(scratch, `${name}.o`);
      const source = path.relative(folder, path.join(directory, name));
      const args = [...target.compile, ...COMPILE, "-I", BINDING, "-o", object, source];
      warnings.push(await runCompiler({ command, args, folder }));
      objects.push(object);
    }
    const module = path.join(scratch, "plugin.wasm");
    warnings.push(await runCompiler({ command, args: [...target.link, ...LINK, "-o", module, ...objects], folder }));
    return {
      wasm: await readFile(module),
      warnings: warnings.filter((text) => text !== ""),
      inputs: files.map((name) => path.join(directory, name)),
    };
  });
}

function sdkClang(folder: string): [string, string] {
  return [path.join(folder, "bin/clang"), "--version"];
}

async function linker(command: string): Promise<boolean> {
  const found = await output(command, ["--target=wasm32-wasi", "-print-prog-name=wasm-ld"]);
  return (
    found !== undefined && (path.isAbsolute(found.trim()) || (await output("wasm-ld", ["--version"])) !== undefined)
  );
}

/** The C library and the compiler's own part that go with it. */
async function hasLibrary(command: string): Promise<boolean> {
  const asked = ["libc.a", "crt1-reactor.o"].map((file) => output(command, [...WASI.link, `-print-file-name=${file}`]));
  const runtime = output(command, ["--target=wasm32-wasi", "-print-libgcc-file-name"]);
  const found = await Promise.all([...asked, runtime]);
  return found.every((file) => file !== undefined && existsSync(file.trim()));
}
