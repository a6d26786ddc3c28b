import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { compileQuickJs } from "./compile-quickjs.ts";
import { execute, type Job } from "./job.ts";
import { clang, clangWithLibraries, go, quickjs, rust, type Toolchain } from "./toolchains.ts";

export interface Recipe {
  /** For people. */
  readonly language: string;
  readonly toolchain: () => Toolchain;
  readonly compile: (job: Job) => Promise<void>;
}

const ASSEMBLYSCRIPT: Toolchain = { command: process.execPath, version: "asc of this repository", target: "wasm32" };

const BINARYEN: Toolchain = { command: process.execPath, version: "binaryen of this repository", target: "wasm32" };
const REACTOR = ["-mexec-model=reactor"];

/** Written by hand in the text format of WebAssembly: what compilers of our own do not make. */
const TEXTS = ["abi", "command", "constructors", "endless-start", "features", "haskell", "legacy", "start"].map(
  (name) => `wat-${name}`,
);

/** How each folder of plugins is compiled. A folder without a recipe has its module in it as plugin.wasm. */
export const RECIPES: Readonly<Record<string, Recipe>> = {
  "assemblyscript-sdk": {
    language: "AssemblyScript, the SDK's binding",
    toolchain: () => ASSEMBLYSCRIPT,
    compile: (job) => compileAssemblyScript(job, "sdk/bindings/assemblyscript/error/onAbort"),
  },
  "assemblyscript-pdk": {
    language: "AssemblyScript, @extism/as-pdk",
    toolchain: () => ASSEMBLYSCRIPT,
    compile: (job) => compileAssemblyScript(job, "test/conformance/plugins/assemblyscript-pdk/plugin/onAbort"),
  },
  "c-bare": { language: "C, no library", toolchain: () => clang("bare"), compile: compileBareC },
  "c-command": { language: "C, WASI command", toolchain: () => clang("wasi"), compile: (job) => compileC(job, []) },
  "c-http": { language: "C, HTTP", toolchain: () => clang("wasi"), compile: compileReactor },
  "c-libc": { language: "C, wasi-libc", toolchain: () => clang("wasi"), compile: compileReactor },
  "c-platform": { language: "C, the platform's functions", toolchain: () => clang("wasi"), compile: compileReactor },
  "cpp-wasi": { language: "C++, libc++", toolchain: clangWithLibraries, compile: compileCpp },
  "go-command": { language: "Go, WASI command", toolchain: go, compile: (job) => compileGo(job, []) },
  "go-reactor": {
    language: "Go, WASI reactor",
    toolchain: go,
    compile: (job) => compileGo(job, ["-buildmode=c-shared"]),
  },
  "rust-bare": { language: "Rust, no WASI", toolchain: () => rust(["wasm32-unknown-unknown"]), compile: compileRust },
  "rust-wasi": {
    language: "Rust, WASI",
    toolchain: () => rust(["wasm32-wasip1", "wasm32-wasi"]),
    compile: compileRust,
  },
  "typescript-quickjs": { language: "TypeScript in quickjs-ng", toolchain: quickjs, compile: compileQuickJs },
  ...Object.fromEntries(
    TEXTS.map((name) => [name, { language: "WebAssembly text", toolchain: () => BINARYEN, compile: assemble }]),
  ),
};

async function compileAssemblyScript({ root, folder, target }: Job, onAbort: string): Promise<void> {
  const { default: asc } = await import("assemblyscript/asc");
  const fromRoot = (file: string): string => path.relative(root, file).replaceAll(path.sep, "/");
  const options = ["-O3", "--runtime", "minimal", "--use", `abort=${onAbort}`];
  const files = [fromRoot(path.join(folder, "plugin.ts")), "--baseDir", root, "--outFile", fromRoot(target)];
  const stderr = asc.createMemoryStream();
  const { error } = await asc.main([...files, ...options], { stderr });
  if (error) throw new Error(`asc:\n${stderr.toString()}`, { cause: error });
}

const C_OPTIONS = ["-O2", "-g0", "-Wall", "-Wextra", "-Werror", "-Wl,--strip-all", "-Wl,--stack-first"];

async function compileBareC({ folder, target, compiler }: Job): Promise<void> {
  const bare = ["-nostdlib", "-ffreestanding", "-fno-builtin", "-Wl,--no-entry"];
  const source = path.join(folder, "plugin.c");
  await execute(compiler.command, [`--target=${compiler.target}`, ...C_OPTIONS, ...bare, "-o", target, source]);
}

async function compileC({ folder, target, compiler }: Job, options: readonly string[]): Promise<void> {
  const source = path.join(folder, "plugin.c");
  const wasi = ["-D_GNU_SOURCE", ...options];
  await execute(compiler.command, [`--target=${compiler.target}`, ...C_OPTIONS, ...wasi, "-o", target, source]);
}

function compileReactor(job: Job): Promise<void> {
  return compileC(job, REACTOR);
}

async function compileCpp({ folder, target, compiler }: Job): Promise<void> {
  const source = path.join(folder, "plugin.cpp");
  const options = [...C_OPTIONS, "-std=c++17", "-fno-exceptions", ...REACTOR];
  await execute(compiler.command, [`--target=${compiler.target}`, ...options, "-o", target, source]);
}

const TEXT_FEATURES = [
  "simd",
  "bulk-memory",
  "multivalue",
  "exception-handling",
  "tail-call",
  "sign-ext",
  "nontrapping-float-to-int",
  "reference-types",
  "mutable-globals",
  "extended-const",
  "multimemory",
].map((feature) => `--enable-${feature}`);

/** A line `;; include <file>` stands for that file of the folder of plugins. */
async function assemble({ root, folder, target, compiler }: Job): Promise<void> {
  const text = await readFile(path.join(folder, "plugin.wat"), "utf8");
  const parts = await Promise.all(
    text.split(/^ *;; include (\S+)$/m).map(async (part, index) => {
      return index % 2 === 0 ? part : readFile(path.join(folder, "..", part), "utf8");
    }),
  );
  const whole = `${target}.wat`;
  await writeFile(whole, parts.join(""));
  await execute(compiler.command, [
    path.join(root, "node_modules/binaryen/bin/wasm-as"),
    whole,
    ...TEXT_FEATURES,
    "-o",
    target,
  ]);
}

async function compileRust({ folder, target, compiler }: Job): Promise<void> {
  const output = ["--edition=2021", "--crate-type=cdylib", `--target=${compiler.target}`, "-o", target];
  const code = ["-Copt-level=2", "-Cpanic=abort", "-Cstrip=symbols", "-Ccodegen-units=1"];
  await execute(compiler.command, [...output, ...code, path.join(folder, "plugin.rs")]);
}

async function compileGo({ folder, target, scratch, compiler }: Job, mode: readonly string[]): Promise<void> {
  const env = { GOOS: compiler.target, GOARCH: "wasm", GOTOOLCHAIN: "local", GOPROXY: "off", GOFLAGS: "" };
  await execute(
    compiler.command,
    ["build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", ...mode, "-o", target, "."],
    {
      cwd: folder,
      env: { ...process.env, GOCACHE: path.join(scratch, "go-cache"), ...env },
    },
  );
}
