import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { quickjsSource } from "../test/conformance/toolchains.ts";

/**
 * Builds the JavaScript engine of TypeScript plugins from our shim and Debian's sources of quickjs-ng, with Debian's clang.
 *
 *   node scripts/build-engine.ts            builds both engines and writes down what they were built from
 *   node scripts/build-engine.ts --check    compares what is in the repository with what its inputs make, byte for byte
 */
const run = promisify(execFile);
const folder = path.resolve(import.meta.dirname, "../sdk/engine");
const record = path.join(folder, "engine.json");
const QUICKJS_FILES = ["quickjs.c", "libregexp.c", "libunicode.c", "dtoa.c"];
/** The slots come last. */
const OWN_FILES = ["engine.c", "host-object.c", "kernel.c", "memory.c", "rejections.c", "wasi.c", "slots.c"];
const OPTIONS = [
  "--target=wasm32-wasi",
  "-Os",
  "-g0",
  "-fvisibility=hidden",
  ...["_GNU_SOURCE", "QUICKJS_NG_BUILD", "NDEBUG", "_WASI_EMULATED_PROCESS_CLOCKS", "_WASI_EMULATED_SIGNAL"].map(
    (name) => `-D${name}`,
  ),
];
const LINKING = [
  "-mexec-model=reactor",
  ...["--strip-all", "--gc-sections", "--stack-first", "-z", "stack-size=1048576"].map((option) => `-Wl,${option}`),
];
/** With a parser a plugin can use `eval` and `new Function`, and it is the compiler of every other plugin. */
const ENGINES = { "engine.wasm": ["-DWITHOUT_PARSER"], "engine-with-parser.wasm": [] } as const;

interface Record {
  readonly compiler: string;
  readonly inputs: string;
  readonly quickjs: string;
  readonly outputs: { readonly [name: string]: { readonly sha256: string; readonly bytes: number } };
}

function digest(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

async function digestOfFiles(from: string, accepted: RegExp): Promise<string> {
  const names = (await readdir(from)).filter((name) => accepted.test(name)).toSorted();
  const contents = await Promise.all(names.map(async (name) => [`${name}\0`, await readFile(path.join(from, name))]));
  return digest(...contents.flat());
}

async function buildEngine(sources: string, defines: readonly string[]): Promise<Uint8Array> {
  const scratch = await mkdtemp(path.join(tmpdir(), "engine-"));
  try {
    const compile = async (file: string, warnings: readonly string[]): Promise<string> => {
      const object = path.join(scratch, `${path.basename(file, ".c")}.o`);
      await run("clang", [...OPTIONS, ...defines, ...warnings, `-I${sources}`, "-c", file, "-o", object]);
      return object;
    };
    const theirs = QUICKJS_FILES.map((name) => compile(path.join(sources, name), ["-w"]));
    const strict = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter"];
    const ours = OWN_FILES.map((name) => compile(path.join(folder, "source", name), strict));
    const objects = await Promise.all([...theirs, ...ours]);
    const target = path.join(scratch, "engine.wasm");
    // Named after the libraries too: the linker numbers imports by the order in which it meets them.
    const slots = objects.pop() ?? "";
    await run("clang", [...OPTIONS, ...objects, ...LINKING, "-lm", "-lc", slots, "-o", target]);
    return await readFile(target);
  } finally {
    await rm(scratch, { recursive: true });
  }
}

const sources = quickjsSource();
if (sources === undefined)
  throw new Error("The sources of quickjs-ng are not installed: scripts/toolchains.sh does it.");
const compiler = execFileSync("clang", ["--version"], { encoding: "utf8" }).split("\n")[0] ?? "";
const quickjs = await digestOfFiles(sources, /\.[ch]$/);
const inputs = digest(
  JSON.stringify([OPTIONS, LINKING, ENGINES, QUICKJS_FILES, OWN_FILES]),
  await digestOfFiles(path.join(folder, "source"), /\.[ch]$/),
);
const checking = process.argv.includes("--check");
const known = checking ? (JSON.parse(await readFile(record, "utf8")) as Record) : undefined; // our own file

async function made(quickjsFolder: string, name: string, defines: readonly string[]): Promise<Uint8Array> {
  const target = path.join(folder, name);
  // Other sources or another compiler make other bytes: what can be compared then is only what was written down.
  if (known && (known.quickjs !== quickjs || known.compiler !== compiler)) return await readFile(target);
  return await buildEngine(quickjsFolder, defines);
}

const outputs: { [name: string]: { sha256: string; bytes: number } } = {};
const problems: string[] = [];
if (known && known.inputs !== inputs) problems.push("sdk/engine/source or the options of the build changed");
for (const [name, defines] of Object.entries(ENGINES)) {
  const target = path.join(folder, name);
  const bytes = await made(sources, name, defines);
  if (!known) await writeFile(target, bytes);
  outputs[name] = { sha256: digest(bytes), bytes: bytes.length };
  const kept = digest(await readFile(target));
  if (kept !== (known ?? { outputs }).outputs[name]?.sha256) problems.push(`${name} is not what engine.json says`);
  if (kept !== outputs[name].sha256) problems.push(`${name} is not what its inputs make`);
  process.stdout.write(`engine  ${name}: ${bytes.length} bytes, ${outputs[name].sha256}\n`);
}
if (!known) {
  await writeFile(record, `${JSON.stringify({ compiler, quickjs, inputs, outputs } satisfies Record, undefined, 2)}\n`);
} else if (problems.length > 0) {
  process.stderr.write(`${problems.join("\n")}\nBuild the engine again: node scripts/build-engine.ts\n`);
  process.exitCode = 1;
}
