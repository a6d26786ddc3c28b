import path from "node:path";
import { build, type BuildFailure, type Message } from "esbuild";
import { BuildError } from "../packer/build-error.ts";

/** Where the library is that is bundled with every plugin, as sources here and as JavaScript in the package. */
const LIBRARY = path.resolve(import.meta.dirname, "../plugin");
const EXTENSION = path.extname(import.meta.filename);
/** Globals of named.ts, which code also reaches through the global object. */
const NAMED = [
  "AbortController",
  "AbortSignal",
  "fetch",
  "Headers",
  "Request",
  "Response",
  "URL",
  "URLSearchParams",
  "structuredClone",
];
const GLOBAL_OBJECTS = ["globalThis", "self", "window", "global"];
const DEFINES = Object.fromEntries([
  ...GLOBAL_OBJECTS.flatMap((object) => NAMED.map((name) => [`${object}.${name}`, name] as const)),
  ...["crypto.subtle", ...GLOBAL_OBJECTS.map((object) => `${object}.crypto.subtle`)].map(
    (name) => [name, "patchbaySubtle"] as const,
  ),
  ["process.env.NODE_ENV", '"production"'],
]);

/** What of a plugin's definition a program is made for: its exports, or its description. */
export type Purpose = "entries" | "description";

export interface Bundle {
  readonly program: string;
  /** Source map (version 3) as text. */
  readonly map: string;
  readonly warnings: readonly string[];
  /** Files that went into it, absolute. */
  readonly inputs: readonly string[];
}

/**
 * Bundles a plugin and the library into one script.
 *
 * @param entry  file whose default export is the plugin's definition
 * @throws {BuildError} with every error and its place
 */
export async function bundlePlugin(entry: string, purpose: Purpose): Promise<Bundle> {
  const result = await build({
    stdin: {
      contents: mainProgram(entry, purpose),
      resolveDir: path.dirname(entry),
      sourcefile: "patchbay.ts",
      loader: "ts",
    },
    absWorkingDir: path.dirname(entry),
    alias: { "@patchbay/sdk": path.join(LIBRARY, `index${EXTENSION}`) },
    bundle: true,
    write: false,
    outfile: "plugin.js",
    metafile: true,
    format: "iife",
    target: "es2023",
    platform: "neutral",
    mainFields: ["browser", "module", "main"],
    conditions: ["workerd", "worker", "browser", "import", "default"],
    inject: [path.join(LIBRARY, `globals/named${EXTENSION}`)],
    define: DEFINES,
    minifyWhitespace: true,
    minifySyntax: true,
    sourcemap: "external",
    sourcesContent: false,
    logLevel: "silent",
  }).catch((failure: BuildFailure) => {
    if (!Array.isArray(failure.errors)) throw failure;
    throw new BuildError("The plugin does not compile", failure.errors.map(messageText).join("\n"));
  });
  const text = (suffix: string): string => result.outputFiles.find((file) => file.path.endsWith(suffix))?.text ?? "";
  const directory = path.dirname(entry);
  return {
    program: text(".js"),
    map: text(".js.map"),
    warnings: result.warnings.map(messageText),
    inputs: Object.keys(result.metafile.inputs)
      .filter((file) => file !== "patchbay.ts" && !file.startsWith("<"))
      .map((file) => path.resolve(directory, file)),
  };
}

/** An own module, as a string literal. */
function from(file: string): string {
  return JSON.stringify(path.resolve(LIBRARY, `${file}${EXTENSION}`));
}

/** The author's code comes second: some of it looks for globals while it is loaded. */
function mainProgram(entry: string, purpose: Purpose): string {
  const definition = `import * as plugin from ${JSON.stringify(entry)};
if (typeof plugin.default !== "object" || plugin.default === null) {
  throw new TypeError("the entry has to export the plugin: export default definePlugin({ … })");
}`;
  const install = `import ${from("globals/install")};`;
  if (purpose === "entries") {
    return `${install}\nimport { entriesOf } from ${from("entries")};\n${definition}\nglobalThis.patchbayExports = entriesOf(plugin.default);`;
  }
  return `${install}\nimport { describe } from ${from("../builder/describe")};\n${definition}
globalThis.patchbayExports = {};\npatchbayHost.describe(JSON.stringify(describe(plugin.default)));`;
}

function messageText({ text, location }: Message): string {
  return location ? `${location.file}:${location.line}:${location.column + 1}: ${text}` : text;
}
