/** Numbers of the text format (specification §6.3.1, §6.3.2) as JavaScript values and as bytes of vectors. */
import type { Item, List } from "./s-expression.ts";
import { NumericValue } from "./numeric-call.ts";
import { NotRun } from "./script-host.ts";

/** `(i32.const 1)`, `(f64.const nan:0x1)`, `(v128.const i8x16 …)`. */
export function numericConstant(constant: List): NumericValue {
  const text = word(constant.items[1] ?? "");
  switch (constant.head) {
    case "i32.const":
      return NumericValue.of("i32", BigInt.asIntN(32, integer(text)));
    case "i64.const":
      return NumericValue.of("i64", BigInt.asIntN(64, integer(text)));
    case "f32.const":
      return new NumericValue("f32", littleEndian(floatBits(text, 4), 4));
    case "f64.const":
      return new NumericValue("f64", littleEndian(floatBits(text, 8), 8));
    case "v128.const":
      return new NumericValue("v128", vectorBytes(constant));
    default:
      throw new NotRun(`a value ${constant.head}`);
  }
}

function integer(text: string): bigint {
  const digits = text.replaceAll("_", "");
  const negative = digits.startsWith("-");
  const magnitude = BigInt(/^[+-]/.test(digits) ? digits.slice(1) : digits);
  return negative ? -magnitude : magnitude;
}

/** The nearest double. A NaN loses its payload. */
function float(text: string): number {
  const digits = text.replaceAll("_", "");
  const sign = digits.startsWith("-") ? -1 : 1;
  const magnitude = digits.replace(/^[+-]/, "");
  if (magnitude.startsWith("nan")) return NaN;
  if (magnitude.startsWith("inf")) return sign * Infinity;
  return sign * (magnitude.startsWith("0x") ? hexadecimalFloat(magnitude) : Number(magnitude));
}

function hexadecimalFloat(text: string): number {
  const [, whole = "", fraction = "", exponent = "0"] =
    /^0x([0-9a-f]*)\.?([0-9a-f]*)(?:p([+-]?\d+))?$/i.exec(text) ?? [];
  let significand = BigInt(`0x${whole}${fraction || (whole === "" ? "0" : "")}`);
  let power = Number(exponent) - 4 * fraction.length;
  // What is cut off is remembered in the last bit, so that the conversion rounds as it would have.
  let rest = false;
  for (; significand >= 2n ** 62n; power++) {
    rest ||= (significand & 1n) === 1n;
    significand >>= 1n;
  }
  const value = Number(significand | (rest ? 1n : 0n));
  // In two steps, because 2 ** -1074 is the least power that there is.
  return value * 2 ** Math.max(power, -1_000) * (power < -1_000 ? 2 ** (power + 1_000) : 1);
}

const LANES: Readonly<Record<string, number>> = { i8x16: 16, i16x8: 8, i32x4: 4, i64x2: 2, f32x4: 4, f64x2: 2 };

/** The sixteen bytes of `(v128.const shape lane …)`. */
function vectorBytes(constant: List): Uint8Array {
  const [, shape, ...lanes] = constant.items.map(word);
  const width = 16 / (LANES[shape ?? ""] ?? 16);
  const bytes = lanes.map((text) => {
    const bits = shape?.startsWith("f") ? floatBits(text, width) : integer(text);
    return littleEndian(bits, width);
  });
  return Buffer.concat(bytes);
}

function littleEndian(bits: bigint, width: number): Uint8Array {
  return Uint8Array.from({ length: width }, (_, byte) => Number((bits >> BigInt(8 * byte)) & 0xffn));
}

function floatBits(text: string, width: number): bigint {
  const payload = /nan(?::0x([0-9a-f_]+))?$/i.exec(text);
  if (payload !== null) {
    const sign = text.startsWith("-") ? 1n : 0n;
    const [exponent, quiet] = width === 4 ? [0x7f800000n, 0x400000n] : [0x7ff0000000000000n, 0x8000000000000n];
    const bits = payload[1] === undefined ? quiet : BigInt(`0x${payload[1].replaceAll("_", "")}`);
    return (sign << BigInt(8 * width - 1)) | exponent | bits;
  }
  const view = new DataView(new ArrayBuffer(8));
  if (width === 4) view.setFloat32(0, float(text), true);
  else view.setFloat64(0, float(text), true);
  return view.getBigUint64(0, true);
}

export function word(item: Item): string {
  if (typeof item !== "string") throw new NotRun("a word is expected");
  return item;
}
