import { FeatureLog, type Feature } from "./features.ts";
import type { InstructionReader } from "./instructions.ts";
import type { ExternalKind, ModuleShape } from "./module.ts";
import { Op } from "./opcodes.ts";
import { parseModule } from "./parse.ts";
import { readProducers, type Producer } from "./producers.ts";
import { ByteReader } from "./reader.ts";
import { SectionId, type Section } from "./sections.ts";
import { valueTypesText } from "./value-types.ts";

export { WasmRefusal } from "./refusal.ts";

/** What a module is made of, read from its bytes without running or compiling it. */
export interface ModuleReport {
  /** Bytes of the module. */
  readonly size: number;
  readonly imports: readonly ImportReport[];
  readonly exports: readonly ExportReport[];
  /** Functions with a body, imported ones not counted. */
  readonly functions: number;
  /** Bytes of the code section. */
  readonly codeBytes: number;
  /** Bytes that data segments put into memory. */
  readonly dataBytes: number;
  readonly memories: readonly MemoryReport[];
  readonly tables: readonly TableReport[];
  /** The module has a start function. */
  readonly start: boolean;
  readonly customSections: readonly { readonly name: string; readonly bytes: number }[];
  /** The "producers" custom section as far as it is well formed. */
  readonly producers: readonly Producer[];
  /** Names of {@link Feature}, sorted. */
  readonly features: readonly Feature[];
}

export interface ImportReport {
  readonly module: string;
  readonly name: string;
  readonly kind: ExternalKind;
  /** `(i64, i64) -> i64`, for functions only. */
  readonly type?: string;
}

export interface ExportReport {
  readonly name: string;
  readonly kind: ExternalKind;
  readonly type?: string;
}

export interface MemoryReport {
  readonly minPages: number;
  readonly maxPages: number | null;
  readonly shared: boolean;
  readonly memory64: boolean;
  readonly imported: boolean;
}

export interface TableReport {
  readonly min: number;
  readonly max: number | null;
  /** Text of the element type: `funcref`, `externref`. */
  readonly element: string;
  readonly imported: boolean;
}

/**
 * Reads a whole module, function bodies included, and reports what it needs and uses. It is a reader, not a
 * validator: operand types are not checked. Throws {@link WasmRefusal} only.
 */
export function inspectModule(bytes: Uint8Array): ModuleReport {
  const { shape, reader } = parseModule(bytes, new FeatureLog());
  readBodies(reader, shape);
  const custom = shape.sections.custom.map((section) => readCustomSection(bytes, section));
  return {
    size: bytes.length,
    imports: shape.imports.map(({ module, name, kind, type }) => ({ module, name, kind, ...signature(shape, type) })),
    exports: shape.exports.map(({ name, kind, index }) => {
      const type = kind === "function" ? (shape.functionTypes[index] ?? -1) : -1;
      return { name, kind, ...signature(shape, type) };
    }),
    functions: shape.functionTypes.length - shape.importedFunctions,
    codeBytes: sectionBytes(shape, SectionId.code),
    dataBytes: shape.dataBytes,
    memories: shape.memories.map((memory) => ({
      minPages: memory.minimum,
      maxPages: memory.maximum,
      shared: memory.shared,
      memory64: memory.wide,
      imported: memory.imported,
    })),
    tables: shape.tables.map((table) => ({
      min: table.minimum,
      max: table.maximum,
      element: valueTypesText(table.element).join(),
      imported: table.imported,
    })),
    start: shape.start >= 0,
    customSections: custom.map(({ name, section }) => ({ name, bytes: section.end - section.start })),
    producers: custom
      .filter(({ name }) => name === "producers")
      .flatMap(({ section, contents }) => readProducers(bytes, contents, section.end)),
    features: shape.features.names(),
  };
}

/** Reads every instruction for its feature and its indices. */
function readBodies(reader: InstructionReader, shape: ModuleShape): void {
  const { bodies } = shape;
  for (let body = 0; body < bodies.length; body += 2) {
    reader.position = bodies[body] ?? 0;
    reader.limit = bodies[body + 1] ?? 0;
    const type = shape.types[shape.functionTypes[shape.importedFunctions + body / 2] ?? -1];
    reader.readLocals(type?.parameterCount ?? 0);
    let last = -1;
    while (reader.remaining > 0) last = reader.next();
    if (last !== Op.end) reader.malformed("a function body does not close with an end");
  }
}

function signature(shape: ModuleShape, typeIndex: number): { type?: string } {
  const type = shape.types[typeIndex];
  if (!type) return {};
  const parameters = valueTypesText(type.parameters).join(", ");
  const results = valueTypesText(type.results);
  return { type: `(${parameters}) -> ${results.length === 1 ? results.join() : `(${results.join(", ")})`}` };
}

function sectionBytes(shape: ModuleShape, id: number): number {
  const section = shape.sections.known.find((candidate) => candidate.id === id);
  return section ? section.end - section.start : 0;
}

function readCustomSection(bytes: Uint8Array, section: Section): { name: string; section: Section; contents: number } {
  const reader = new ByteReader(bytes, section.start, section.end);
  return { name: reader.name(), section, contents: reader.position };
}
