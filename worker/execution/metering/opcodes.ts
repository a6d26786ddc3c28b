import { FEATURES, type Feature } from "./features.ts";

/**
 * Immediate operands of an instruction, as the specification §5.4 lists them. A row of two nouns is two indices in
 * that order.
 */
export const Operands = {
  unknown: 0,
  none: 1,
  local: 2,
  global: 3,
  memoryArgument: 4,
  int32: 5,
  int64: 6,
  float32: 7,
  float64: 8,
  label: 9,
  labels: 10,
  blockType: 11,
  function: 12,
  typeTable: 13,
  type: 14,
  tag: 15,
  table: 16,
  memory: 17,
  heapType: 18,
  valueTypes: 19,
  tryTable: 20,
  data: 21,
  dataMemory: 22,
  memoryMemory: 23,
  element: 24,
  elementTable: 25,
  tableTable: 26,
  typeNumber: 27,
  typeData: 28,
  typeElement: 29,
  typeType: 30,
  castBranch: 31,
  sixteenBytes: 32,
  lane: 33,
  memoryArgumentLane: 34,
  fence: 35,
} as const;

/** Numbers of prefixed instructions: 256 + 512 for each prefix from 0xfb on + the number behind the prefix. */
const GC = 256;
const MISC = GC + 512;
const SIMD = MISC + 512;
const THREADS = SIMD + 512;
export const OPCODE_COUNT = THREADS + 512;
export const FIRST_PREFIX = 0xfb;
export const LAST_PREFIX = 0xfe;
export const PREFIX_SPAN = 512;
export const SIMD_BASE = SIMD;
export const MISC_BASE = MISC;
export const THREADS_BASE = THREADS;
export const GC_BASE = GC;

/** The instructions that the rewriter treats on their own. */
export const Op = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  try: 0x06,
  catch: 0x07,
  throw: 0x08,
  rethrow: 0x09,
  throwRef: 0x0a,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  returnCall: 0x12,
  returnCallIndirect: 0x13,
  callRef: 0x14,
  returnCallRef: 0x15,
  delegate: 0x18,
  catchAll: 0x19,
  drop: 0x1a,
  tryTable: 0x1f,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  globalGet: 0x23,
  globalSet: 0x24,
  tableGet: 0x25,
  tableSet: 0x26,
  memorySize: 0x3f,
  memoryGrow: 0x40,
  i32Const: 0x41,
  i64Const: 0x42,
  f32Const: 0x43,
  f64Const: 0x44,
  i32LtS: 0x48,
  i64LtS: 0x53,
  i64GtU: 0x56,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32Mul: 0x6c,
  i32Or: 0x72,
  i64Add: 0x7c,
  i64Sub: 0x7d,
  i64Mul: 0x7e,
  i64Shl: 0x86,
  i64ShrU: 0x88,
  i64ExtendI32U: 0xad,
  refNull: 0xd0,
  refFunc: 0xd2,
  brOnNull: 0xd5,
  brOnNonNull: 0xd6,
  brOnCast: GC + 24,
  brOnCastFail: GC + 25,
  memoryInit: MISC + 8,
  memoryCopy: MISC + 10,
  memoryFill: MISC + 11,
  tableInit: MISC + 12,
  tableCopy: MISC + 14,
  tableGrow: MISC + 15,
  tableSize: MISC + 16,
  tableFill: MISC + 17,
  v128Const: SIMD + 12,
} as const;

type OpcodeRow = readonly [first: number, last: number, operands: keyof typeof Operands, feature?: Feature];

