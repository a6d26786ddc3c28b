import type { Additions } from "./additions.ts";
import type { MeterGlobals } from "./carrier.ts";
import { LENGTH_COSTS } from "./costs.ts";
import { MISC_BASE, Op } from "./opcodes.ts";
import { I32, I64 } from "./value-types.ts";
import { CodeWriter } from "./writer.ts";

/** How the work of an instruction follows from its length operand. */
interface LengthPrice {
  /** Greatest length that does any work: what is in a memory or table, or what it may still grow by. */
  readonly bound: "memoryBytes" | "memoryRoom" | "tableElements" | "tableRoom";
  /** Memory or table. */
  readonly index: number;
}

const LENGTH = 0;
const FUEL = 1;
const PAGE_SHIFT = 16;
const VOID_BLOCK = 0x40;
const WIDEST_ROOM = 2 ** 32;

/**
 * Functions that charge by length: `(length, fuel) → (length, fuel)`, called in front of the instruction, whose topmost
 * operand is the length. One instruction can do gigabytes of work, so a fixed price would be no price. A length that
 * makes the instruction trap or fail is not charged: no work is done, and the trap must stay the same trap.
 */
export class LengthCharges {
  readonly #additions: Additions;
  readonly #globals: MeterGlobals;
  readonly #memoryMaxima: readonly number[];
  readonly #tableMaxima: readonly number[];
  readonly #functions = new Map<string, number>();
  #type = -1;

  constructor(
    additions: Additions,
    globals: MeterGlobals,
    maxima: { readonly memories: readonly number[]; readonly tables: readonly number[] },
  ) {
    this.#additions = additions;
    this.#globals = globals;
    this.#memoryMaxima = maxima.memories;
    this.#tableMaxima = maxima.tables;
  }

  /**
   * Index of the function that charges for an instruction, or -1 for one whose work does not depend on a length.
   * @param first   first index of the instruction
   * @param second  second index, where it has two
   */
  functionFor(opcode: number, first: number, second: number): number {
    const price = priceOf(opcode, first, second);
    if (price === null) return -1;
    const key = `${price.bound} ${price.index}`;
    let index = this.#functions.get(key);
    if (index === undefined) {
      index = this.#additions.addFunction(this.#signature(), this.#body(price));
      this.#functions.set(key, index);
    }
    return index;
  }

  #signature(): number {
    const pair = [Uint8Array.of(I32, I64)];
    if (this.#type < 0) this.#type = this.#additions.addType(pair, pair, [2, 2]);
    return this.#type;
  }

  #body(price: LengthPrice): Uint8Array {
    const code = new CodeWriter();
    const isGrowth = price.bound === "memoryRoom";
    code.u32(0);
    pushLength(code);
    this.#pushBound(code, price);
    code.byte(Op.i64GtU);
    if (isGrowth) this.#orBeyondPackage(code);
    code.byte(Op.if);
    code.byte(VOID_BLOCK);
    if (isGrowth) this.#refuseGrowth(code);
    else code.localGet(LENGTH);
    code.localGet(FUEL);
    code.byte(Op.return);
    code.byte(Op.end);

    code.localGet(FUEL);
    pushLength(code);
    scale(code, price);
    code.byte(Op.i64Sub);
    code.localTee(FUEL);
    code.i64Const(0);
    code.byte(Op.i64LtS);
    code.byte(Op.if);
    code.byte(VOID_BLOCK);
    code.localGet(FUEL);
    code.globalSet(this.#globals.fuel);
    code.byte(Op.unreachable);
    code.byte(Op.end);
    if (isGrowth) this.#takeFromPackage(code);
    code.localGet(LENGTH);
    code.localGet(FUEL);
    code.byte(Op.end);
    return code.bytes();
  }

  /** Also true where the growth is more than what the package's modules have left together. */
  #orBeyondPackage(code: CodeWriter): void {
    const { sparePages } = this.#globals;
    if (sparePages === undefined) return;
    pushLength(code);
    code.globalGet(sparePages);
    code.byte(Op.i64ExtendI32U);
    code.byte(Op.i64GtU);
    code.byte(Op.i32Or);
  }

  /** The growth will be refused; a guest that dies of it is told apart from one that traps for other reasons. */
  #refuseGrowth(code: CodeWriter): void {
    code.localGet(LENGTH);
    code.globalSet(this.#globals.refusedPages);
    // More than any memory can grow by, for one that has room of its own.
    if (this.#globals.sparePages === undefined) code.localGet(LENGTH);
    else code.i32Const(-1);
  }

  #takeFromPackage(code: CodeWriter): void {
    const { sparePages } = this.#globals;
    if (sparePages === undefined) return;
    code.globalGet(sparePages);
    code.localGet(LENGTH);
    code.byte(Op.i32Sub);
    code.globalSet(sparePages);
  }

  /** Pushes the greatest length that does work, as an i64. */
  #pushBound(code: CodeWriter, { bound, index }: LengthPrice): void {
    if (bound === "memoryRoom") code.i64Const(Math.min(this.#memoryMaxima[index] ?? 0, WIDEST_ROOM));
    if (bound === "tableRoom") code.i64Const(Math.min(this.#tableMaxima[index] ?? 0, WIDEST_ROOM));
    if (bound === "memoryBytes" || bound === "memoryRoom") code.byte(Op.memorySize);
    else {
      code.byte(0xfc);
      code.u32(Op.tableSize - MISC_BASE);
    }
    code.u32(index);
    code.byte(Op.i64ExtendI32U);
    if (bound === "memoryBytes") {
      code.i64Const(PAGE_SHIFT);
      code.byte(Op.i64Shl);
    } else if (bound !== "tableElements") code.byte(Op.i64Sub);
  }
}

function pushLength(code: CodeWriter): void {
  code.localGet(LENGTH);
  code.byte(Op.i64ExtendI32U);
}

/** Turns the length on the stack into units. */
function scale(code: CodeWriter, { bound }: LengthPrice): void {
  if (bound === "memoryBytes") {
    code.i64Const(LENGTH_COSTS.memoryBytesShift);
    code.byte(Op.i64ShrU);
    return;
  }
  code.i64Const(bound === "memoryRoom" ? LENGTH_COSTS.memoryPage : LENGTH_COSTS.tableElement);
  code.byte(Op.i64Mul);
}

function priceOf(opcode: number, first: number, second: number): LengthPrice | null {
  switch (opcode) {
    case Op.memoryGrow:
      return { bound: "memoryRoom", index: first };
    case Op.memoryFill:
    case Op.memoryCopy:
      return { bound: "memoryBytes", index: first };
    case Op.memoryInit:
      return { bound: "memoryBytes", index: second };
    case Op.tableGrow:
      return { bound: "tableRoom", index: first };
    case Op.tableFill:
    case Op.tableCopy:
      return { bound: "tableElements", index: first };
    case Op.tableInit:
      return { bound: "tableElements", index: second };
    default:
      return null;
  }
}
