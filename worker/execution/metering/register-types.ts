import type { Additions } from "./additions.ts";
import type { MeterGlobals } from "./carrier.ts";
import { frameUnits } from "./depth.ts";
import type { FunctionType, ModuleShape } from "./module.ts";
import { Op } from "./opcodes.ts";
import { resume } from "./stops.ts";
import { I32, I64 } from "./value-types.ts";
import { CodeWriter } from "./writer.ts";

const FUEL_AND_DEPTH = Uint8Array.of(I64, I32);
const FUEL = Uint8Array.of(I64);
const NOTHING = new Uint8Array(0);
const NO_TYPE: FunctionType = { parameterCount: 0, parameters: NOTHING, resultCount: 0, results: NOTHING };

/**
 * Calls of an imported function that are written out in the function that makes them. Publishing the fuel and taking it back
 * is thirty bytes; where a module calls one import from thousands of places, further ones call an adaptor that does it.
 */
const WRITTEN_OUT_CALLS = 8;

/**
 * The register form's types and the functions at its border. A metered function `(P) → (R)` has the type
 * `(P, i64 fuel, i32 depth) → (R, i64 fuel)`. Whoever cannot know that gets a wrapper of the original type.
 */
export class RegisterTypes {
  readonly #shape: ModuleShape;
  readonly #leafCosts: Int32Array;
  readonly #additions: Additions;
  readonly #globals: MeterGlobals;
  readonly #escaping: (importedFunction: number) => number;
  readonly #metered = new Map<number, number>();
  readonly #blocks = new Map<number, number>();
  readonly #wrappers = new Map<number, number>();
  readonly #adaptors = new Map<number, number>();
  readonly #importCalls = new Map<number, ImportCalls>();

  /** @param escaping  function that stands for an imported one where it is not called directly */
  constructor(
    shape: ModuleShape,
    leafCosts: Int32Array,
    additions: Additions,
    globals: MeterGlobals,
    escaping: (importedFunction: number) => number,
  ) {
    this.#shape = shape;
    this.#leafCosts = leafCosts;
    this.#additions = additions;
    this.#globals = globals;
    this.#escaping = escaping;
  }

  get wrapperCount(): number {
    const imports = [...this.#importCalls.values()].filter(({ adaptor }) => adaptor >= 0).length;
    return this.#wrappers.size + this.#adaptors.size + imports;
  }

  isImported(functionIndex: number): boolean {
    return functionIndex < this.#shape.importedFunctions;
  }

  #type(index: number): FunctionType {
    return this.#shape.types[index] ?? NO_TYPE;
  }

