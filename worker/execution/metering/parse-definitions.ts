/** Reads the sections that define things: types, imports, functions, tables, memories, tags, globals. */
import { readConstantExpression } from "./constant-expressions.ts";
import type { InstructionReader } from "./instructions.ts";
import {
  EXTERNAL_KINDS,
  STRUCTURE_LIMITS,
  type FunctionType,
  type ModuleShape,
  type SizeLimits,
  type TableShape,
} from "./module.ts";
import { WasmRefusal } from "./refusal.ts";
import { mayHoldFunction, skipValueType } from "./value-types.ts";

const FUNCTION_TYPE = 0x60;
const STRUCT_TYPE = 0x5f;
const ARRAY_TYPE = 0x5e;
const SUB_TYPE = 0x50;
const FINAL_SUB_TYPE = 0x4f;
const RECURSION_GROUP = 0x4e;
const PACKED_TYPES = new Set([0x78, 0x77]);

export function readTypes(reader: InstructionReader, shape: ModuleShape): void {
  shape.typeEntries = reader.count("types", STRUCTURE_LIMITS.types);
  for (let entry = 0; entry < shape.typeEntries; entry++) {
    // A type may name earlier types, itself, and the other members of its group.
    shape.spaces.typeCount = shape.types.length + 1;
    if (reader.peek() !== RECURSION_GROUP) {
      readSubType(reader, shape);
      continue;
    }
    shape.features.note("gc", reader.position);
    reader.position++;
    const members = reader.count("types of a group", STRUCTURE_LIMITS.types);
    shape.spaces.typeCount = shape.types.length + members;
    for (let member = 0; member < members; member++) readSubType(reader, shape);
  }
  shape.spaces.typeCount = shape.types.length;
}

function readSubType(reader: InstructionReader, shape: ModuleShape): void {
  const offset = reader.position;
  if (shape.types.length >= STRUCTURE_LIMITS.types) {
    throw new WasmRefusal("WASM_LIMIT", `more than ${STRUCTURE_LIMITS.types} types`, offset);
  }
  let form = reader.byte();
  if (form === SUB_TYPE || form === FINAL_SUB_TYPE) {
    shape.features.note("gc", offset);
    const supertypes = reader.count("supertypes", 1);
    for (let i = 0; i < supertypes; i++) reader.u32();
    form = reader.byte();
  }
  if (form === FUNCTION_TYPE) {
    shape.types.push(readFunctionType(reader, shape));
    return;
  }
  if (form !== STRUCT_TYPE && form !== ARRAY_TYPE) {
    throw new WasmRefusal("WASM_UNSUPPORTED", `unknown form of type 0x${form.toString(16)}`, offset);
  }
  shape.features.note("gc", offset);
  const fields = form === STRUCT_TYPE ? reader.count("fields", 10_000, 2) : 1;
  for (let i = 0; i < fields; i++) readField(reader, shape);
  shape.types.push(null);
}

function readField(reader: InstructionReader, shape: ModuleShape): void {
  if (PACKED_TYPES.has(reader.peek())) reader.position++;
  else skipValueType(reader, shape.spaces);
  readMutability(reader);
}

function readMutability(reader: InstructionReader): boolean {
  const byte = reader.byte();
  if (byte > 1) reader.malformed(`mutability is ${byte}, not 0 or 1`, reader.position - 1);
  return byte === 1;
}

function readFunctionType(reader: InstructionReader, shape: ModuleShape): FunctionType {
  const parameterCount = reader.count("parameters", STRUCTURE_LIMITS.signature);
  const parameters = readValueTypes(reader, shape, parameterCount);
  const offset = reader.position;
  const resultCount = reader.count("results", STRUCTURE_LIMITS.signature);
  if (resultCount > 1) shape.features.note("multi-value", offset);
  return { parameterCount, parameters, resultCount, results: readValueTypes(reader, shape, resultCount) };
}

function readValueTypes(reader: InstructionReader, shape: ModuleShape, count: number): Uint8Array {
  const start = reader.position;
  for (let i = 0; i < count; i++) skipValueType(reader, shape.spaces);
  return reader.bytes.subarray(start, reader.position);
}

export function readImports(reader: InstructionReader, shape: ModuleShape): void {
  const count = reader.count("imports", STRUCTURE_LIMITS.imports, 4);
  const functionTypes: number[] = [];
  for (let i = 0; i < count; i++) {
    const module = reader.name();
    const name = reader.name();
    const kind = readExternalKind(reader);
    let type = -1;
    if (kind === "function") functionTypes.push((type = readFunctionTypeIndex(reader, shape)));
    else readImportedDefinition(reader, shape, kind);
    shape.imports.push({ module, name, kind, type });
  }
  shape.importedFunctions = functionTypes.length;
  shape.functionTypes = Uint32Array.from(functionTypes);
  shape.spaces.functions = functionTypes.length;
}

export function readExternalKind(reader: InstructionReader): (typeof EXTERNAL_KINDS)[number] {
  const number = reader.byte();
  const kind = EXTERNAL_KINDS[number];
  if (kind === undefined) {
    throw new WasmRefusal("WASM_UNSUPPORTED", `unknown kind of import or export ${number}`, reader.position - 1);
  }
  return kind;
}

function readFunctionTypeIndex(reader: InstructionReader, shape: ModuleShape): number {
  const offset = reader.position;
  const type = reader.u32();
  if (!shape.types[type]) reader.malformed(`type ${type} is not a function type`, offset);
  return type;
}

