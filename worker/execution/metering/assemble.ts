/** Puts the rewritten module together: original sections, appended entries, patched indices. */
import {
  METERING_EXPORTS,
  METERING_IMPORTS,
  POISON_FUEL,
  PROFILE_EXPORTS,
} from "../../../sdk/contract/metering-abi.ts";
import type { Additions } from "./additions.ts";
import type { MeterGlobals } from "./carrier.ts";
import { EXTERNAL_KINDS, type ExternalKind, type FunctionReference, type ModuleShape } from "./module.ts";
import { Op } from "./opcodes.ts";
import { HOOK_TABLE, type ProfilePlaces } from "./profile-hooks.ts";
import { ByteReader } from "./reader.ts";
import { SECTION_ORDER, SectionId } from "./sections.ts";
import { I32, I64 } from "./value-types.ts";
import { ByteWriter, CodeWriter } from "./writer.ts";

/** How a backend changes what stands outside of function bodies. */
export interface BackendIndices {
  /** Type of a function with a body. */
  typeOf(functionIndex: number): number;
  /** Function that the host and references get to see instead. */
  visible(functionIndex: number): number;
  /** Function that element segments put into tables. */
  tableEntry(functionIndex: number): number;
}

export interface AssemblyInput {
  readonly shape: ModuleShape;
  readonly additions: Additions;
  readonly globals: MeterGlobals;
  readonly indices: BackendIndices;
  readonly callDepth: number;
  /** Leave exports of tables out. */
  readonly hideTables: boolean;
  /** One for each memory and table, imported ones included. */
  readonly memoryMaxima: readonly number[];
  readonly tableMaxima: readonly number[];
  /** Null where the module is not profiled. */
  readonly profile: ProfilePlaces | null;
}

const HAS_MAXIMUM = 1;
const IMMUTABLE = 0;
const MUTABLE = 1;
const EXTERNAL_GLOBAL = 3;
/** Globals that the rewriter adds, and those of them that a package's modules share. */
const ADDED_GLOBALS = 4;
const ADDED_BESIDE_SHARED = 1;
const TABLE_WITH_INITIALISER = [0x40, 0x00] as const;

/**
 * Contents of every section but the code section, in the order of the output. Sections without an entry are left out.
 * All functions that other sections need are appended on the way, so the code section has to be asked for afterwards.
 */
export function assembleSections(input: AssemblyInput): Map<number, Uint8Array> {
  const { shape } = input;
  const contents = new Map<number, Uint8Array>();
  for (const { id, start, end } of shape.sections.known) contents.set(id, shape.bytes.subarray(start, end));
  // The start function is called by the host with fuel, through an export.
  contents.delete(SectionId.start);
  contents.delete(SectionId.code);
  if (contents.has(SectionId.element)) contents.set(SectionId.element, elements(input));
  if (contents.has(SectionId.table) || input.profile !== null) contents.set(SectionId.table, tables(input));
  if (contents.has(SectionId.memory)) contents.set(SectionId.memory, memories(input));
  contents.set(SectionId.global, globals(input));
  if (sharesCounters(input)) contents.set(SectionId.import, imports(input));
  contents.set(SectionId.export, exports(input));
  contents.set(SectionId.function, functions(input));
  contents.set(SectionId.type, types(input));
  return new Map(SECTION_ORDER.flatMap((id) => (contents.has(id) ? [[id, contents.get(id) ?? new Uint8Array()]] : [])));
}

/** Reader at the first entry of a section, behind their number, or null where the original has no such section. */
function entries(shape: ModuleShape, id: number): { reader: ByteReader; count: number } | null {
  const section = shape.sections.known.find((candidate) => candidate.id === id);
  if (section === undefined) return null;
  const reader = new ByteReader(shape.bytes, section.start, section.end);
  return { count: reader.u32(), reader };
}

/** Copies `[from, to)` with function indices replaced. */
function copyPatched(
  writer: ByteWriter,
  bytes: Uint8Array,
  [from, to]: readonly [number, number],
  references: readonly FunctionReference[],
  replacement: (functionIndex: number) => number,
): void {
  let position = from;
  for (const reference of references) {
    writer.copy(bytes, position, reference.start);
    writer.u32(replacement(reference.functionIndex));
    position = reference.end;
  }
  writer.copy(bytes, position, to);
}

function elements({ shape, indices }: AssemblyInput): Uint8Array {
  const writer = new ByteWriter();
  const original = entries(shape, SectionId.element);
  if (original === null) return writer.bytes();
  writer.u32(original.count);
  const span = [original.reader.position, original.reader.limit] as const;
  copyPatched(writer, shape.bytes, span, shape.elementReferences, (index) => indices.tableEntry(index));
  return writer.bytes();
}

function tables({ shape, indices, tableMaxima, profile }: AssemblyInput): Uint8Array {
  const writer = new ByteWriter();
  const defined = shape.tables.flatMap((table, index) => (table.imported ? [] : [{ table, index }]));
  writer.u32(defined.length + (profile === null ? 0 : 1));
  for (const { table, index } of defined) {
    const [start, end] = table.initialiser;
    if (end > start) writer.copy(Uint8Array.from(TABLE_WITH_INITIALISER));
    writer.copy(table.element);
    writeLimits(writer, table.minimum, tableMaxima[index] ?? table.minimum);
    const references = shape.tableReferences.filter((reference) => reference.start >= start && reference.end <= end);
    copyPatched(writer, shape.bytes, table.initialiser, references, (target) => indices.visible(target));
  }
  if (profile !== null) writer.copy(HOOK_TABLE);
  return writer.bytes();
}

