/** Functions whose fuel travels in a local: the usual form, and the one with the least cost. */
import type { Carrier, MeterGlobals } from "./carrier.ts";
import { countedUnits } from "./depth.ts";
import { EditKind, type Edit } from "./edits.ts";
import type { InstructionReader } from "./instructions.ts";
import { Op } from "./opcodes.ts";
import type { RegisterTypes } from "./register-types.ts";
import type { FunctionPlan } from "./scan.ts";
import { chargeGlobal, resume, stopWithoutFuel } from "./stops.ts";
import { EMPTY_BLOCK, I32, skipValueType } from "./value-types.ts";
import type { CodeWriter } from "./writer.ts";

/** Trailing parameters of a metered function; as many declared locals change their number. */
export const ADDED_PARAMETERS = 2;

/** What all functions of a module share. */
export interface RegisterSetting {
  readonly reader: InstructionReader;
  readonly types: RegisterTypes;
  readonly globals: MeterGlobals;
  /** The host sees no function table: tables hold metered functions, and indirect calls pass the fuel on. */
  readonly privateTables: boolean;
}

export class RegisterCarrier implements Carrier {
  protected readonly code: CodeWriter;
  protected readonly globals: MeterGlobals;
  protected readonly plan: FunctionPlan;
  protected readonly fuel: number;
  readonly #setting: RegisterSetting;
  readonly #types: RegisterTypes;
  readonly #depth: number;
  readonly #ownUnits: number;
  /** First of the locals that moved behind the others, and the local for the callee of an indirect call. */
  readonly #movedFrom: number;
  readonly #callee: number;
  /** Cost that is taken when the fuel is pushed next. */
  #owed = 0;
  /** Where the fuel was put into its local last. */
  #storeStart = -1;
  #storeEnd = -1;
  readonly profileLocal: number;

  constructor(setting: RegisterSetting, plan: FunctionPlan, code: CodeWriter) {
    this.code = code;
    this.globals = setting.globals;
    this.plan = plan;
    this.#setting = setting;
    this.#types = setting.types;
    this.fuel = plan.type.parameterCount;
    this.#depth = this.fuel + 1;
    this.#ownUnits = countedUnits(plan);
    this.#movedFrom = this.fuel + Math.max(plan.declaredLocals, ADDED_PARAMETERS);
    this.#callee = this.#movedFrom + Math.min(plan.declaredLocals, ADDED_PARAMETERS);
    this.profileLocal = this.#callee + this.#calleeLocals;
  }

