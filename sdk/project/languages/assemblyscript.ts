import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { UserError } from "../user-error.ts";
import type { CompiledModule, Language, Source } from "./language.ts";
import { findCompiler, type Requirement } from "./requirement.ts";

const BINDING = path.resolve(import.meta.dirname, "../../bindings/assemblyscript");
/** How asc asks for a file of the binding, wherever it looks for packages. */
const OF_THE_BINDING = /(?:^|[\\/])node_modules[\\/]@patchbay[\\/]sdk[\\/]bindings[\\/]assemblyscript[\\/](.+)$/;
const ABORT = "abort=~lib/@patchbay/sdk/bindings/assemblyscript/error/onAbort";
/** json-as 1.6 makes room for a cache of 1 MiB that is not in use; clearing it costs 1.2 million units of fuel for each instance. */
const NO_CACHE = "JSON_CACHE_SIZE=0";
/** Added to the entry, so that the abort handler is there whatever the plugin imports. */
const HANDLER = '\nimport "@patchbay/sdk/bindings/assemblyscript/error";\n';
const CONFIGURATION = "asconfig.json";
/** In force where the project has no asconfig.json. */
const DEFAULTS = ["-O3", "--runtime", "incremental"];
const MODULE = "plugin.wasm";
const JSON_TRANSFORM = "json-as";
/** The faster modes of json-as 1.6 break characters beyond U+FFFF: where one lies across eight bytes its halves are written apart. */
const JSON_MODE = "NAIVE";

/** The compiler is a package of npm that the project depends on itself: it is large, and few plugins need it. */
const asc: Requirement = {
  name: "the package assemblyscript",
  candidates: (folder) => {
    const found = packageFolder("assemblyscript", folder);
    return found === undefined ? [] : [[process.execPath, path.join(found, "bin/asc.js"), "--version"]];
  },
  version: /^Version (\d+(?:\.\d+)*)/m,
  minimum: "0.28",
  install: "In the plugin's folder: npm install --save-dev assemblyscript json-as.",
};

/** AssemblyScript, with the typed JSON of json-as where the project has it. */
export const assemblyscript: Language = {
  name: "assemblyscript",
  title: "AssemblyScript",
  entries: ["src/plugin.as.ts", "assembly/index.ts"],
  requirements: [asc],
  build,
};

/** The part of asc's interface that is used. */
interface Asc {
  createMemoryStream(): { toString(): string };
  main(
    argv: readonly string[],
    api: {
      readonly stdout: object;
      readonly stderr: object;
      readFile(name: string, directory: string): Promise<string | null>;
      writeFile(name: string, contents: string | Uint8Array): void;
      listFiles(name: string, directory: string): Promise<readonly string[] | null>;
      readonly transforms: readonly { afterInitialize(program: AscProgram): void }[];
    },
  ): Promise<{ readonly error: Error | null }>;
}

interface AscProgram {
  readonly sources: readonly { readonly normalizedPath: string; sourceKind: number }[];
}

/** asc's SourceKind.UserEntry: a file whose exports are the module's. */
const USER_ENTRY = 1;

async function build({ folder, entry }: Source): Promise<CompiledModule> {
  await findCompiler("AssemblyScript", asc, folder);
  const { default: compiler } = (await import(
    pathToFileURL(path.join(packageFolder("assemblyscript", folder) ?? folder, "dist/asc.js")).href
  )) as { default: Asc }; // the package's own types are the project's, not ours
  const inputs = new Set<string>();
  const written = new Map<string, string | Uint8Array>();
  const stderr = compiler.createMemoryStream();
  process.env["JSON_MODE"] = JSON_MODE; // which the transform reads
  const { error } = await compiler.main(argumentsOf(folder, entry), {
    stdout: compiler.createMemoryStream(),
    stderr,
    readFile: async (name, directory) => {
      const file = path.resolve(directory, name);
      const text = await read(folder, file, inputs);
      return file === entry && text !== null ? text + HANDLER : text;
    },
    writeFile: (name, contents) => void written.set(path.basename(name), contents),
    // json-as 1.6 takes any assembly/index.ts for its own, whose exports are nobody's.
    transforms: [
      {
        afterInitialize: ({ sources }) => {
          const source = sources.find(({ normalizedPath }) => path.resolve(folder, normalizedPath) === entry);
          if (source) source.sourceKind = USER_ENTRY;
        },
      },
    ],
    listFiles: (name, directory) =>
      readdir(path.join(directory, name)).then(
        (files) => files.filter((file) => file.endsWith(".ts")),
        () => null, // asc's word for a folder that is not there
      ),
  });
  const wasm = written.get(MODULE);
  const said = ownMessages(stderr.toString());
  if (error || !(wasm instanceof Uint8Array))
    throw new UserError("The plugin does not compile.", said || String(error));
  return { wasm, warnings: said === "" ? [] : [said], inputs: [...inputs].sort() };
}

function argumentsOf(folder: string, entry: string): string[] {
  const fromFolder = (file: string): string => path.relative(folder, file).replaceAll(path.sep, "/");
  const typed = packageFolder(JSON_TRANSFORM, folder) === undefined ? [] : ["--transform", JSON_TRANSFORM];
  const chosen = existsSync(path.join(folder, CONFIGURATION)) ? [] : [...DEFAULTS, ...typed];
  const used = [ABORT, ...(process.env["JSON_CACHE"] === undefined ? [NO_CACHE] : [])].flatMap((use) => ["--use", use]);
  return [fromFolder(entry), "--baseDir", folder, "--outFile", MODULE, ...used, "--noColors", ...chosen];
}

/** Without the warnings on packages, which an author cannot mend. */
function ownMessages(stderr: string): string {
  const messages = stderr.split(/\n(?=(?:PEDANTIC|INFO|WARNING|ERROR|FAILURE) )/);
  return messages
    .filter((message) => !/^(PEDANTIC|INFO|WARNING) [^]*└─ in ~lib\//.test(message))
    .join("\n")
    .trim();
}

/** The binding is the one that goes with this package, wherever the project has installed it, or where it has not. */
async function read(folder: string, file: string, inputs: Set<string>): Promise<string | null> {
  const [, binding] = OF_THE_BINDING.exec(file) ?? [];
  try {
    const text = await readFile(binding === undefined ? file : path.join(BINDING, binding), "utf8");
    if (file.startsWith(folder + path.sep) && !file.includes(`${path.sep}node_modules${path.sep}`)) inputs.add(file);
    return text;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null; // asc tries several places
    throw error;
  }
}

/** @returns the folder of an installed package, as Node finds it from a folder */
function packageFolder(name: string, from: string): string | undefined {
  for (let folder = path.resolve(from); ; folder = path.dirname(folder)) {
    const found = path.join(folder, "node_modules", name);
    if (existsSync(path.join(found, "package.json"))) return found;
    if (path.dirname(folder) === folder) return undefined;
  }
}
