/**
 * Finds out from the runtime what an instruction takes and gives. Behind `unreachable` the operand stack holds whatever is
 * asked for, so one validation answers one question: is it an instruction, is this its topmost operand, is this its result?
 */
import { OPERANDS, Operands } from "../../../worker/execution/metering/opcodes.ts";
import { ByteWriter } from "../../../worker/execution/metering/writer.ts";

export const ValueType = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
  funcref: 0x70,
  externref: 0x6f,
} as const;
export const VALUE_TYPES: readonly number[] = Object.values(ValueType);
const MOST_OPERANDS = 4;
const UNREACHABLE = 0x00;
const BLOCK = 0x02;
const END = 0x0b;
const EMPTY = 0x40;

export interface Signature {
  readonly operands: readonly number[];
  /** Null where nothing is given. */
  readonly result: number | null;
}

type Kind = keyof typeof Operands;

/** Immediates by the kind that the rewriter reads; whatever is named by a zero is there. Blocks are no single instructions. */
const IMMEDIATES: Readonly<Record<Exclude<Kind, "unknown" | "blockType" | "tryTable">, readonly number[]>> = {
  none: [],
  local: [0],
  global: [0],
  memoryArgument: [0, 0],
  int32: [0],
  int64: [0],
  float32: zeros(4),
  float64: zeros(8),
  label: [0],
  labels: [0, 0],
  function: [0],
  typeTable: [0, 0],
  type: [0],
  tag: [0],
  table: [0],
  memory: [0],
  heapType: [0x70],
  valueTypes: [1, 0x7f],
  data: [0],
  dataMemory: [0, 0],
  memoryMemory: [0, 0],
  element: [0],
  elementTable: [0, 0],
  tableTable: [0, 0],
  typeNumber: [0, 0],
  typeData: [0, 0],
  typeElement: [0, 0],
  typeType: [0, 0],
  castBranch: [0, 0, 0x70, 0x70],
  sixteenBytes: zeros(16),
  lane: [0],
  memoryArgumentLane: [0, 0, 0],
  fence: [0],
};
const STRUCTURAL = new Set<number>([Operands.blockType, Operands.tryTable]);
const KINDS = Object.fromEntries(Object.entries(Operands).map(([kind, number]) => [number, kind]));
/** An atomic access states its natural alignment. */
const ALIGNMENTS = [0, 1, 2, 3];

function zeros(count: number): number[] {
  return Array.from({ length: count }, () => 0);
}

/**
 * Every form in which an instruction may stand in a module.
 * @param number  as in opcodes.ts
 */
function candidates(number: number): (readonly number[])[] {
  const operands = OPERANDS[number] ?? Operands.unknown;
  if (STRUCTURAL.has(operands)) return [];
  if (operands === Operands.unknown) return Object.values(IMMEDIATES);
  const immediates = IMMEDIATES[KINDS[operands] as keyof typeof IMMEDIATES];
  if (operands !== Operands.memoryArgument) return [immediates];
  return ALIGNMENTS.map((alignment) => [alignment, 0]);
}

/** A constant of a type; references are null. */
function constant(type: number): number[] {
  if (type === ValueType.i32) return [0x41, 0];
  if (type === ValueType.i64) return [0x42, 0];
  if (type === ValueType.f32) return [0x43, 0, 0, 0, 0];
  if (type === ValueType.f64) return [0x44, 0, 0, 0, 0, 0, 0, 0, 0];
  return type === ValueType.v128 ? [0xfd, 12, ...new Uint8Array(16)] : [0xd0, type];
}

function validates(code: readonly number[]): boolean {
  return WebAssembly.validate(probeModule([1, 1, ValueType.i32], [...code, END]));
}

/** A module in which an instruction stands where nothing is executed. */
export function unreachableModule(instruction: readonly number[]): Uint8Array<ArrayBuffer> {
  return probeModule([1, 1, ValueType.i32], [UNREACHABLE, ...instruction, UNREACHABLE, END]);
}

/** Bytes of an instruction with immediates with which the runtime takes it, or null. */
export function instructionOf(opcode: readonly number[], number: number): readonly number[] | null {
  const forms = candidates(number).map((immediates) => [...opcode, ...immediates]);
  return forms.find((form) => validates([UNREACHABLE, ...form, UNREACHABLE])) ?? null;
}

