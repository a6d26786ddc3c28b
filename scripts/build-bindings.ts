import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { HOST_FUNCTIONS, HOST_MODULE, KERNEL_FUNCTIONS, USER_MODULE } from "../sdk/contract/extism-abi.ts";
import {
  LOCAL_FUNCTIONS,
  STREAM_FUNCTIONS,
  USER_FUNCTION_TYPE,
  USER_FUNCTIONS,
  type UserFunction,
} from "../sdk/contract/user-functions.ts";
import { USER_FUNCTION_TITLES } from "../sdk/contract/user-function-titles-table.ts";
import { logProgress, type Log } from "./progress.ts";

/**
 * Writes the declarations of the functions that plugins import into the bindings, from the contract's tables. In a file that is otherwise
 * written by hand they are between two lines, of which one holds `<declarations>` and the other `</declarations>`; a binding that has to
 * be one file, and would be a long one, is put together from the files of its `source` folder.
 */

export type ValueType = "i32" | "i64";

/** A function that a plugin may import. */
export interface BoundFunction {
  readonly module: string;
  readonly name: string;
  readonly parameters: readonly ValueType[];
  readonly result: ValueType | undefined;
  /** Set for what needs a capability: these are all `(request, body) -> answer`. */
  readonly capability?: string;
  readonly title?: string;
}

/** A file that this script writes, relative to the repository. */
export interface Binding {
  readonly file: string;
  /**
   * @param functions  of Extism's ABI first, then those of the platform
   * @param read  gives the text of a file of the repository
   * @returns the whole file as it should be
   */
  readonly render: (functions: readonly BoundFunction[], read: ReadText) => Promise<string>;
}

type ReadText = (file: string) => Promise<string>;

const ASSEMBLYSCRIPT = "sdk/bindings/assemblyscript/user-functions.ts";
/** In this order; the declarations come behind the first. */
const C_SOURCES = [
  "memory",
  "text",
  "blocks",
  "calls",
  "settings",
  "json-writer",
  "json-reader",
  "json-paths",
  "answers",
];

export const BINDINGS: readonly Binding[] = [
  {
    file: ASSEMBLYSCRIPT,
    render: async (functions, read) => {
      const declared = functions.filter(({ module }) => module === USER_MODULE).map(assemblyScriptText);
      return withDeclarations(await read(ASSEMBLYSCRIPT), declared.join("\n"));
    },
  },
  { file: "sdk/bindings/c/patchbay.h", render: cHeader },
  handWritten("sdk/bindings/rust/patchbay.rs", rustText),
  handWritten("sdk/bindings/go/patchbay.go", goText),
  handWritten("sdk/bindings/zig/patchbay.zig", zigText),
];

/** A binding of one file that is written by hand but for the declarations. */
function handWritten(file: string, declarations: (functions: readonly BoundFunction[]) => string): Binding {
  return { file, render: async (functions, read) => withDeclarations(await read(file), declarations(functions)) };
}

/**
 * @param text  a file with a line that holds `<declarations>` and one that holds `</declarations>`
 * @returns it with the declarations between the two
 */
export function withDeclarations(text: string, declarations: string): string {
  const parts = /^([\s\S]*<declarations>[^\n]*\n)(?:[\s\S]*?\n)??([^\n]*<\/declarations>[\s\S]*)$/.exec(text);
  if (!parts) throw new Error("There are no lines with <declarations> and </declarations>.");
  const [, before = "", after = ""] = parts;
  return `${before}${declarations}\n${after}`;
}

async function cHeader(functions: readonly BoundFunction[], read: ReadText): Promise<string> {
  const source = (name: string): Promise<string> => read(`sdk/bindings/c/source/${name}.h`);
  const wrapped = functions.filter(({ capability }) => capability !== undefined);
  const parts = [
    await source("types"),
    await source("freestanding"),
    `/* What the host offers: Extism's functions and the platform's, as they are imported. */\n\n${functions.map(cImport).join("\n")}\n`,
    `/*\n * The capabilities. Each takes a request, NULL for none, and bytes that go with it. What is in requests and answers: the SDK's\n * documentation, docs/languages.md.\n */\n\n${wrapped.map(cWrapper).join("\n\n")}\n`,
    ...(await Promise.all(C_SOURCES.map(source))),
  ];
  return `${parts.join("\n")}\n#endif\n`;
}

/** Every function that a plugin may import from Extism's and the platform's module, in the order of the tables. */
export function boundFunctions(): readonly BoundFunction[] {
  return [
    ...typed(HOST_MODULE, { ...KERNEL_FUNCTIONS, ...HOST_FUNCTIONS }),
    ...typed(USER_MODULE, { ...LOCAL_FUNCTIONS, ...STREAM_FUNCTIONS }),
    ...Object.entries(USER_FUNCTIONS).map(([name, { capability }]) => ({
      module: USER_MODULE,
      name,
      ...signatureOf(USER_FUNCTION_TYPE),
      capability,
      title: USER_FUNCTION_TITLES[name as UserFunction], // its own key
    })),
  ];
}

