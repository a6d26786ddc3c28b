import type { Carrier } from "./carrier.ts";
import { IMPORT_CALL_COST } from "./costs.ts";
import { EditKind, type Edit } from "./edits.ts";
import { Op } from "./opcodes.ts";
import type { ProfileHooks } from "./profile-hooks.ts";
import type { FunctionPlan } from "./scan.ts";
import type { CodeWriter } from "./writer.ts";

/** What the profiled functions of a module share. */
export interface ProfileSetting {
  readonly bytes: Uint8Array;
  readonly hooks: ProfileHooks;
  readonly leafCosts: Int32Array;
}

/**
 * Writes a function as another carrier does, with the profile kernel told whenever fuel begins to be somebody else's: at the
 * function's entry and on every way out of it, around imported functions, and where an exception is caught. The fuel itself
 * is charged and checked by the other carrier at the same places, so a profiled call takes what a plain one takes.
 */
export class ProfileCarrier implements Carrier {
  readonly #setting: ProfileSetting;
  readonly #metered: Carrier;
  readonly #plan: FunctionPlan;
  readonly #code: CodeWriter;

  constructor(setting: ProfileSetting, metered: Carrier, plan: FunctionPlan, code: CodeWriter) {
    this.#setting = setting;
    this.#metered = metered;
    this.#plan = plan;
    this.#code = code;
  }

  get profileLocal(): number {
    return this.#metered.profileLocal;
  }

  owe(): boolean {
    return false;
  }

  pushFuel(): void {
    this.#metered.pushFuel();
  }

  open(): void {
    this.#metered.open();
    this.#enter(this.#plan.functionIndex, 0);
    if (this.#plan.profileLocals > 0) this.#code.localSet(this.profileLocal);
    else this.#code.byte(Op.drop);
    // Branches to the function's label would leave without a word, so they end here instead.
    if (this.#plan.branchesToFunction) {
      this.#setting.hooks.openBlock(this.#code, this.#plan.typeIndex, this.#plan.type);
    }
  }

  close(): void {
    if (this.#plan.branchesToFunction) this.#code.byte(Op.end);
    this.#leave();
    this.#metered.close();
  }

  charge(cost: number, checked: boolean): void {
    this.#settleHandler();
    this.#metered.charge(cost, checked);
    this.#note();
  }

  replace(edit: Edit): void {
    switch (edit.kind) {
      case EditKind.callLeaf:
        this.#leaf(edit);
        return this.#code.copy(this.#setting.bytes, edit.start, edit.end);
      case EditKind.callImport:
        return this.#callImport(edit);
      case EditKind.call:
      case EditKind.throw:
        this.#settleHandler();
        return this.#metered.replace(edit);
      case EditKind.callIndirect:
      case EditKind.callReference:
      case EditKind.length:
        this.#settleHandler();
        this.#metered.replace(edit);
        return this.#note();
      case EditKind.returnCallLeaf:
        this.#leaf(edit);
        this.#leave();
        return this.#metered.replace(edit);
      case EditKind.return:
      case EditKind.returnCall:
      case EditKind.returnCallImport:
      case EditKind.returnCallIndirect:
      case EditKind.returnCallReference:
        this.#leave();
        return this.#metered.replace(edit);
      case EditKind.catch:
        this.#metered.replace(edit);
        this.#resume();
        return this.#note();
      default:
        return this.#metered.replace(edit);
    }
  }

  #callImport(edit: Edit): void {
    this.#settleHandler();
    this.#enter(edit.index, IMPORT_CALL_COST);
    this.#code.byte(Op.drop);
    this.#metered.replace(edit);
    this.pushFuel();
    this.#setting.hooks.call(this.#code, "leave");
    this.#note();
  }

  #enter(functionIndex: number, paid: number): void {
    this.#code.i32Const(this.#setting.hooks.places.firstFunction + functionIndex);
    this.#code.i32Const(paid);
    this.pushFuel();
    this.#setting.hooks.call(this.#code, "enter");
  }

  #leave(): void {
    this.#settleHandler();
    this.pushFuel();
    this.#setting.hooks.call(this.#code, "leave");
  }

  #leaf({ index }: Edit): void {
    this.#settleHandler();
    this.#code.i32Const(this.#setting.hooks.places.firstFunction + index);
    this.#code.i32Const(this.#setting.leafCosts[index] ?? 0);
    this.pushFuel();
    this.#setting.hooks.call(this.#code, "leaf");
  }

  #resume(): void {
    this.#code.localGet(this.profileLocal);
    this.pushFuel();
    this.#setting.hooks.call(this.#code, "resume");
  }

  /** Handlers of `try_table` begin at labels that are no place of their own, so what comes next there says who goes on. */
  #settleHandler(): void {
    if (this.#plan.hasTryTable) this.#resume();
  }

  /** Leaves the fuel where the host finds it after a trap. */
  #note(): void {
    this.pushFuel();
    this.#code.globalSet(this.#setting.hooks.places.fuel);
  }
}
