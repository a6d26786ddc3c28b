import type { ModuleShape } from "./module.ts";
import { WasmRefusal } from "./refusal.ts";
import { ByteWriter } from "./writer.ts";

const FUNCTION_TYPE = 0x60;

/** Bytes of all that is added: real modules need a few hundred kilobytes, hostile ones would fill an isolate. */
const MOST_ADDED_BYTES = 4 * 1024 * 1024;

/** Types and functions appended to a module. Appending keeps every index of the original as it is. */
export class Additions {
  readonly #types = new ByteWriter();
  #typeCount = 0;
  readonly #functionTypes: number[] = [];
  /** The bodies as they stand in a code section, each behind its size. */
  readonly #bodies = new ByteWriter();
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
    this.#requireRoom();
    return this.#firstType + this.#typeCount++;
  }

  /**
   * Appends a function.
   * @param body  declarations of locals and instructions, without the size in front
   * @returns the index of the function
   */
  addFunction(type: number, body: Uint8Array): number {
    this.#functionTypes.push(type);
    this.#bodies.u32(body.length);
    this.#bodies.copy(body);
    this.#requireRoom();
    return this.#firstFunction + this.#functionTypes.length - 1;
  }

  #requireRoom(): void {
    if (this.#types.length + this.#bodies.length <= MOST_ADDED_BYTES) return;
    throw new WasmRefusal("WASM_LIMIT", `what is added to the module takes more than ${MOST_ADDED_BYTES} bytes`, 0);
  }

  get typeCount(): number {
    return this.#typeCount;
  }

  /** Type of each added function. */
  get functionTypes(): readonly number[] {
    return this.#functionTypes;
  }

  /** Valid until the next addition. */
  typeBytes(): Uint8Array {
    return this.#types.view();
  }

  /** The bodies as they stand in a code section, each behind its size. Valid until the next addition. */
  bodyBytes(): Uint8Array {
    return this.#bodies.view();
  }
}