  get #calleeLocals(): number {
    return this.plan.callsIndirectly && this.#setting.privateTables ? 1 : 0;
  }

  open(): void {
    this.#declareLocals();
    this.#guard();
    this.begin();
    if (this.plan.branchesToFunction) this.#openBlock();
  }

  /** What follows the guard of the depth; nothing here, as the fuel arrives where it is used. */
  protected begin(): void {}

  /**
   * The parameters take the numbers of the first declared locals. Those go behind the others, so that all further ones
   * keep their number.
   */
  #declareLocals(): void {
    const { reader } = this.#setting;
    const groups = this.#readGroups();
    const moved: Uint8Array[] = [];
    let leading = Math.min(this.plan.declaredLocals, ADDED_PARAMETERS);
    for (const group of groups) {
      for (; leading > 0 && group.count > 0; leading--) {
        group.count--;
        moved.push(reader.bytes.subarray(group.start, group.end));
      }
    }
    const kept = groups.filter((group) => group.count > 0);
    const added = this.#calleeLocals + this.plan.profileLocals;
    this.code.u32(kept.length + moved.length + (added > 0 ? 1 : 0));
    for (const { count, start, end } of kept) {
      this.code.u32(count);
      this.code.copy(reader.bytes, start, end);
    }
    for (const type of moved) {
      this.code.u32(1);
      this.code.copy(type);
    }
    if (added > 0) this.code.copy(Uint8Array.of(added, I32));
  }

  #readGroups(): { count: number; start: number; end: number }[] {
    const { reader } = this.#setting;
    reader.position = this.plan.localsStart;
    const groups = [];
    for (let left = reader.u32(); left > 0; left--) {
      const count = reader.u32();
      const start = reader.position;
      skipValueType(reader, reader.spaces);
      groups.push({ count, start, end: reader.position });
    }
    return groups;
  }

  /** Counts the frame; leaves -1 in the depth global and stops where it is one too many. */
  #guard(): void {
    if (this.#ownUnits === 0) return;
    const { code } = this;
    code.localGet(this.#depth);
    code.i32Const(this.#ownUnits);
    code.byte(Op.i32Sub);
    code.localTee(this.#depth);
    code.i32Const(0);
    code.byte(Op.i32LtS);
    code.byte(Op.if);
    code.byte(EMPTY_BLOCK);
    code.localGet(this.fuel);
    code.globalSet(this.globals.fuel);
    code.i32Const(-1);
    code.globalSet(this.globals.depth);
    code.byte(Op.unreachable);
    code.byte(Op.end);
  }

  /** Branches to the function's label would leave without fuel, so they end here instead. */
  #openBlock(): void {
    const { results, resultCount } = this.plan.type;
    this.code.byte(Op.block);
    if (resultCount === 0) this.code.byte(EMPTY_BLOCK);
    else if (resultCount === 1) this.code.copy(results);
    else this.code.signed(this.#types.block(this.plan.typeIndex));
  }

  close(): void {
    if (this.plan.branchesToFunction) this.code.byte(Op.end);
    this.handOver();
    this.code.byte(Op.end);
  }

  charge(cost: number, checked: boolean): void {
    const { code, fuel } = this;
    this.pushFuel();
    code.i64Const(cost);
    code.byte(Op.i64Sub);
    if (!checked) {
      code.localSet(fuel);
      return;
    }
    code.localTee(fuel);
    code.i64Const(0);
    code.byte(Op.i64LtS);
    code.byte(Op.if);
    code.byte(EMPTY_BLOCK);
    code.localGet(fuel);
    code.globalSet(this.globals.fuel);
    code.byte(Op.unreachable);
    code.byte(Op.end);
  }

  owe(cost: number): boolean {
    this.#owed = cost;
    return true;
  }

  pushFuel(): void {
    // Nothing stands between, so the fuel that was put away stays on the stack as well.
    if (this.code.length === this.#storeEnd) this.code.overwrite(this.#storeStart, Op.localTee);
    else this.code.localGet(this.fuel);
    if (this.#owed === 0) return;
    this.code.i64Const(this.#owed);
    this.code.byte(Op.i64Sub);
    this.#owed = 0;
  }

  /** Takes the fuel from the stack. */
  protected store(): void {
    this.#storeStart = this.code.length;
    this.code.localSet(this.fuel);
    this.#storeEnd = this.code.length;
  }

  /** Pushes the fuel for a metered function or for the caller. */
  protected handOver(): void {
    this.pushFuel();
  }

  /** Puts the fuel where host calls and handlers of exceptions look for it. */
  protected publish(): void {
    this.pushFuel();
    this.code.globalSet(this.globals.fuel);
  }

  /** Behind a host call, and at the start of a handler. */
  protected resume(): void {
    resume(this.code, this.globals, this.fuel);
  }

  replace(edit: Edit): void {
    switch (edit.kind) {
      case EditKind.local:
        return this.#local(edit);
      case EditKind.call:
        this.#handOverWithDepth();
        this.#original(edit);
        return this.store();
      case EditKind.callIndirect:
        if (this.#setting.privateTables) return this.#callPrivate(edit);
        return this.#callOutside(edit);
      case EditKind.callImport:
        return this.#callImport(edit);
      case EditKind.callReference:
        return this.#callOutside(edit);
      case EditKind.return:
        this.handOver();
        return this.#original(edit);
      case EditKind.throw:
        this.publish();
        return this.#original(edit);
      case EditKind.catch:
        this.#original(edit);
        return this.resume();
      case EditKind.length:
        this.pushFuel();
        this.code.call(edit.index);
        this.store();
        return this.#original(edit);
      case EditKind.functionReference:
        this.code.byte(Op.refFunc);
        return this.code.u32(this.#types.wrapper(edit.index));
      default:
        return this.#tailCall(edit);
    }
  }

  #original(edit: Edit): void {
    this.code.copy(this.#setting.reader.bytes, edit.start, edit.end);
  }

  #local(edit: Edit): void {
    this.code.byte(this.#setting.reader.bytes[edit.start] ?? 0);
    this.code.u32(this.#movedFrom + edit.index - this.fuel);
  }

  #handOverWithDepth(): void {
    this.handOver();
    this.code.localGet(this.#depth);
  }

  /** A tail call gives up this frame, so the callee gets the depth that this function was given. */
  #handOverWithOwnDepth(): void {
    this.#handOverWithDepth();
    if (this.#ownUnits === 0) return;
    this.code.i32Const(this.#ownUnits);
    this.code.byte(Op.i32Add);
  }

  #callImport(edit: Edit): void {
    const adaptor = this.#types.importAdaptor(edit.index, this.plan.functionIndex);
    if (adaptor < 0) return this.#callOutside(edit);
    this.#handOverWithDepth();
    this.code.call(adaptor);
    this.store();
  }

  /** A call of something that may be the host's, or a wrapper: both look at the globals. */
  #callOutside(edit: Edit): void {
    this.publish();
    this.code.localGet(this.#depth);
    this.code.globalSet(this.globals.depth);
    this.#original(edit);
    this.resume();
  }

  /** The number of the callee is topmost and has to stay so: fuel and depth are put below it. */
  #callPrivate(edit: Edit): void {
    this.code.localSet(this.#callee);
    this.#handOverWithDepth();
    this.code.localGet(this.#callee);
    this.#indirect(Op.callIndirect, edit);
    this.store();
  }

  #indirect(opcode: number, edit: Edit): void {
    this.code.byte(opcode);
    this.code.u32(this.#types.metered(edit.index));
    this.code.u32(edit.table);
  }

  #tailCall(edit: Edit): void {
    switch (edit.kind) {
      case EditKind.returnCall:
        this.#handOverWithOwnDepth();
        return this.#original(edit);
      case EditKind.returnCallIndirect:
        this.code.localSet(this.#callee);
        this.#handOverWithOwnDepth();
        this.code.localGet(this.#callee);
        return this.#indirect(Op.returnCallIndirect, edit);
      case EditKind.returnCallImport:
        this.#handOverWithOwnDepth();
        this.code.byte(Op.returnCall);
        return this.code.u32(this.#types.adaptor(edit.index));
      default:
        // The callee keeps its type and gives no fuel back. It cannot throw, so no handler of this function sees it.
        this.code.call(edit.index);
        this.handOver();
        this.code.byte(Op.return);
    }
  }
}

/**
 * Functions with `try_table`, whose handlers begin at labels that ordinary branches reach as well: there a local could
 * not be told from the truth. So these keep their fuel in the global from their first to their last instruction.
 */
export class SyncedCarrier extends RegisterCarrier {
  protected override begin(): void {
    this.code.localGet(this.fuel);
    this.code.globalSet(this.globals.fuel);
  }

  override charge(cost: number, checked: boolean): void {
    chargeGlobal(this.code, this.globals.fuel, cost, checked);
  }

  override owe(): boolean {
    return false;
  }

  override pushFuel(): void {
    this.code.globalGet(this.globals.fuel);
  }

  protected override store(): void {
    this.code.globalSet(this.globals.fuel);
  }

  protected override handOver(): void {
    this.pushFuel();
    this.code.globalGet(this.globals.poison);
    this.code.globalSet(this.globals.fuel);
  }

  protected override publish(): void {}

  protected override resume(): void {
    stopWithoutFuel(this.code, this.globals.fuel);
  }
}
