/**
 * Vectors, and the bits of a NaN, do not cross the border to JavaScript. So a function is called by a small module that
 * takes its operands from a memory and puts its results there.
 */
import { ByteWriter, CodeWriter } from "../../worker/execution/metering/writer.ts";

export type NumericType = "i32" | "i64" | "f32" | "f64" | "v128";

/** For each type its number in the binary format, and the instructions that load and store it, without alignment and offset. */
const TYPES: Readonly<
  Record<NumericType, { readonly code: number; readonly load: number[]; readonly store: number[] }>
> = {
  i32: { code: 0x7f, load: [0x28], store: [0x36] },
  i64: { code: 0x7e, load: [0x29], store: [0x37] },
  f32: { code: 0x7d, load: [0x2a], store: [0x38] },
  f64: { code: 0x7c, load: [0x2b], store: [0x39] },
  v128: { code: 0x7b, load: [0xfd, 0], store: [0xfd, 11] },
};
const SLOT_BYTES = 16;
const MOST_SLOTS = 1_000;
const NO_ALIGNMENT_NO_OFFSET = [0, 0];

export function isNumeric(type: string): type is NumericType {
  return Object.hasOwn(TYPES, type);
}

/** A number or vector as its bytes, little-endian. */
export class NumericValue {
  readonly type: NumericType;
  readonly bytes: Uint8Array;

  constructor(type: NumericType, bytes: Uint8Array) {
    this.type = type;
    this.bytes = bytes;
  }

  static of(type: NumericType, value: number | bigint): NumericValue {
    const view = new DataView(new ArrayBuffer(type.endsWith("32") ? 4 : 8));
    if (type === "i32") view.setInt32(0, Number(value), true);
    else if (type === "i64") view.setBigInt64(0, BigInt(value), true);
    else if (type === "f32") view.setFloat32(0, Number(value), true);
    else view.setFloat64(0, Number(value), true);
    return new NumericValue(type, new Uint8Array(view.buffer));
  }

  /** As JavaScript has it; a vector has no such form. */
  get value(): number | bigint {
    const view = new DataView(this.bytes.buffer, this.bytes.byteOffset);
    if (this.type === "i32") return view.getInt32(0, true);
    if (this.type === "f32") return view.getFloat32(0, true);
    return this.type === "f64" ? view.getFloat64(0, true) : view.getBigInt64(0, true);
  }
}

/** Calls one function without loss. */
export class NumericCaller {
  readonly #parameters: readonly NumericType[];
  readonly #results: readonly NumericType[];
  readonly #memory: WebAssembly.Memory;
  readonly #call: () => void;

  constructor(callee: WebAssembly.ExportValue, parameters: readonly NumericType[], results: readonly NumericType[]) {
    if (parameters.length + results.length > MOST_SLOTS) throw new RangeError("too many operands and results");
    this.#parameters = parameters;
    this.#results = results;
    const module = new WebAssembly.Module(callerModule(parameters, results));
    const { exports } = new WebAssembly.Instance(module, { m: { f: callee } });
    this.#memory = exports["m"] as WebAssembly.Memory;
    this.#call = exports["r"] as () => void;
  }

  /** @returns the results as hexadecimal bytes behind their types */
  call(values: readonly NumericValue[]): string {
    const bytes = new Uint8Array(this.#memory.buffer);
    bytes.fill(0, 0, SLOT_BYTES * (this.#parameters.length + this.#results.length));
    for (const [slot, value] of values.entries()) bytes.set(value.bytes, SLOT_BYTES * slot);
    this.#call();
    const first = this.#parameters.length;
    const shown = this.#results.map((type, at) => {
      const from = SLOT_BYTES * (first + at);
      return `${type} ${Buffer.from(bytes.subarray(from, from + SLOT_BYTES)).toString("hex")}`;
    });
    return shown.length === 0 ? "nothing" : shown.join(", ");
  }
}

/** A module that imports "m" "f" and exports the memory "m", and "r", which calls "f" with what is there. */
function callerModule(parameters: readonly NumericType[], results: readonly NumericType[]): Uint8Array<ArrayBuffer> {
  const signature = new ByteWriter();
  signature.copy(Uint8Array.of(2, 0x60));
  for (const list of [parameters, results]) {
    signature.u32(list.length);
    for (const type of list) signature.byte(TYPES[type].code);
  }
  signature.copy(Uint8Array.of(0x60, 0, 0));
  const code = callerBody(parameters, results);
  const section = new ByteWriter();
  section.byte(1);
  section.u32(code.length);
  section.copy(code);
  const module = new ByteWriter();
  module.copy(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  for (const [id, contents] of [
    [1, signature.view()],
    [2, Uint8Array.of(1, 1, 0x6d, 1, 0x66, 0, 0)],
    [3, Uint8Array.of(1, 1)],
    [5, Uint8Array.of(1, 0, 1)],
    [7, Uint8Array.of(2, 1, 0x6d, 2, 0, 1, 0x72, 0, 1)],
    [10, section.view()],
  ] as const) {
    module.byte(id);
    module.u32(contents.length);
    module.copy(contents);
  }
  return Uint8Array.from(module.view());
}

function callerBody(parameters: readonly NumericType[], results: readonly NumericType[]): Uint8Array {
  const code = new CodeWriter();
  code.u32(results.length);
  for (const type of results) code.copy(Uint8Array.of(1, TYPES[type].code));
  for (const [slot, type] of parameters.entries()) {
    code.i32Const(SLOT_BYTES * slot);
    code.copy(Uint8Array.from([...TYPES[type].load, ...NO_ALIGNMENT_NO_OFFSET]));
  }
  code.call(0);
  for (const index of results.keys()) code.localSet(results.length - 1 - index);
  for (const [index, type] of results.entries()) {
    code.i32Const(SLOT_BYTES * (parameters.length + index));
    code.localGet(index);
    code.copy(Uint8Array.from([...TYPES[type].store, ...NO_ALIGNMENT_NO_OFFSET]));
  }
  code.byte(0x0b);
  return code.bytes();
}