/** @returns null for what has more than one result, or stands inside a block only */
export function signatureOf(instruction: readonly number[]): Signature | null {
  const operands: number[] = [];
  while (!validates([...operands.flatMap(constant), ...instruction, UNREACHABLE])) {
    const given = operands.flatMap(constant);
    const fits = (type: number): boolean =>
      validates([UNREACHABLE, ...constant(type), ...given, ...instruction, UNREACHABLE]);
    const type = VALUE_TYPES.find(fits);
    if (type === undefined || operands.length === MOST_OPERANDS) return null;
    operands.unshift(type);
  }
  const code = [...operands.flatMap(constant), ...instruction, END];
  if (validates([BLOCK, EMPTY, ...code])) return { operands, result: null };
  const result = VALUE_TYPES.find((type) => validates([BLOCK, type, ...code, UNREACHABLE]));
  return result === undefined ? null : { operands, result };
}

/** Where operands and results are in memory, sixteen bytes each, and how many bytes are looked at. */
export const OPERANDS_AT = 0;
export const RESULT_AT = 128;
export const BYTES_SEEN = 256;
const LOADS: Readonly<Record<number, readonly number[]>> = {
  [ValueType.i32]: [0x28, 0, 0],
  [ValueType.i64]: [0x29, 0, 0],
  [ValueType.f32]: [0x2a, 0, 0],
  [ValueType.f64]: [0x2b, 0, 0],
  [ValueType.v128]: [0xfd, 0x00, 0, 0],
};
const STORES: Readonly<Record<number, readonly number[]>> = {
  [ValueType.i32]: [0x36, 0, 0],
  [ValueType.i64]: [0x37, 0, 0],
  [ValueType.f32]: [0x38, 0, 0],
  [ValueType.f64]: [0x39, 0, 0],
  [ValueType.v128]: [0xfd, 0x0b, 0, 0],
};
const REFERENCE_IS_NULL = 0xd1;

/** A module whose export "f" performs an instruction on operands from memory, and puts the result into memory. */
export function instructionModule(
  instruction: readonly number[],
  { operands, result }: Signature,
): Uint8Array<ArrayBuffer> {
  const code: number[] = [];
  if (result !== null) code.push(0x41, ...signed(RESULT_AT));
  for (const [index, type] of operands.entries()) {
    const load = LOADS[type];
    code.push(...(load === undefined ? constant(type) : [0x41, ...signed(OPERANDS_AT + 16 * index), ...load]));
  }
  code.push(...instruction);
  if (result !== null) {
    const store = STORES[result];
    code.push(...(store ?? [REFERENCE_IS_NULL, ...(STORES[ValueType.i32] ?? [])]));
  }
  return probeModule([1, 1, ValueType.i32], [...code, END]);
}

function signed(value: number): number[] {
  const writer = new ByteWriter();
  writer.signed(value);
  return [...writer.bytes()];
}

/**
 * One of everything that an index can name: type 0 is `() → ()`, functions 0 and 1 have it, as has the tag; table, memory,
 * global (i32), passive data and element segments.
 */
function probeModule(locals: readonly number[], code: readonly number[]): Uint8Array<ArrayBuffer> {
  const module = new ByteWriter();
  module.copy(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  const body = [...locals, ...code];
  const head = new ByteWriter();
  head.byte(2);
  head.copy(Uint8Array.of(2, 0, END));
  head.u32(body.length);
  const sections: [number, readonly number[]][] = [
    [1, [1, 0x60, 0, 0]],
    [3, [2, 0, 0]],
    [4, [1, ValueType.funcref, 1, 4, 6]],
    [5, [1, 1, 1, 3]],
    [13, [1, 0, 0]],
    [6, [1, ValueType.i32, 1, 0x41, 7, END]],
    [7, [2, 1, 0x66, 0, 1, 1, 0x6d, 2, 0]],
    [9, [1, 1, 0, 1, 0]],
    [12, [1]],
    [10, [...head.bytes(), ...body]],
    [11, [1, 1, 4, 1, 2, 3, 4]],
  ];
  for (const [id, contents] of sections) {
    module.byte(id);
    module.u32(contents.length);
    module.copy(Uint8Array.from(contents));
  }
  return Uint8Array.from(module.view());
}