function memories({ shape, memoryMaxima }: AssemblyInput): Uint8Array {
  const writer = new ByteWriter();
  const defined = shape.memories.flatMap((memory, index) => (memory.imported ? [] : [{ memory, index }]));
  writer.u32(defined.length);
  for (const { memory, index } of defined) {
    writeLimits(writer, memory.minimum, memoryMaxima[index] ?? memory.minimum);
  }
  return writer.bytes();
}

function writeLimits(writer: ByteWriter, minimum: number, maximum: number): void {
  writer.byte(HAS_MAXIMUM);
  writer.u32(minimum);
  writer.u32(maximum);
}

function sharesCounters(input: AssemblyInput): boolean {
  return input.globals.sparePages !== undefined;
}

/** The original imports, then the counters that the host brings. */
function imports({ shape }: AssemblyInput): Uint8Array {
  const writer = new ByteWriter();
  const original = entries(shape, SectionId.import);
  const { module, counters } = METERING_IMPORTS;
  writer.u32((original?.count ?? 0) + counters.length);
  if (original !== null) writer.copy(shape.bytes, original.reader.position, original.reader.limit);
  for (const { name, type } of counters) {
    writer.text(module);
    writer.text(name);
    writer.copy(Uint8Array.of(EXTERNAL_GLOBAL, type === "i64" ? I64 : I32, MUTABLE));
  }
  return writer.bytes();
}

/**
 * The original globals, then the poison; where the module counts alone, the fuel, which is zero until the host sets it,
 * and the depth before it, and the refused pages behind it; at last the fuel that a profile goes by.
 */
function globals(input: AssemblyInput): Uint8Array {
  const { shape, indices, callDepth, profile } = input;
  const shares = sharesCounters(input);
  const writer = new CodeWriter();
  const original = entries(shape, SectionId.global);
  const added = (shares ? ADDED_BESIDE_SHARED : ADDED_GLOBALS) + (profile === null ? 0 : 1);
  writer.u32((original?.count ?? 0) + added);
  if (original !== null) {
    const span = [original.reader.position, original.reader.limit] as const;
    copyPatched(writer, shape.bytes, span, shape.globalReferences, (index) => indices.visible(index));
  }
  if (!shares) {
    writeCounter(writer, I64, 0);
    writeCounter(writer, I32, callDepth);
  }
  writer.copy(Uint8Array.of(I64, IMMUTABLE));
  writer.i64ConstBig(POISON_FUEL);
  writer.byte(Op.end);
  if (!shares) writeCounter(writer, I32, 0);
  if (profile !== null) writeCounter(writer, I64, 0);
  return writer.bytes();
}

function writeCounter(writer: CodeWriter, type: typeof I32 | typeof I64, value: number): void {
  writer.copy(Uint8Array.of(type, MUTABLE));
  if (type === I64) writer.i64Const(value);
  else writer.i32Const(value);
  writer.byte(Op.end);
}

function exports(input: AssemblyInput): Uint8Array {
  const { shape, indices, globals: added, hideTables, profile } = input;
  const writer = new ByteWriter();
  const kept = shape.exports.filter(({ kind }) => !(hideTables && kind === "table"));
  writer.u32(kept.length + (shape.start >= 0 ? 4 : 3) + (profile === null ? 0 : 2));
  for (const { name, kind, index } of kept) {
    writeExport(writer, name, kind, outputIndex(input, kind, index));
  }
  writeExport(writer, METERING_EXPORTS.fuel, "global", added.fuel);
  writeExport(writer, METERING_EXPORTS.depth, "global", added.depth);
  writeExport(writer, METERING_EXPORTS.refusedPages, "global", added.refusedPages);
  if (shape.start >= 0) writeExport(writer, METERING_EXPORTS.start, "function", indices.visible(shape.start));
  if (profile !== null) {
    writeExport(writer, PROFILE_EXPORTS.hooks, "table", profile.table);
    writeExport(writer, PROFILE_EXPORTS.fuel, "global", profile.fuel);
  }
  return writer.bytes();
}

function outputIndex(input: AssemblyInput, kind: ExternalKind, index: number): number {
  if (kind === "function") return input.indices.visible(index);
  const { from, by } = input.globals.moved;
  return kind === "global" && index >= from ? index + by : index;
}

function writeExport(writer: ByteWriter, name: string, kind: ExternalKind, index: number): void {
  writer.text(name);
  writer.byte(EXTERNAL_KINDS.indexOf(kind));
  writer.u32(index);
}

function functions({ shape, indices, additions }: AssemblyInput): Uint8Array {
  const writer = new ByteWriter();
  writer.u32(shape.functionTypes.length - shape.importedFunctions + additions.functionTypes.length);
  for (let index = shape.importedFunctions; index < shape.functionTypes.length; index++) {
    writer.u32(indices.typeOf(index));
  }
  for (const type of additions.functionTypes) writer.u32(type);
  return writer.bytes();
}

function types({ shape, additions }: AssemblyInput): Uint8Array {
  const writer = new ByteWriter();
  writer.u32(shape.typeEntries + additions.typeCount);
  const original = entries(shape, SectionId.type);
  if (original !== null) writer.copy(shape.bytes, original.reader.position, original.reader.limit);
  writer.copy(additions.typeBytes());
  return writer.bytes();
}