/** @returns the file as it should be */
export function renderBinding(root: string, { render }: Binding): Promise<string> {
  return render(boundFunctions(), (file) => readFile(path.join(root, file), "utf8"));
}

export async function buildBindings({ root, log }: { readonly root: string; readonly log: Log }): Promise<void> {
  for (const binding of BINDINGS) {
    await writeFile(path.join(root, binding.file), await renderBinding(root, binding));
    log(`binding ${binding.file}`);
  }
}

function typed(module: string, table: Readonly<Record<string, string>>): BoundFunction[] {
  return Object.entries(table).map(([name, type]) => ({ module, name, ...signatureOf(type) }));
}

function signatureOf(type: string): Pick<BoundFunction, "parameters" | "result"> {
  const [parameters = "", result = ""] = type.split("->");
  return { parameters: valueTypes(parameters), result: valueTypes(result)[0] };
}

function valueTypes(text: string): ValueType[] {
  return (text.match(/i32|i64/g) ?? []) as ValueType[]; // the pattern says so
}

/** @returns `storageGet` for `storage_get` */
function camelCase(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function assemblyScriptText({ module, name, parameters, result, capability, title }: BoundFunction): string {
  const type = { i32: "u32", i64: "u64" };
  const names = parameters.length === 2 ? ["request", "body"] : ["value"];
  const list = parameters.map((parameter, at) => `${names[at]}: ${type[parameter]}`).join(", ");
  const comment = capability === undefined ? "" : `/** Capability ${capability}: ${title}. */\n`;
  const declared = `export declare function ${camelCase(name)}(${list}): ${result ? type[result] : "void"};`;
  return `${comment}@external("${module}", "${name}")\n${declared}`;
}

function cImport({ module, name, parameters, result }: BoundFunction): string {
  const type = { i32: "uint32_t", i64: "uint64_t" };
  const list = parameters.map((parameter) => type[parameter]).join(", ") || "void";
  const kind = module === USER_MODULE ? "USER" : "HOST";
  return `PATCHBAY_${kind}_IMPORT("${name}") ${result ? type[result] : "void"} patchbay_import_${name}(${list});`;
}

function cWrapper({ name, capability, title }: BoundFunction): string {
  return `/* Capability ${capability}: ${title}. */
PATCHBAY_API patchbay_answer patchbay_${name}(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_${name}(asked, patchbay_block(body)));
}`;
}

const HOST_MODULES = { host: HOST_MODULE, user: USER_MODULE };

/** Both modules, each with what is declared of it. */
function byModule(
  functions: readonly BoundFunction[],
  write: (name: string, module: string, own: readonly BoundFunction[]) => string,
): string {
  const written = Object.entries(HOST_MODULES).map(([name, module]) =>
    write(
      name,
      module,
      functions.filter((one) => one.module === module),
    ),
  );
  return written.join("\n\n");
}

function rustText(functions: readonly BoundFunction[]): string {
  const type = { i32: "u32", i64: "u64" };
  return byModule(functions, (name, module, own) => {
    const lines = own.map(({ name: imported, parameters, result }) => {
      const list = parameters.map((parameter) => `_: ${type[parameter]}`).join(", ");
      return `        pub fn ${imported}(${list})${result ? ` -> ${type[result]}` : ""};`;
    });
    return `mod ${name} {\n    #[link(wasm_import_module = "${module}")]\n    extern "C" {\n${lines.join("\n")}\n    }\n}`;
  });
}

/** The line before the first keeps what precedes it from being its comment. */
function goText(functions: readonly BoundFunction[]): string {
  const type = { i32: "uint32", i64: "uint64" };
  const imports = functions.map(({ module, name, parameters, result }) => {
    const list = parameters.map((parameter) => type[parameter]).join(", ");
    return `//go:wasmimport ${module} ${name}\nfunc ${camelCase(name)}(${list})${result ? ` ${type[result]}` : ""}\n`;
  });
  return `\n${imports.join("\n")}`;
}

function zigText(functions: readonly BoundFunction[]): string {
  const type = { i32: "u32", i64: "u64" };
  return byModule(functions, (name, module, own) => {
    const lines = own.map(({ name: imported, parameters, result }) => {
      const list = parameters.map((parameter) => type[parameter]).join(", ");
      return `    pub extern "${module}" fn ${imported}(${list}) ${result ? type[result] : "void"};`;
    });
    return `/// The functions of \`${module}\` as they are.\npub const ${name} = struct {\n${lines.join("\n")}\n};`;
  });
}

if (import.meta.main) await buildBindings({ root: path.resolve(import.meta.dirname, ".."), log: logProgress });
