import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename } from "node:fs/promises";
import path from "node:path";
import { FeatureLog } from "../../../worker/execution/metering/features.ts";
import { parseModule } from "../../../worker/execution/metering/parse.ts";
import { HEADER_BYTES, SectionId } from "../../../worker/execution/metering/sections.ts";
import { ByteWriter } from "../../../worker/execution/metering/writer.ts";

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

const TRAPPING_BODY = Uint8Array.of(0, 0, 0x0b);

/** A module's code section rebuilt from bodies; function indices and types stay right where the number of functions does. */
function withBodies(bytes: Uint8Array, repeats: number, keep: (body: number) => boolean): Uint8Array<ArrayBuffer> {
  const { shape } = parseModule(bytes, new FeatureLog());
  const count = shape.bodies.length / 2;
  const output = new ByteWriter(bytes.length * repeats);
  output.copy(bytes, 0, HEADER_BYTES);
  for (const { id, start, end } of shape.sections.known) {
    const contents = new ByteWriter(end - start);
    if (id === SectionId.function) {
      contents.u32(repeats * count);
      for (let index = 0; index < repeats * count; index++) {
        contents.u32(shape.functionTypes[shape.importedFunctions + (index % count)] ?? 0);
      }
    } else if (id === SectionId.code) {
      contents.u32(repeats * count);
      for (let index = 0; index < repeats * count; index++) {
        const body = index % count;
        const [from, to] = [shape.bodies[2 * body] ?? 0, shape.bodies[2 * body + 1] ?? 0];
        const code = keep(body) ? bytes.subarray(from, to) : TRAPPING_BODY;
        contents.u32(code.length);
        contents.copy(code);
      }
    } else contents.copy(bytes, start, end);
    output.byte(id);
    output.u32(contents.length);
    output.copy(contents.view());
  }
  return Uint8Array.from(output.view());
}

/** The module cut to about a size: functions behind that trap at once. */
export function cutTo(bytes: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
  const { shape } = parseModule(bytes, new FeatureLog());
  const room = size - (bytes.length - (shape.bodies.at(-1) ?? 0)) - (shape.bodies[0] ?? 0);
  const last = (shape.bodies[0] ?? 0) + room;
  return withBodies(bytes, 1, (body) => (shape.bodies[2 * body + 1] ?? 0) <= last);
}

/** The module with every function several times. */
export function repeated(bytes: Uint8Array, repeats: number): Uint8Array<ArrayBuffer> {
  return withBodies(bytes, repeats, () => true);
}