function readImportedDefinition(reader: InstructionReader, shape: ModuleShape, kind: string): void {
  if (kind === "table") {
    shape.tables.push(readTableType(reader, shape, true));
    shape.spaces.tables = shape.tables.length;
  } else if (kind === "memory") readMemory(reader, shape, true);
  else if (kind === "global") {
    readGlobalType(reader, shape, true);
    shape.spaces.importedGlobals = ++shape.spaces.globals;
  } else readTag(reader, shape);
}

export function readFunctions(reader: InstructionReader, shape: ModuleShape): void {
  const count = reader.count("functions", STRUCTURE_LIMITS.functions);
  const functionTypes = new Uint32Array(shape.importedFunctions + count);
  functionTypes.set(shape.functionTypes);
  for (let i = 0; i < count; i++) functionTypes[shape.importedFunctions + i] = readFunctionTypeIndex(reader, shape);
  shape.functionTypes = functionTypes;
  shape.spaces.functions = functionTypes.length;
}

const TABLE_WITH_INITIALISER = 0x40;

export function readTables(reader: InstructionReader, shape: ModuleShape): void {
  const count = reader.count("tables", STRUCTURE_LIMITS.tables, 3);
  for (let i = 0; i < count; i++) {
    if (shape.tables.length > 0) shape.features.note("reference-types", reader.position);
    shape.tables.push(readTableType(reader, shape, false));
  }
  shape.spaces.tables = shape.tables.length;
}

function readTableType(reader: InstructionReader, shape: ModuleShape, imported: boolean): TableShape {
  const head = reader.position;
  let initialised = false;
  if (!imported && reader.peek() === TABLE_WITH_INITIALISER) {
    shape.features.note("function-references", head);
    reader.position++;
    if (reader.byte() !== 0) reader.malformed("a table's initialiser is marked wrongly", head);
    initialised = true;
  }
  const elementStart = reader.position;
  skipValueType(reader, shape.spaces);
  const element = reader.bytes.subarray(elementStart, reader.position);
  const headEnd = reader.position;
  const limits = readLimits(reader, shape);
  const initialiser = reader.position;
  if (initialised) readConstantExpression(reader, shape.tableReferences);
  return { ...limits, imported, element, head: [head, headEnd], initialiser: [initialiser, reader.position] };
}

export function readMemories(reader: InstructionReader, shape: ModuleShape): void {
  const count = reader.count("memories", STRUCTURE_LIMITS.memories, 2);
  for (let i = 0; i < count; i++) readMemory(reader, shape, false);
}

function readMemory(reader: InstructionReader, shape: ModuleShape, imported: boolean): void {
  const offset = reader.position;
  const limits = readLimits(reader, shape);
  if (!limits.wide && Math.max(limits.minimum, limits.maximum ?? 0) > 65_536) {
    reader.malformed("a memory has more than 65,536 pages", offset);
  }
  shape.memories.push({ ...limits, imported });
  shape.spaces.memories = shape.memories.length;
  if (shape.memories.length > 1) shape.features.note("multi-memory", offset);
}

const HAS_MAXIMUM = 1;
const SHARED = 2;
const WIDE = 4;
const CUSTOM_PAGE_SIZE = 8;

function readLimits(reader: InstructionReader, shape: ModuleShape): SizeLimits {
  const offset = reader.position;
  const flags = reader.byte();
  if (flags >= 2 * CUSTOM_PAGE_SIZE) reader.malformed(`unknown limits flags ${flags}`, offset);
  if ((flags & SHARED) !== 0) shape.features.note("threads", offset);
  if ((flags & WIDE) !== 0) shape.features.note("memory64", offset);
  const wide = (flags & WIDE) !== 0;
  const minimum = wide ? reader.u64() : reader.u32();
  let maximum: number | null = null;
  if ((flags & HAS_MAXIMUM) !== 0) maximum = wide ? reader.u64() : reader.u32();
  if ((flags & CUSTOM_PAGE_SIZE) !== 0) {
    shape.features.note("custom-page-sizes", offset);
    reader.u32();
  }
  if (maximum !== null && minimum > maximum) {
    reader.malformed(`minimum ${minimum} is larger than maximum ${maximum}`, offset);
  }
  return { minimum, maximum, shared: (flags & SHARED) !== 0, wide };
}

export function readTags(reader: InstructionReader, shape: ModuleShape): void {
  const count = reader.count("tags", STRUCTURE_LIMITS.tags, 2);
  for (let i = 0; i < count; i++) readTag(reader, shape);
}

function readTag(reader: InstructionReader, shape: ModuleShape): void {
  shape.features.note("exception-tags", reader.position);
  const attribute = reader.byte();
  if (attribute !== 0) reader.malformed(`tag attribute is ${attribute}, not 0`, reader.position - 1);
  readFunctionTypeIndex(reader, shape);
  shape.spaces.tags++;
}

export function readGlobals(reader: InstructionReader, shape: ModuleShape): void {
  const count = reader.count("globals", STRUCTURE_LIMITS.globals, 4);
  shape.spaces.globals = shape.spaces.importedGlobals + count;
  for (let i = 0; i < count; i++) {
    readGlobalType(reader, shape, false);
    readConstantExpression(reader, shape.globalReferences);
  }
}

function readGlobalType(reader: InstructionReader, shape: ModuleShape, imported: boolean): void {
  const offset = reader.position;
  const firstByte = skipValueType(reader, shape.spaces);
  if (mayHoldFunction(firstByte)) {
    shape.functionGlobals = true;
    shape.features.note("reference-types", offset);
  }
  if (readMutability(reader) && imported) shape.features.note("mutable-globals", offset);
}
