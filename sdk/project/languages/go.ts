import { readFile } from "node:fs/promises";
import path from "node:path";
import { inScratch, runCompiler } from "./compiler-run.ts";
import type { CompiledModule, Language, Source } from "./language.ts";
import { findCompiler, type Requirement } from "./requirement.ts";
import { sourceFiles } from "./source-files.ts";

const toolchain: Requirement = {
  name: "Go",
  candidates: () =>
    ["go", "/usr/local/go/bin/go", "/usr/lib/go-1.24/bin/go"].map((command) => [command, "version"] as const),
  version: /go(\d+(?:\.\d+)+)/,
  minimum: "1.24",
  install:
    "https://go.dev/dl has it for every system. Debian 13: apt-get install golang-go. macOS: brew install go. " +
    "TinyGo will not do: it has another way to export functions.",
};

/** Go, as a WASI reactor: the module of the folder with `package main`. */
export const go: Language = {
  name: "go",
  title: "Go",
  entries: ["main.go", "plugin.go"],
  requirements: [toolchain],
  build,
};

async function build({ folder }: Source): Promise<CompiledModule> {
  const { command } = await findCompiler("Go", toolchain, folder);
  return await inScratch(async (scratch) => {
    const module = path.join(scratch, "plugin.wasm");
    const options = ["-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-s -w"];
    const args = ["build", ...options, "-o", module, "."];
    const warnings = await runCompiler({ command, args, folder, env: { GOOS: "wasip1", GOARCH: "wasm" } });
    return {
      wasm: await readFile(module),
      warnings: warnings === "" ? [] : [warnings],
      inputs: await sourceFiles(folder, /\.go$|^go\.(mod|sum)$/),
    };
  });
}
