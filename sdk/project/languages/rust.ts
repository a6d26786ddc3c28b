import { existsSync } from "node:fs";
import { readFile, realpath } from "node:fs/promises";
import path from "node:path";
import { UserError } from "../user-error.ts";
import { inScratch, runCompiler } from "./compiler-run.ts";
import type { CompiledModule, Language, Source } from "./language.ts";
import { findCompiler, output, type Requirement } from "./requirement.ts";
import { sourceFiles } from "./source-files.ts";

const TARGET = "wasm32-unknown-unknown";
const PACKAGE_FILE = "Cargo.toml";

const rustc: Requirement = {
  name: `rustc with the target ${TARGET}`,
  candidates: () => ["rustc", "/usr/bin/rustc"].map((command) => [command, "--version"] as const),
  version: /^rustc (\d+(?:\.\d+)+)/,
  minimum: "1.63",
  lacks: async (command) => {
    const found = await output(command, ["--print", "target-libdir", "--target", TARGET]);
    return found !== undefined && existsSync(found.trim()) ? undefined : `has no standard library for ${TARGET}`;
  },
  install:
    `Anywhere: rustup (https://rustup.rs), then rustup target add ${TARGET}. ` +
    "Debian and Ubuntu: apt-get install rustc cargo lld libstd-rust-dev-wasm32.",
};

/** What the template's Cargo.toml says, for a machine with a compiler and no cargo. */
const OPTIONS = [
  ["--edition=2021", "--crate-type=cdylib", `--target=${TARGET}`],
  ["-Copt-level=s", "-Clto=fat", "-Ccodegen-units=1", "-Cpanic=abort", "-Cstrip=symbols"],
].flat();

/** Rust without an operating system: the crate of the folder. */
export const rust: Language = {
  name: "rust",
  title: "Rust",
  entries: ["src/lib.rs"],
  requirements: [rustc],
  build,
};

/** With the cargo that belongs to the compiler, which keeps its files in the project's `target`; without one, with the compiler alone. */
async function build({ folder, entry }: Source): Promise<CompiledModule> {
  const { command } = await findCompiler("Rust", rustc, folder);
  const cargo = command.replace(/rustc$/, "cargo");
  const hasCargo = existsSync(path.join(folder, PACKAGE_FILE)) && (await output(cargo, ["--version"])) !== undefined;
  const built = hasCargo ? await buildPackage(folder, cargo, command) : await buildCrate(folder, entry, command);
  return { ...built, inputs: await sourceFiles(folder, /\.rs$|^Cargo\.(toml|lock)$/) };
}

type Built = Omit<CompiledModule, "inputs">;

async function buildPackage(folder: string, cargo: string, compiler: string): Promise<Built> {
  const env = { RUSTC: compiler };
  const args = ["build", "--release", "--quiet", "--target", TARGET];
  const warnings = await runCompiler({ command: cargo, args, folder, env });
  const manifest = await realpath(path.join(folder, PACKAGE_FILE));
  const described = await output(cargo, ["metadata", "--no-deps", "--format-version=1", "--manifest-path", manifest]);
  const { target, name } = library(manifest, described ?? "{}");
  return { wasm: await readFile(path.join(target, TARGET, "release", `${name}.wasm`)), warnings: lines(warnings) };
}

interface CargoMetadata {
  readonly target_directory: string;
  readonly packages?: readonly {
    readonly manifest_path: string;
    readonly targets: readonly { readonly name: string; readonly crate_types: readonly string[] }[];
  }[];
}

/** Where cargo leaves the module: a workspace has one folder for all of its packages. */
function library(manifest: string, described: string): { readonly target: string; readonly name: string } {
  const { target_directory: target, packages } = JSON.parse(described) as CargoMetadata; // cargo's format 1
  const own = packages?.find(({ manifest_path: file }) => file === manifest);
  const found = own?.targets.find(({ crate_types: types }) => types.includes("cdylib"));
  if (found) return { target, name: found.name.replaceAll("-", "_") };
  throw new UserError(`${PACKAGE_FILE} makes no module.`, 'It needs the lines [lib] and crate-type = ["cdylib"].');
}

async function buildCrate(folder: string, entry: string, command: string): Promise<Built> {
  await refuseDependencies(folder);
  return await inScratch(async (scratch) => {
    const module = path.join(scratch, "plugin.wasm");
    const warnings = await runCompiler({
      command,
      args: [...OPTIONS, "-o", module, path.relative(folder, entry)],
      folder,
    });
    return { wasm: await readFile(module), warnings: lines(warnings) };
  });
}

async function refuseDependencies(folder: string): Promise<void> {
  const file = path.join(folder, PACKAGE_FILE);
  const text = existsSync(file) ? await readFile(file, "utf8") : "";
  const section = /^\[dependencies\]\n(?<lines>[^[]*)/m.exec(text)?.groups?.["lines"] ?? "";
  if (!/^\s*[\w"]/m.test(section) && !/^\[dependencies\./m.test(text)) return;
  throw new UserError("The plugin has dependencies, which need cargo beside rustc.", rustc.install);
}

function lines(warnings: string): readonly string[] {
  return warnings === "" ? [] : [warnings];
}
