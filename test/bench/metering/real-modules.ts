import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename } from "node:fs/promises";
import path from "node:path";

/**
 * Large modules that a compiler made: Binaryen's own, C++ by emscripten, which the npm package "binaryen" carries inside its
 * JavaScript. They are taken when its loader hands them to the runtime.
 */
const ROOT = path.resolve(import.meta.dirname, "../../..");
const PACKAGE = path.join(ROOT, "node_modules/binaryen");
const TARGET = path.join(ROOT, "dist/bench/modules");

export const REAL_MODULES = {
  /** About 5 MB: the disassembler. */
  disassembler: "bin/wasm-dis",
  /** About 10 MB: the library. */
  library: "index.js",
} as const;

/** Runs as a program of its own, because a program that has no input ends its process. */
const CAPTURE = `
const { CAPTURED, TARGET } = process.env;
const take = (bytes) => {
  if (bytes.byteLength < 1e6) return;
  require("node:fs").writeFileSync(TARGET, bytes);
  process.exit(0);
};
const { instantiate, Module } = WebAssembly;
WebAssembly.instantiate = (bytes, imports) => (take(bytes), instantiate(bytes, imports));
WebAssembly.Module = function (bytes) { take(bytes); return new Module(bytes); };
import(CAPTURED).then((module) => typeof module.default === "function" && module.default());
`;

/** @returns the module's bytes */
export async function realModule(name: keyof typeof REAL_MODULES): Promise<Uint8Array<ArrayBuffer>> {
  const file = path.join(TARGET, `${name}.wasm`);
  if (!existsSync(file)) {
    await mkdir(TARGET, { recursive: true });
    const env = { ...process.env, CAPTURED: path.join(PACKAGE, REAL_MODULES[name]), TARGET: `${file}.new` };
    spawnSync(process.execPath, ["--input-type=commonjs", "-e", CAPTURE], {
      env,
      stdio: ["ignore", "ignore", "inherit"],
    });
    await rename(`${file}.new`, file);
  }
  return Uint8Array.from(await readFile(file));
}
