import {
  HOST_MODULE,
  KERNEL_FUNCTIONS,
  LEGACY_MODULE,
  LEGACY_PREFIX,
  USER_MODULE,
  WASI_MODULE,
} from "../../../sdk/contract/extism-abi.ts";
import { FeatureLog } from "./features.ts";
import type { ModuleShape } from "./module.ts";
import { NAME_SECTION } from "./name-section.ts";
import { parseModule } from "./parse.ts";
import { ByteReader } from "./reader.ts";
import { WasmRefusal } from "./refusal.ts";

/** What a module says of its functions, all of them, imported ones first. */
export interface NamedFunctions {
  /** Ready to be shown: bounded, and without characters that change how text around them looks. */
  readonly names: readonly string[];
  readonly importedFunctions: number;
  /** Start and end offset of every function body, alternating. */
  readonly bodies: Uint32Array;
  /** Contents of the "sourceMappingURL" custom section. */
  readonly sourceMapUrl: string | undefined;
}

const FUNCTION_NAMES = 1;
const SOURCE_MAP_SECTION = "sourceMappingURL";
/** UTF-16 units of a name, and of all names of a module together; functions beyond are named by their index. */
const NAME_LENGTH = 128;
const ALL_NAMES_LENGTH = 4_000_000;

/**
 * Names from the "name" section (specification, appendix A.4), else from exports, else `func[12]`. Imported functions are named
 * by whom they belong to: `[kernel] alloc`, `[host] http_request`, `[wasi] fd_write`, `[module] a.b`.
 * @throws {WasmRefusal} where the module cannot be read
 */
export function readFunctionNames(bytes: Uint8Array): NamedFunctions {
  const { shape } = parseModule(bytes, new FeatureLog());
  const found = namesInSection(shape);
  for (const { kind, name, index } of shape.exports) {
    if (kind === "function" && !found.has(index)) found.set(index, name);
  }
  const imports = shape.imports.filter(({ kind }) => kind === "function");
  let room = ALL_NAMES_LENGTH;
  const names = Array.from(shape.functionTypes, (_, index) => {
    const imported = imports[index];
    const raw = imported ? importName(imported.module, imported.name) : found.get(index);
    const name = raw === undefined || raw === "" ? "" : shownName(raw);
    room -= name.length;
    return name === "" || room < 0 ? `func[${index}]` : name;
  });
  return {
    names,
    importedFunctions: shape.importedFunctions,
    bodies: shape.bodies,
    sourceMapUrl: customText(shape, SOURCE_MAP_SECTION),
  };
}

function importName(module: string, name: string): string {
  if (module === WASI_MODULE) return `[wasi] ${name}`;
  if (module === USER_MODULE) return `[host] ${name}`;
  const isLegacy = module === LEGACY_MODULE && name.startsWith(LEGACY_PREFIX);
  if (module !== HOST_MODULE && !isLegacy) return `[module] ${module}.${name}`;
  const bare = isLegacy ? name.slice(LEGACY_PREFIX.length) : name;
  return `[${Object.hasOwn(KERNEL_FUNCTIONS, bare) ? "kernel" : "host"}] ${bare}`;
}

/** Controls, and marks that turn the direction of text, are written as their number. */
const UNSHOWN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** A name of a guest as it may be shown anywhere. */
export function shownName(name: string): string {
  const cut = name.length > NAME_LENGTH ? `${name.slice(0, NAME_LENGTH - 1)}…` : name;
  const escaped = cut
    .toWellFormed()
    .replace(UNSHOWN, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
  return escaped.length > 2 * NAME_LENGTH ? `${escaped.slice(0, 2 * NAME_LENGTH)}…` : escaped;
}

/** Damaged names are never a reason to fail: those in front of the damage count. */
function namesInSection(shape: ModuleShape): Map<number, string> {
  const names = new Map<number, string>();
  for (const section of shape.sections.custom) {
    const reader = new ByteReader(shape.bytes, section.start, section.end);
    try {
      if (reader.name() === NAME_SECTION) readNames(reader, names);
    } catch (error) {
      if (!(error instanceof WasmRefusal)) throw error;
    }
  }
  return names;
}

function readNames(reader: ByteReader, names: Map<number, string>): void {
  while (reader.remaining > 0) {
    const id = reader.byte();
    const size = reader.u32();
    if (id !== FUNCTION_NAMES) {
      reader.skip(size);
      continue;
    }
    for (let left = reader.u32(); left > 0; left--) names.set(reader.u32(), reader.name());
    return;
  }
}

function customText(shape: ModuleShape, name: string): string | undefined {
  for (const section of shape.sections.custom) {
    const reader = new ByteReader(shape.bytes, section.start, section.end);
    if (reader.name() !== name) continue;
    try {
      return reader.name();
    } catch (error) {
      if (!(error instanceof WasmRefusal)) throw error;
    }
  }
  return undefined;
}
