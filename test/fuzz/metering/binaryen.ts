import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { Random } from "./random.ts";

const execute = promisify(execFile);
const WASM_OPT = path.resolve(import.meta.dirname, "../../../node_modules/binaryen/bin/wasm-opt");

const FEATURES = [
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

/**
 * A valid random module from Binaryen's translation of random bytes ("translate to fuzz").
 * @param seed  the same seed gives the same module; odd ones use `try_table` for exceptions, even ones the legacy form
 */
export async function binaryenModule(seed: number): Promise<Uint8Array<ArrayBuffer>> {
  const random = new Random(seed);
  const folder = await mkdtemp(path.join(tmpdir(), "metering-fuzz-"));
  try {
    const input = path.join(folder, "seed");
    const output = path.join(folder, "module.wasm");
    await writeFile(input, random.bytes(1_500 + random.below(9_000)));
    const form = seed % 2 === 1 ? ["--emit-exnref"] : [];
    await execute(process.execPath, [WASM_OPT, "-ttf", input, ...FEATURES, ...form, "-o", output]);
    return Uint8Array.from(await readFile(output));
  } finally {
    await rm(folder, { recursive: true });
  }
}