const ROWS: readonly OpcodeRow[] = [
  [0x00, 0x01, "none"],
  [0x02, 0x04, "blockType"],
  [0x05, 0x05, "none"],
  [0x06, 0x06, "blockType", "exceptions-legacy"],
  [0x07, 0x07, "tag", "exceptions-legacy"],
  [0x08, 0x08, "tag", "exception-tags"],
  [0x09, 0x09, "label", "exceptions-legacy"],
  [0x0a, 0x0a, "none", "exceptions"],
  [0x0b, 0x0b, "none"],
  [0x0c, 0x0d, "label"],
  [0x0e, 0x0e, "labels"],
  [0x0f, 0x0f, "none"],
  [0x10, 0x10, "function"],
  [0x11, 0x11, "typeTable"],
  [0x12, 0x12, "function", "tail-call"],
  [0x13, 0x13, "typeTable", "tail-call"],
  [0x14, 0x15, "type", "function-references"],
  [0x18, 0x18, "label", "exceptions-legacy"],
  [0x19, 0x19, "none", "exceptions-legacy"],
  [0x1a, 0x1b, "none"],
  [0x1c, 0x1c, "valueTypes", "reference-types"],
  [0x1f, 0x1f, "tryTable", "exceptions"],
  [0x20, 0x22, "local"],
  [0x23, 0x24, "global"],
  [0x25, 0x26, "table", "reference-types"],
  [0x28, 0x3e, "memoryArgument"],
  [0x3f, 0x40, "memory"],
  [0x41, 0x41, "int32"],
  [0x42, 0x42, "int64"],
  [0x43, 0x43, "float32"],
  [0x44, 0x44, "float64"],
  [0x45, 0xbf, "none"],
  [0xc0, 0xc4, "none", "sign-extension"],
  [0xd0, 0xd0, "heapType", "reference-types"],
  [0xd1, 0xd1, "none", "reference-types"],
  [0xd2, 0xd2, "function", "reference-types"],
  [0xd3, 0xd3, "none", "gc"],
  [0xd4, 0xd4, "none", "function-references"],
  [0xd5, 0xd6, "label", "function-references"],

  [GC + 0, GC + 1, "type", "gc"],
  [GC + 2, GC + 5, "typeNumber", "gc"],
  [GC + 6, GC + 7, "type", "gc"],
  [GC + 8, GC + 8, "typeNumber", "gc"],
  [GC + 9, GC + 9, "typeData", "gc"],
  [GC + 10, GC + 10, "typeElement", "gc"],
  [GC + 11, GC + 14, "type", "gc"],
  [GC + 15, GC + 15, "none", "gc"],
  [GC + 16, GC + 16, "type", "gc"],
  [GC + 17, GC + 17, "typeType", "gc"],
  [GC + 18, GC + 18, "typeData", "gc"],
  [GC + 19, GC + 19, "typeElement", "gc"],
  [GC + 20, GC + 23, "heapType", "gc"],
  [GC + 24, GC + 25, "castBranch", "gc"],
  [GC + 26, GC + 30, "none", "gc"],

  [MISC + 0, MISC + 7, "none", "saturating-float-to-int"],
  [MISC + 8, MISC + 8, "dataMemory", "bulk-memory"],
  [MISC + 9, MISC + 9, "data", "bulk-memory"],
  [MISC + 10, MISC + 10, "memoryMemory", "bulk-memory"],
  [MISC + 11, MISC + 11, "memory", "bulk-memory"],
  [MISC + 12, MISC + 12, "elementTable", "bulk-memory"],
  [MISC + 13, MISC + 13, "element", "bulk-memory"],
  [MISC + 14, MISC + 14, "tableTable", "bulk-memory"],
  [MISC + 15, MISC + 17, "table", "reference-types"],
  [MISC + 19, MISC + 22, "none", "wide-arithmetic"],

  [SIMD + 0x00, SIMD + 0x0b, "memoryArgument", "simd"],
  [SIMD + 0x0c, SIMD + 0x0d, "sixteenBytes", "simd"],
  [SIMD + 0x0e, SIMD + 0x14, "none", "simd"],
  [SIMD + 0x15, SIMD + 0x22, "lane", "simd"],
  [SIMD + 0x23, SIMD + 0x53, "none", "simd"],
  [SIMD + 0x54, SIMD + 0x5b, "memoryArgumentLane", "simd"],
  [SIMD + 0x5c, SIMD + 0x5d, "memoryArgument", "simd"],
  [SIMD + 0x5e, SIMD + 0xff, "none", "simd"],
  [SIMD + 0x100, SIMD + 0x113, "none", "relaxed-simd"],

  [THREADS + 0x00, THREADS + 0x02, "memoryArgument", "threads"],
  [THREADS + 0x03, THREADS + 0x03, "fence", "threads"],
  [THREADS + 0x10, THREADS + 0x4e, "memoryArgument", "threads"],
];

/** Numbers inside the SIMD range that no instruction has. */
const SIMD_HOLES = [
  0x9a, 0xa2, 0xa5, 0xa6, 0xaf, 0xb0, 0xb2, 0xb3, 0xb4, 0xbb, 0xc2, 0xc5, 0xc6, 0xcf, 0xd0, 0xd2, 0xd3, 0xd4, 0xe2,
  0xee,
];

/** Opcode number → member of {@link Operands}. */
export const OPERANDS = new Uint8Array(OPCODE_COUNT);
/** Opcode number → position in FEATURES. */
export const OPCODE_FEATURES = new Uint8Array(OPCODE_COUNT);

for (const [first, last, operands, feature] of ROWS) {
  OPERANDS.fill(Operands[operands], first, last + 1);
  OPCODE_FEATURES.fill(FEATURES.indexOf(feature ?? "mvp"), first, last + 1);
}
for (const hole of SIMD_HOLES) OPERANDS[SIMD + hole] = Operands.unknown;

function hex(value: number): string {
  return `0x${value.toString(16).padStart(2, "0")}`;
}

/** How an opcode number is written in messages: `0x10`, or `0xfc 0x0a` with its prefix. */
export function opcodeText(opcode: number): string {
  if (opcode < GC) return hex(opcode);
  const prefixed = opcode - GC;
  return `${hex(FIRST_PREFIX + Math.floor(prefixed / PREFIX_SPAN))} ${hex(prefixed % PREFIX_SPAN)}`;
}
