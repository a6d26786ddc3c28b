import type { ModuleShape } from "./module.ts";
import { ByteWriter } from "./writer.ts";

const FUNCTION_TYPE = 0x60;

interface AddedFunction {
  readonly type: number;
  readonly body: Uint8Array;
}

/** Types and functions appended to a module. Appending keeps every index of the original as it is. */
export class Additions {
  readonly #types = new ByteWriter();
  #typeCount = 0;
  readonly #functions: AddedFunction[] = [];
  readonly #firstType: number;
  readonly #firstFunction: number;

  constructor(shape: ModuleShape) {
    this.#firstType = shape.types.length;
    this.#firstFunction = shape.functionTypes.length;
  }

  /**
   * Appends a function type, given the bytes of its value types with those to be added behind them.
   * @returns the index of the type
   */
  addType(
    parameters: readonly Uint8Array[],
    results: readonly Uint8Array[],
    counts: readonly [number, number],
  ): number {
    this.#types.byte(FUNCTION_TYPE);
    this.#types.u32(counts[0]);
    for (const part of parameters) this.#types.copy(part);
    this.#types.u32(counts[1]);
    for (const part of results) this.#types.copy(part);
    return this.#firstType + this.#typeCount++;
  }

  /**
   * Appends a function.
   * @param body  declarations of locals and instructions, without the size in front
   * @returns the index of the function
   */
  addFunction(type: number, body: Uint8Array): number {
    this.#functions.push({ type, body });
    return this.#firstFunction + this.#functions.length - 1;
  }

  get typeCount(): number {
    return this.#typeCount;
  }

  get functions(): readonly AddedFunction[] {
    return this.#functions;
  }

  typeBytes(): Uint8Array {
    return this.#types.bytes();
  }

  /** The bodies as they stand in a code section, each behind its size. */
  bodyBytes(): Uint8Array {
    const writer = new ByteWriter();
    for (const { body } of this.#functions) {
      writer.u32(body.length);
      writer.copy(body);
    }
    return writer.bytes();
  }
}
