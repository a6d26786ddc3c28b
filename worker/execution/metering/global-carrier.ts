/**
 * Functions whose fuel stays in the exported global. They keep their signature, so anything can be carried, at a higher
 * price: every charge waits for the store of the one before.
 */
import type { Carrier, MeterGlobals } from "./carrier.ts";
import { countedUnits } from "./depth.ts";
import { EditKind, type Edit } from "./edits.ts";
import { Op } from "./opcodes.ts";
import { ByteReader } from "./reader.ts";
import type { FunctionPlan } from "./scan.ts";
import { chargeGlobal, stopWithoutFuel } from "./stops.ts";
import { EMPTY_BLOCK, I32 } from "./value-types.ts";
import type { CodeWriter } from "./writer.ts";

/**
 * The depth global is an argument: a function that calls reads it at its entry, and sets it before each call to what
 * is left below itself. So nothing has to be restored on the many ways out of a function.
 */
export class GlobalCarrier implements Carrier {
  readonly #bytes: Uint8Array;
  readonly #globals: MeterGlobals;
  readonly #plan: FunctionPlan;
  readonly #code: CodeWriter;
  readonly #ownUnits: number;
  readonly #keepsDepth: boolean;
  /** The added local, with the depth left below this function. */
  readonly #depth: number;
  readonly profileLocal: number;
  /** Function that stands for an imported one where it is not called directly. */
  readonly #escaping: (importedFunction: number) => number;

  constructor(
    bytes: Uint8Array,
    globals: MeterGlobals,
    plan: FunctionPlan,
    code: CodeWriter,
    escaping: (importedFunction: number) => number,
  ) {
    this.#bytes = bytes;
    this.#globals = globals;
    this.#plan = plan;
    this.#code = code;
    this.#ownUnits = countedUnits(plan);
    this.#keepsDepth = this.#ownUnits > 0 || plan.makesTailCalls;
    this.#depth = plan.type.parameterCount + plan.declaredLocals;
    this.profileLocal = this.#depth + (this.#keepsDepth ? 1 : 0);
    this.#escaping = escaping;
  }

  open(): void {
    this.#declareLocals();
    if (!this.#keepsDepth) return;
    const code = this.#code;
    code.globalGet(this.#globals.depth);
    if (this.#ownUnits === 0) {
      code.localSet(this.#depth);
      return;
    }
    code.i32Const(this.#ownUnits);
    code.byte(Op.i32Sub);
    code.localTee(this.#depth);
    code.i32Const(0);
    code.byte(Op.i32LtS);
    code.byte(Op.if);
    code.byte(EMPTY_BLOCK);
    code.i32Const(-1);
    code.globalSet(this.#globals.depth);
    code.byte(Op.unreachable);
    code.byte(Op.end);
  }

  #declareLocals(): void {
    const { localsStart, codeStart } = this.#plan;
    const added = (this.#keepsDepth ? 1 : 0) + this.#plan.profileLocals;
    if (added === 0) {
      this.#code.copy(this.#bytes, localsStart, codeStart);
      return;
    }
    const reader = new ByteReader(this.#bytes, localsStart, codeStart);
    this.#code.u32(reader.u32() + 1);
    this.#code.copy(this.#bytes, reader.position, codeStart);
    this.#code.copy(Uint8Array.of(added, I32));
  }

  owe(): boolean {
    return false;
  }

  pushFuel(): void {
    this.#code.globalGet(this.#globals.fuel);
  }

  close(): void {
    this.#code.byte(Op.end);
  }

  charge(cost: number, checked: boolean): void {
    chargeGlobal(this.#code, this.#globals.fuel, cost, checked);
  }

  replace(edit: Edit): void {
    const fuel = this.#globals.fuel;
    switch (edit.kind) {
      case EditKind.call:
        this.#passDepth();
        return this.#original(edit);
      case EditKind.returnCallImport:
        this.#passDepth();
        return this.#escaped(Op.returnCall, edit);
      case EditKind.callImport:
      case EditKind.callIndirect:
      case EditKind.callReference:
        this.#passDepth();
        this.#original(edit);
        return stopWithoutFuel(this.#code, fuel);
      case EditKind.returnCall:
      case EditKind.returnCallLeaf:
      case EditKind.returnCallIndirect:
      case EditKind.returnCallReference:
        this.#passOwnDepth();
        return this.#original(edit);
      case EditKind.length:
        this.#code.globalGet(fuel);
        this.#code.call(edit.index);
        this.#code.globalSet(fuel);
        return this.#original(edit);
      case EditKind.functionReference:
        return this.#escaped(Op.refFunc, edit);
      default:
        return this.#original(edit);
    }
  }

  #escaped(opcode: number, edit: Edit): void {
    const target = this.#escaping(edit.index);
    if (target === edit.index) return this.#original(edit);
    this.#code.byte(opcode);
    this.#code.u32(target);
  }

  #original(edit: Edit): void {
    this.#code.copy(this.#bytes, edit.start, edit.end);
  }

  #passDepth(): void {
    this.#code.localGet(this.#depth);
    this.#code.globalSet(this.#globals.depth);
  }

  /** A tail call gives up this frame, so the callee gets the depth that this function was given. */
  #passOwnDepth(): void {
    this.#code.localGet(this.#depth);
    if (this.#ownUnits > 0) {
      this.#code.i32Const(this.#ownUnits);
      this.#code.byte(Op.i32Add);
    }
    this.#code.globalSet(this.#globals.depth);
  }
}
