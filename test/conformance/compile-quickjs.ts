import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { build as bundle } from "esbuild";
import { digestOf, execute, type Job } from "./job.ts";
import { quickjsSource } from "./toolchains.ts";

const QUICKJS_FILES = ["quickjs", "libregexp", "libunicode", "dtoa"];
const QUICKJS_OPTIONS = [
  "-Os",
  "-g0",
  ...["_GNU_SOURCE", "QUICKJS_NG_BUILD", "NDEBUG", "_WASI_EMULATED_PROCESS_CLOCKS", "_WASI_EMULATED_SIGNAL"].map(
    (name) => `-D${name}`,
  ),
];

/** The engine's objects take most of the time and depend on nothing of ours, so they are kept. */
export async function compileQuickJs({ folder, target, scratch, compiler }: Job): Promise<void> {
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
