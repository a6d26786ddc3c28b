import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { build as bundle } from "esbuild";
import { clang, go, quickjs, quickjsSource, rust, type Toolchain } from "./toolchains.ts";

const execute = promisify(execFile);

/** Where a plugin's source is, where its module goes, and with what. */
interface Job {
  readonly root: string;
  /** Folder of the plugin. */
  readonly folder: string;
  /** The module to write. */
  readonly target: string;
  /** For files of the build that may be kept. */
  readonly scratch: string;
  readonly compiler: { readonly command: string; readonly version: string; readonly target: string };
}

export interface Recipe {
  /** For people. */
  readonly language: string;
  readonly toolchain: () => Toolchain;
  readonly compile: (job: Job) => Promise<void>;
}

const ASSEMBLYSCRIPT: Toolchain = { command: process.execPath, version: "asc of this repository", target: "wasm32" };

/** How each folder of plugins is compiled. A folder without a recipe has its module in it as plugin.wasm. */
export const RECIPES: Readonly<Record<string, Recipe>> = {
  "assemblyscript-sdk": {
    language: "AssemblyScript, the SDK's binding",
    toolchain: () => ASSEMBLYSCRIPT,
    compile: compileAssemblyScript,
  },
  "c-bare": { language: "C, no library", toolchain: () => clang("bare"), compile: compileBareC },
  "c-libc": { language: "C, wasi-libc", toolchain: () => clang("wasi"), compile: compileC },
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
};

async function compileAssemblyScript({ root, folder, target }: Job): Promise<void> {
  const { default: asc } = await import("assemblyscript/asc");
  const fromRoot = (file: string): string => path.relative(root, file).replaceAll(path.sep, "/");
  const options = ["-O3", "--runtime", "minimal", "--use", "abort=sdk/bindings/assemblyscript/error/onAbort"];
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

async function compileC({ folder, target, compiler }: Job): Promise<void> {
  const source = path.join(folder, "plugin.c");
  const wasi = ["-D_GNU_SOURCE", "-mexec-model=reactor"];
  await execute(compiler.command, [`--target=${compiler.target}`, ...C_OPTIONS, ...wasi, "-o", target, source]);
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

const QUICKJS_FILES = ["quickjs", "libregexp", "libunicode", "dtoa"];
const QUICKJS_OPTIONS = [
  "-Os",
  "-g0",
  ...["_GNU_SOURCE", "QUICKJS_NG_BUILD", "NDEBUG", "_WASI_EMULATED_PROCESS_CLOCKS", "_WASI_EMULATED_SIGNAL"].map(
    (name) => `-D${name}`,
  ),
];

/** The engine's objects take most of the time and depend on nothing of ours, so they are kept. */
async function compileQuickJs({ folder, target, scratch, compiler }: Job): Promise<void> {
  const sources = quickjsSource();
  if (sources === undefined) throw new Error("The sources of quickjs-ng are gone.");
  const options = [`--target=${compiler.target}`, `-I${sources}`, ...QUICKJS_OPTIONS];
  const engine = createHash("sha256")
    .update(await readFile(path.join(sources, "quickjs.c")))
    .digest("hex");
  const objects = path.join(scratch, `quickjs-${digestOf([compiler.version, engine, ...options])}`);
  await mkdir(objects, { recursive: true });
  for (const name of QUICKJS_FILES) {
    const object = path.join(objects, `${name}.o`);
    if (existsSync(object)) continue;
    await execute(compiler.command, [...options, "-w", "-c", path.join(sources, `${name}.c`), "-o", `${object}.part`]);
    await rename(`${object}.part`, object);
  }
  await writeFile(path.join(scratch, "bundle.h"), await bundleHeader(path.join(folder, "plugin.ts")));
  const compiled = QUICKJS_FILES.map((name) => path.join(objects, `${name}.o`));
  const plugin = ["-Wall", "-Wextra", "-Wno-unused-parameter", `-I${scratch}`, path.join(folder, "engine.c")];
  const linking = ["-mexec-model=reactor", "-Wl,--strip-all", "-Wl,--stack-first", "-Wl,-z,stack-size=1048576"];
  await execute(compiler.command, [...options, ...plugin, ...compiled, ...linking, "-o", target]);
}

/** The bundled program as a C string. A line of JSON in ASCII is one, but for its Unicode escapes, which esbuild avoids here. */
async function bundleHeader(entry: string): Promise<string> {
  const result = await bundle({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "iife",
    target: "es2023",
    charset: "ascii",
  });
  const lines = (result.outputFiles[0]?.text ?? "").split("\n").map((line) => JSON.stringify(`${line}\n`));
  return `static const char bundle[] = ${lines.join("\n")};\n`;
}

export function digestOf(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(String(part.length)).update("\0").update(part);
  return hash.digest("hex").slice(0, 16);
}