  /** True for functions that keep their type: imported ones and those that are charged to their callers. */
  keepsType(functionIndex: number): boolean {
    return this.isImported(functionIndex) || (this.#leafCosts[functionIndex] ?? -1) >= 0;
  }

  /** Type of the metered form of a function type. */
  metered(typeIndex: number): number {
    let metered = this.#metered.get(typeIndex);
    if (metered === undefined) {
      const { parameters, parameterCount, results, resultCount } = this.#type(typeIndex);
      const counts = [parameterCount + 2, resultCount + 1] as const;
      metered = this.#additions.addType([parameters, FUEL_AND_DEPTH], [results, FUEL], counts);
      this.#metered.set(typeIndex, metered);
    }
    return metered;
  }

  /** Type of a block that takes nothing and gives the results of a function type. */
  block(typeIndex: number): number {
    let block = this.#blocks.get(typeIndex);
    if (block === undefined) {
      const { results, resultCount } = this.#type(typeIndex);
      block = this.#additions.addType([], [results], [0, resultCount]);
      this.#blocks.set(typeIndex, block);
    }
    return block;
  }

  /** A function of the original type that behaves as the given one: for the host, and for references it may see. */
  wrapper(functionIndex: number): number {
    if (this.isImported(functionIndex)) return this.#escaping(functionIndex);
    if (this.keepsType(functionIndex)) return functionIndex;
    let wrapper = this.#wrappers.get(functionIndex);
    if (wrapper === undefined) {
      const type = this.#shape.functionTypes[functionIndex] ?? 0;
      wrapper = this.#additions.addFunction(type, this.#wrapperBody(functionIndex, this.#type(type)));
      this.#wrappers.set(functionIndex, wrapper);
    }
    return wrapper;
  }

  /**
   * Takes fuel and depth out of the globals, leaves the poison there while the guest runs, puts both back. Its own frame
   * counts too.
   */
  #wrapperBody(functionIndex: number, { parameterCount }: FunctionType): Uint8Array {
    const depth = parameterCount;
    const code = new CodeWriter();
    code.copy(Uint8Array.of(1, 1, I32));
    for (let parameter = 0; parameter < parameterCount; parameter++) code.localGet(parameter);
    code.globalGet(this.#globals.fuel);
    code.globalGet(this.#globals.depth);
    code.localTee(depth);
    code.i32Const(frameUnits(parameterCount, 0));
    code.byte(Op.i32Sub);
    code.globalGet(this.#globals.poison);
    code.globalSet(this.#globals.fuel);
    code.call(functionIndex);
    code.globalSet(this.#globals.fuel);
    code.localGet(depth);
    code.globalSet(this.#globals.depth);
    code.byte(Op.end);
    return code.bytes();
  }

  /** A metered function around an imported one: for private tables and tail calls, where a metered one is expected. */
  adaptor(functionIndex: number): number {
    let adaptor = this.#adaptors.get(functionIndex);
    if (adaptor === undefined) {
      const type = this.#shape.functionTypes[functionIndex] ?? 0;
      const callee = this.#escaping(functionIndex);
      adaptor = this.#additions.addFunction(this.metered(type), this.#adaptorBody(callee, this.#type(type)));
      this.#adaptors.set(functionIndex, adaptor);
    }
    return adaptor;
  }

  /**
   * Metered function to call instead of an imported one, or -1 where the call is to be written out. Callers are asked for
   * in the order of their indices, and may be asked for again: the answer for a caller stays the same.
   */
  importAdaptor(functionIndex: number, caller: number): number {
    let calls = this.#importCalls.get(functionIndex);
    if (calls === undefined) this.#importCalls.set(functionIndex, (calls = new ImportCalls()));
    if (!calls.useAdaptor(caller)) return -1;
    if (calls.adaptor < 0) {
      const type = this.#shape.functionTypes[functionIndex] ?? 0;
      const body = this.#adaptorBody(functionIndex, this.#type(type));
      calls.adaptor = this.#additions.addFunction(this.metered(type), body);
    }
    return calls.adaptor;
  }

  /** Its frame counts, because the import may call back and its caller may have given up its own. */
  #adaptorBody(callee: number, { parameterCount }: FunctionType): Uint8Array {
    const fuel = parameterCount;
    const code = new CodeWriter();
    code.u32(0);
    for (let parameter = 0; parameter < parameterCount; parameter++) code.localGet(parameter);
    code.localGet(fuel);
    code.globalSet(this.#globals.fuel);
    code.localGet(fuel + 1);
    code.i32Const(frameUnits(parameterCount, 0));
    code.byte(Op.i32Sub);
    code.globalSet(this.#globals.depth);
    code.call(callee);
    resume(code, this.#globals, fuel);
    code.localGet(fuel);
    code.byte(Op.end);
    return code.bytes();
  }
}

/** Where one import is called from. */
class ImportCalls {
  adaptor = -1;
  #writtenOut = 0;
  #latestCaller = -1;
  /** First caller that calls the adaptor. */
  #adaptorFrom = Infinity;

  useAdaptor(caller: number): boolean {
    if (caller >= this.#latestCaller && this.#adaptorFrom === Infinity) {
      this.#latestCaller = caller;
      if (++this.#writtenOut === WRITTEN_OUT_CALLS) this.#adaptorFrom = caller + 1;
    }
    return caller >= this.#adaptorFrom;
  }
}
