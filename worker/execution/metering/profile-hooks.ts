import { PROFILE_HOOKS } from "../../../sdk/contract/metering-abi.ts";
import type { Additions } from "./additions.ts";
import type { MeterGlobals } from "./carrier.ts";
import { Op } from "./opcodes.ts";
import type { FunctionType, ModuleShape } from "./module.ts";
import { EMPTY_BLOCK, I32, I64 } from "./value-types.ts";
import { CodeWriter } from "./writer.ts";

/** Indices of what a profiled module has beside other metered ones. */
export interface ProfilePlaces {
  /** Table with the profile kernel's functions. */
  readonly table: number;
  /** Global with the fuel that was left when it was last taken. */
  readonly fuel: number;
  /** What is added to the index of a function. */
  readonly firstFunction: number;
}

type HookName = (typeof PROFILE_HOOKS)[number];

/** Parameters and results of the kernel's functions; see profile-kernel.wat. */
const SIGNATURES: Readonly<Record<HookName, readonly [parameters: readonly number[], results: readonly number[]]>> = {
  enter: [[I32, I32, I64], [I32]],
  leave: [[I64], []],
  resume: [[I32, I64], []],
  leaf: [[I32, I32, I64], []],
};

/**
 * Calls of the profile kernel. It is reached through an appended table, because imports would shift the index of every
 * function.
 */
export class ProfileHooks {
  readonly places: ProfilePlaces;
  readonly #shape: ModuleShape;
  readonly #additions: Additions;
  readonly #globals: MeterGlobals;
  readonly #types = new Map<HookName, number>();
  readonly #blocks = new Map<number, number>();
  readonly #thunks = new Map<number, number>();

  constructor(shape: ModuleShape, additions: Additions, globals: MeterGlobals, places: ProfilePlaces) {
    this.#shape = shape;
    this.#additions = additions;
    this.#globals = globals;
    this.places = places;
  }

  /** Calls a hook, whose operands are on the stack. */
  call(code: CodeWriter, hook: HookName): void {
    let type = this.#types.get(hook);
    if (type === undefined) {
      const [parameters, results] = SIGNATURES[hook];
      const parts = [[Uint8Array.from(parameters)], [Uint8Array.from(results)]] as const;
      type = this.#additions.addType(parts[0], parts[1], [parameters.length, results.length]);
      this.#types.set(hook, type);
    }
    code.i32Const(PROFILE_HOOKS.indexOf(hook));
    code.byte(Op.callIndirect);
    code.u32(type);
    code.u32(this.places.table);
  }

  /** Opens a block with the results of a function. */
  openBlock(code: CodeWriter, typeIndex: number, { results, resultCount }: FunctionType): void {
    code.byte(Op.block);
    if (resultCount === 0) return code.byte(EMPTY_BLOCK);
    if (resultCount === 1) return code.copy(results);
    let block = this.#blocks.get(typeIndex);
    if (block === undefined) {
      block = this.#additions.addType([], [results], [0, resultCount]);
      this.#blocks.set(typeIndex, block);
    }
    code.signed(block);
  }

  /**
   * The function that stands for an imported one in tables, references and exports: it is called from places that do not
   * know whom they call. Any other function stands for itself.
   */
  escaping(functionIndex: number): number {
    if (functionIndex >= this.#shape.importedFunctions) return functionIndex;
    let thunk = this.#thunks.get(functionIndex);
    if (thunk === undefined) {
      const type = this.#shape.functionTypes[functionIndex] ?? 0;
      const parameters = this.#shape.types[type]?.parameterCount ?? 0;
      thunk = this.#additions.addFunction(type, this.#thunkBody(functionIndex, parameters));
      this.#thunks.set(functionIndex, thunk);
    }
    return thunk;
  }

  /** Whoever calls it has put the fuel into the global. What its caller paid for the call stays with the caller. */
  #thunkBody(functionIndex: number, parameterCount: number): Uint8Array {
    const code = new CodeWriter();
    code.u32(0);
    code.i32Const(this.places.firstFunction + functionIndex);
    code.i32Const(0);
    code.globalGet(this.#globals.fuel);
    this.call(code, "enter");
    code.byte(Op.drop);
    for (let parameter = 0; parameter < parameterCount; parameter++) code.localGet(parameter);
    code.call(functionIndex);
    code.globalGet(this.#globals.fuel);
    this.call(code, "leave");
    code.byte(Op.end);
    return code.bytes();
  }
}

/** Bytes of the appended table's type: as many function references as there are hooks. */
export const HOOK_TABLE = Uint8Array.of(0x70, 1, PROFILE_HOOKS.length, PROFILE_HOOKS.length);

/** A module without hooks has imported functions stand for themselves. */
export function itself(functionIndex: number): number {
  return functionIndex;
}
