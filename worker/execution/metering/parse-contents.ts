/** Reads the sections that use what is defined: exports, start, element and data segments, the frames of the bodies. */
import { readConstantExpression } from "./constant-expressions.ts";
import type { InstructionReader } from "./instructions.ts";
import { STRUCTURE_LIMITS, type ExternalKind, type FunctionReference, type ModuleShape } from "./module.ts";
import { readExternalKind } from "./parse-definitions.ts";
import { WasmRefusal } from "./refusal.ts";
import { skipValueType } from "./value-types.ts";

export function readExports(reader: InstructionReader, shape: ModuleShape): void {
  const count = reader.count("exports", STRUCTURE_LIMITS.exports, 3);
  const { functions, tables, memories, globals, tags } = shape.spaces;
  const sizes: Record<ExternalKind, number> = {
    function: functions,
    table: tables,
    memory: memories,
    global: globals,
    tag: tags,
  };
  for (let i = 0; i < count; i++) {
    const offset = reader.position;
    const name = reader.name();
    const kind = readExternalKind(reader);
    const start = reader.position;
    const index = reader.u32();
    if (index >= sizes[kind]) reader.malformed(`exported ${kind} ${index} does not exist`, start);
    shape.exports.push({ name, kind, index, offset });
  }
}

export function readStart(reader: InstructionReader, shape: ModuleShape): void {
  const offset = reader.position;
  const index = reader.u32();
  const type = shape.types[shape.functionTypes[index] ?? -1];
  if (!type) reader.malformed(`start function ${index} does not exist`, offset);
  if (type.parameterCount + type.resultCount > 0) {
    reader.malformed(`start function ${index} has parameters or results`, offset);
  }
  shape.start = index;
}

const PASSIVE_OR_DECLARATIVE = 1;
const EXPLICIT_TABLE = 2;
const EXPRESSIONS = 4;

export function readElements(reader: InstructionReader, shape: ModuleShape): void {
  const count = reader.count("element segments", STRUCTURE_LIMITS.elementSegments, 2);
  for (let i = 0; i < count; i++) readElementSegment(reader, shape);
  shape.spaces.elements = count;
}

function readElementSegment(reader: InstructionReader, shape: ModuleShape): void {
  const offset = reader.position;
  const flags = reader.u32();
  if (flags > 7) reader.malformed(`unknown element segment flags ${flags}`, offset);
  if ((flags & PASSIVE_OR_DECLARATIVE) !== 0) shape.features.note("bulk-memory", offset);
  else {
    const table = (flags & EXPLICIT_TABLE) === 0 ? 0 : reader.u32();
    if (table >= shape.spaces.tables) reader.malformed(`table ${table} does not exist`, offset);
    readConstantExpression(reader, null);
  }
  if ((flags & (PASSIVE_OR_DECLARATIVE | EXPLICIT_TABLE)) !== 0) {
    if ((flags & EXPRESSIONS) !== 0) skipValueType(reader, shape.spaces);
    else if (reader.byte() !== 0) reader.malformed("unknown kind of element", reader.position - 1);
  }
  const room = STRUCTURE_LIMITS.functionReferences - shape.elementReferences.length;
  const entries = reader.count("elements", room);
  for (let i = 0; i < entries; i++) {
    if ((flags & EXPRESSIONS) !== 0) readConstantExpression(reader, shape.elementReferences);
    else shape.elementReferences.push(readFunctionReference(reader, shape));
  }
}

function readFunctionReference(reader: InstructionReader, shape: ModuleShape): FunctionReference {
  const start = reader.position;
  const functionIndex = reader.u32();
  if (functionIndex >= shape.spaces.functions) reader.malformed(`function ${functionIndex} does not exist`, start);
  return { start, end: reader.position, functionIndex };
}

export function readDataCount(reader: InstructionReader, shape: ModuleShape): void {
  shape.features.note("bulk-memory", reader.position);
  shape.dataCount = reader.u32();
  shape.spaces.data = shape.dataCount;
}

/** Notes where each body is; their instructions are read by whoever needs them. */
export function readCode(reader: InstructionReader, shape: ModuleShape): void {
  const offset = reader.position;
  const count = reader.u32();
  const declared = shape.functionTypes.length - shape.importedFunctions;
  if (count !== declared) reader.malformed(`${declared} functions are declared, ${count} have a body`, offset);
  shape.bodies = new Uint32Array(2 * count);
  for (let i = 0; i < count; i++) {
    const sizeOffset = reader.position;
    const size = reader.u32();
    if (size > STRUCTURE_LIMITS.bodyBytes) {
      const detail = `a function body has ${size} bytes, the limit is ${STRUCTURE_LIMITS.bodyBytes}`;
      throw new WasmRefusal("WASM_LIMIT", detail, sizeOffset);
    }
    shape.bodies[2 * i] = reader.position;
    reader.skip(size);
    shape.bodies[2 * i + 1] = reader.position;
  }
}

export function readData(reader: InstructionReader, shape: ModuleShape): void {
  const offset = reader.position;
  const count = reader.count("data segments", STRUCTURE_LIMITS.dataSegments);
  if (shape.dataCount >= 0 && shape.dataCount !== count) {
    reader.malformed(`${shape.dataCount} data segments are announced, ${count} are there`, offset);
  }
  for (let i = 0; i < count; i++) readDataSegment(reader, shape);
}

function readDataSegment(reader: InstructionReader, shape: ModuleShape): void {
  const offset = reader.position;
  const flags = reader.u32();
  if (flags > 2) reader.malformed(`unknown data segment flags ${flags}`, offset);
  if (flags === PASSIVE_OR_DECLARATIVE) shape.features.note("bulk-memory", offset);
  else {
    const memory = flags === EXPLICIT_TABLE ? reader.u32() : 0;
    if (memory >= shape.spaces.memories) reader.malformed(`memory ${memory} does not exist`, offset);
    readConstantExpression(reader, null);
  }
  const size = reader.u32();
  reader.skip(size);
  shape.dataBytes += size;
}
