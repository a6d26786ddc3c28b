/** Vectors do not cross the border to JavaScript, so a small module calls the function and gives the bits of its results. */
import { ByteWriter, CodeWriter } from "../../worker/execution/metering/writer.ts";
import { float, integer, vectorBytes, word } from "./literals.ts";
import { List } from "./s-expression.ts";
import { NotRun } from "./script-host.ts";

const TYPES: Readonly<Record<string, number>> = {
  "i32.const": 0x7f,
  "i64.const": 0x7e,
  "f32.const": 0x7d,
  "f64.const": 0x7c,
  "v128.const": 0x7b,
};
const [I32, I64, F32, F64, V128] = [0x7f, 0x7e, 0x7d, 0x7c, 0x7b];
const F32_BITS = 0xbc;
const F64_BITS = 0xbd;
const VECTOR_LANE = 29;

function typeOf(constant: List): number {
  const [, first] = constant.items;
  const head = constant.head === "either" && first instanceof List ? first.head : constant.head;
  const type = TYPES[head];
  if (type === undefined) throw new NotRun(`${head} next to a vector`);
  return type;
}

export function usesVectors(constants: readonly List[]): boolean {
  return constants.some(
    (constant) => TYPES[constant.head] === V128 || (constant.head === "either" && typeOf(constant) === V128),
  );
}

/** A module that imports "m" "f", and exports "r", which calls it and gives its results as integers. */
export function vectorCaller(values: readonly List[], expected: readonly List[]): Uint8Array<ArrayBuffer> {
  const parameters = values.map(typeOf);
  const results = expected.map(typeOf);
  const bits = results.flatMap((type) =>
    type === V128 ? [I64, I64] : [type === F32 ? I32 : type === F64 ? I64 : type],
  );
  const types = [2, 0x60, parameters.length, ...parameters, results.length, ...results, 0x60, 0, bits.length, ...bits];
  const module = new ByteWriter();
  module.copy(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  const code = body(values, results);
  for (const [id, contents] of [
    [1, Uint8Array.from(types)],
    [2, Uint8Array.of(1, 1, 0x6d, 1, 0x66, 0, 0)],
    [3, Uint8Array.of(1, 1)],
    [7, Uint8Array.of(1, 1, 0x72, 0, 1)],
    [10, code],
  ] as const) {
    module.byte(id);
    module.u32(contents.length);
    module.copy(contents);
  }
  return Uint8Array.from(module.view());
}

function body(values: readonly List[], results: readonly number[]): Uint8Array {
  const code = new CodeWriter();
  code.u32(results.length);
  for (const type of results) code.copy(Uint8Array.of(1, type));
  for (const value of values) writeConstant(code, value);
  code.call(0);
  for (const index of results.keys()) code.localSet(results.length - 1 - index);
  for (const [index, type] of results.entries()) writeBits(code, index, type);
  code.byte(0x0b);
  const section = new ByteWriter();
  section.byte(1);
  section.u32(code.length);
  section.copy(code.view());
  return section.bytes();
}

function writeConstant(code: CodeWriter, constant: List): void {
  const type = typeOf(constant);
  const text = word(constant.items[1] ?? "");
  if (type === V128) {
    code.copy(Uint8Array.of(0xfd, 12));
    code.copy(vectorBytes(constant));
  } else if (type === I32) code.i32Const(Number(BigInt.asIntN(32, integer(text))));
  else if (type === I64) code.i64ConstBig(BigInt.asIntN(64, integer(text)));
  else {
    code.byte(type === F32 ? 0x43 : 0x44);
    code.copy(new Uint8Array((type === F32 ? Float32Array : Float64Array).of(float(text)).buffer));
  }
}

function writeBits(code: CodeWriter, index: number, type: number): void {
  for (const lane of type === V128 ? [0, 1] : [-1]) {
    code.localGet(index);
    if (lane >= 0) code.copy(Uint8Array.of(0xfd, VECTOR_LANE, lane));
    else if (type === F32) code.byte(F32_BITS);
    else if (type === F64) code.byte(F64_BITS);
  }
}
