import { execFile } from "node:child_process";
import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { clang, quickjsSource } from "../../conformance/toolchains.ts";
import { compileKernels } from "./kernels.ts";

const execute = promisify(execFile);
const PROGRAMS = path.join(import.meta.dirname, "programs");
const OPTIONS = ["-O2", "-g0", "-Wl,--strip-all", "-Wl,--stack-first"];

/** A module of kernels, or what is missing to make it. */
export type KernelModule =
  | { readonly name: string; readonly sizes: Readonly<Record<string, number>>; readonly bytes: Uint8Array }
  | { readonly name: string; readonly sizes: Readonly<Record<string, number>>; readonly missing: string };

/** Each kernel with the size that takes some milliseconds. */
const C_SIZES = {
  recursion: 26,
  sieve: 500_000,
  matrix: 100,
  sha256: 4_000,
  json: 40,
  quicksort: 40_000,
  interpreter: 1_000_000,
  vowels: 2_000_000,
};

/** The kernels of the bench: C, AssemblyScript, and JavaScript in an engine that is itself a module. */
export async function kernelModules(target: string): Promise<KernelModule[]> {
  await mkdir(target, { recursive: true });
  return [
    await compiledC(target),
    { name: "assemblyscript", sizes: { words: 30_000 }, bytes: await compileKernels() },
    await quickjs(target),
  ];
}

async function compiledC(target: string): Promise<KernelModule> {
  const compiler = clang("bare");
  if ("missing" in compiler) return { name: "c", sizes: C_SIZES, missing: compiler.missing };
  const file = path.join(target, "kernels.wasm");
  const bare = ["-nostdlib", "-ffreestanding", "-fno-builtin", "-Wl,--no-entry"];
  const source = path.join(PROGRAMS, "kernels.c");
  await execute(compiler.command, [`--target=${compiler.target}`, ...OPTIONS, ...bare, "-o", file, source]);
  return { name: "c", sizes: C_SIZES, bytes: await readFile(file) };
}

async function quickjs(target: string): Promise<KernelModule> {
  const head = { name: "quickjs", sizes: { javascript: 2_000 } };
  const [engine, compiler] = [quickjsSource(), clang("wasi")];
  if (engine === undefined) return { ...head, missing: "qjs-src (quickjs-ng), see scripts/toolchains.sh" };
  if ("missing" in compiler) return { ...head, missing: compiler.missing };
  const file = path.join(target, "javascript.wasm");
  const sources = ["quickjs.c", "libregexp.c", "libunicode.c", "dtoa.c"].map((name) => path.join(engine, name));
  const names = ["_GNU_SOURCE", "QUICKJS_NG_BUILD", "NDEBUG", "_WASI_EMULATED_PROCESS_CLOCKS", "_WASI_EMULATED_SIGNAL"];
  const wasi = [...names.map((name) => `-D${name}`), "-mexec-model=reactor", "-w", `-I${engine}`];
  const stack = "-Wl,-z,stack-size=1048576";
  const all = [...OPTIONS, ...wasi, stack, "-o", file, path.join(PROGRAMS, "javascript.c"), ...sources];
  await execute(compiler.command, [`--target=${compiler.target}`, ...all]);
  return { ...head, bytes: await readFile(file) };
}
