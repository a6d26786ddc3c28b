/**
 * The weighted cost table. One unit is about 0.1 ns of the slower of V8's two compilers, so that no sequence of
 * instructions runs longer than about 1 ns for one unit, except for cache misses and denormal numbers.
 * A change of any number here is a new version, and a new version is another module digest.
 */
import { GC_BASE, MISC_BASE, OPCODE_COUNT, SIMD_BASE, THREADS_BASE } from "./opcodes.ts";

export const COST_TABLE_VERSION = "weighted-1";

type CostRow = readonly [first: number, last: number, cost: number];

const ROWS: readonly CostRow[] = [
  [0x00, 0xff, 1],
  // unreachable nop block, else, end, return, delegate, catch_all, drop: no code of their own
  [0x00, 0x02, 0],
  [0x05, 0x05, 0],
  [0x07, 0x07, 0],
  [0x0b, 0x0b, 0],
  [0x0f, 0x0f, 0],
  [0x18, 0x1a, 0],
  // loop is charged for each iteration, see LOOP_COST; if
  [0x03, 0x03, 0],
  [0x04, 0x04, 4],
  // try, try_table; throw, rethrow, throw_ref
  [0x06, 0x06, 2],
  [0x1f, 0x1f, 2],
  [0x08, 0x0a, 3_000],
  // br_if, br_table
  [0x0d, 0x0d, 4],
  [0x0e, 0x0e, 40],
  // call, call_indirect, and their tail calls; call_ref
  [0x10, 0x10, 12],
  [0x11, 0x11, 64],
  [0x12, 0x12, 12],
  [0x13, 0x15, 64],
  // global.get global.set table.get table.set
  [0x23, 0x24, 4],
  [0x25, 0x25, 12],
  [0x26, 0x26, 24],
  // loads, stores, memory.size, memory.grow
  [0x28, 0x3f, 4],
  [0x40, 0x40, 600],
  // clz ctz popcnt; multiplication; division and remainder; rotation
  [0x67, 0x69, 6],
  [0x79, 0x7b, 6],
  [0x6c, 0x6c, 4],
  [0x7e, 0x7e, 4],
  [0x6d, 0x70, 40],
  [0x7f, 0x82, 50],
  [0x77, 0x78, 8],
  [0x89, 0x8a, 8],
  // f32 and f64: abs neg; ceil floor trunc nearest; sqrt; add sub mul; div; min max copysign
  [0x8b, 0x8c, 4],
  [0x8d, 0x90, 24],
  [0x91, 0x91, 50],
  [0x92, 0x94, 8],
  [0x95, 0x95, 50],
  [0x96, 0x98, 12],
  [0x99, 0x9a, 4],
  [0x9b, 0x9e, 24],
  [0x9f, 0x9f, 60],
  [0xa0, 0xa2, 8],
  [0xa3, 0xa3, 50],
  [0xa4, 0xa6, 12],
  // conversions between integers and floats
  [0xa8, 0xab, 30],
  [0xae, 0xbb, 30],
  // ref.func
  [0xd2, 0xd2, 24],

  [GC_BASE, GC_BASE + 511, 8],

  [MISC_BASE, MISC_BASE + 511, 60],
  [MISC_BASE + 0, MISC_BASE + 7, 30],
  [MISC_BASE + 8, MISC_BASE + 8, 600],
  [MISC_BASE + 12, MISC_BASE + 12, 200],
  [MISC_BASE + 14, MISC_BASE + 15, 200],
  [MISC_BASE + 16, MISC_BASE + 16, 4],
  [MISC_BASE + 17, MISC_BASE + 17, 300],

  [SIMD_BASE, SIMD_BASE + 511, 8],
  // shuffle; any_true and others that V8 expands to several instructions
  [SIMD_BASE + 0x0d, SIMD_BASE + 0x0d, 20],
  [SIMD_BASE + 0x62, SIMD_BASE + 0x62, 20],
  // rounding of f32x4 and f64x2; saturating rounding multiplication; f64x2.nearest
  [SIMD_BASE + 0x67, SIMD_BASE + 0x6a, 30],
  [SIMD_BASE + 0x74, SIMD_BASE + 0x75, 30],
  [SIMD_BASE + 0x7a, SIMD_BASE + 0x7a, 30],
  [SIMD_BASE + 0x82, SIMD_BASE + 0x82, 30],
  [SIMD_BASE + 0x94, SIMD_BASE + 0x94, 30],
  // i64x2.mul; square roots and divisions; minima and maxima; conversions
  [SIMD_BASE + 0xd5, SIMD_BASE + 0xd5, 40],
  [SIMD_BASE + 0xe3, SIMD_BASE + 0xe3, 60],
  [SIMD_BASE + 0xe7, SIMD_BASE + 0xe7, 60],
  [SIMD_BASE + 0xe8, SIMD_BASE + 0xe9, 48],
  [SIMD_BASE + 0xef, SIMD_BASE + 0xef, 70],
  [SIMD_BASE + 0xf3, SIMD_BASE + 0xf3, 60],
  [SIMD_BASE + 0xf4, SIMD_BASE + 0xf5, 48],
  [SIMD_BASE + 0xf8, SIMD_BASE + 0xf9, 60],
  [SIMD_BASE + 0xfc, SIMD_BASE + 0xfd, 80],
  [SIMD_BASE + 0xfe, SIMD_BASE + 0xff, 20],

  [THREADS_BASE, THREADS_BASE + 511, 120],
];

/** Opcode number → units. */
export const COSTS = new Uint16Array(OPCODE_COUNT);
for (const [first, last, cost] of ROWS) COSTS.fill(cost, first, last + 1);

/**
 * Units of each iteration of a loop: the jump back, the charge and the check themselves. A loop entered once stays in V8's
 * baseline compiler for as long as it runs, where an empty iteration takes about 1.5 ns; priced lower, it would be the
 * slowest thing a unit buys. Never zero, so that every loop that repeats has a charge and a check.
 */
export const LOOP_COST = 12;

/** What a call of an imported function costs on top of the call itself; the host's own work is charged by the host. */
export const IMPORT_CALL_COST = 60;

/** Units for each of what an instruction moves, on top of its fixed cost. */
export const LENGTH_COSTS = {
  /** Bytes moved for one unit, as a power of two. */
  memoryBytesShift: 2,
  tableElement: 80,
  memoryPage: 60_000,
} as const;

const ENTRY_COST = 6;
const PARAMETER_COST = 2;
/** Locals up to this number are charged once, because most live in registers; further ones are zeroed in memory. */
const CHEAP_LOCALS = 16;

/** Units of entering a function: its frame, its parameters, and its locals, which are set to zero. */
export function entryCost(parameters: number, declaredLocals: number): number {
  return ENTRY_COST + PARAMETER_COST * parameters + declaredLocals + Math.max(0, declaredLocals - CHEAP_LOCALS);
}
