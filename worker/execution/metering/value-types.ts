import type { FeatureLog } from "./features.ts";
import type { ByteReader } from "./reader.ts";
import { WasmRefusal } from "./refusal.ts";

/** Bytes of value types (specification §5.3). */
export const I32 = 0x7f;
export const I64 = 0x7e;
export const F32 = 0x7d;
export const F64 = 0x7c;
export const V128 = 0x7b;
export const FUNCREF = 0x70;
export const EXTERNREF = 0x6f;
const EXNREF = 0x69;
const NULLABLE_REFERENCE = 0x63;
const REFERENCE = 0x64;
export const EMPTY_BLOCK = 0x40;

const NAMES: Readonly<Record<number, string>> = {
  0x7f: "i32",
  0x7e: "i64",
  0x7d: "f32",
  0x7c: "f64",
  0x7b: "v128",
  0x74: "nullexnref",
  0x73: "nullfuncref",
  0x72: "nullexternref",
  0x71: "nullref",
  0x70: "funcref",
  0x6f: "externref",
  0x6e: "anyref",
  0x6d: "eqref",
  0x6c: "i31ref",
  0x6b: "structref",
  0x6a: "arrayref",
  0x69: "exnref",
};

/** What the reader of types must know: how many types there are so far, and where to note the features met. */
export interface TypeContext {
  /** Types that may be named here. */
  typeCount: number;
  readonly features: FeatureLog;
}

/** True for the one-byte reference types and their heap types. */
function isAbstractHeapType(byte: number): boolean {
  return byte >= 0x69 && byte <= 0x74;
}

function noteAbstractHeapType(byte: number, context: TypeContext, offset: number): void {
  if (byte === FUNCREF) return;
  if (byte === EXTERNREF) context.features.note("reference-types", offset);
  else if (byte === EXNREF || byte === 0x74) context.features.note("exceptions", offset);
  else context.features.note("gc", offset);
}

/** Steps over a heap type; a type index is checked against the context. */
export function skipHeapType(reader: ByteReader, context: TypeContext): void {
  const offset = reader.position;
  const byte = reader.peek();
  if (isAbstractHeapType(byte)) {
    reader.position++;
    noteAbstractHeapType(byte, context, offset);
    return;
  }
  if (byte >= 0x40 && byte < 0x80) {
    throw new WasmRefusal("WASM_UNSUPPORTED", `unknown heap type 0x${byte.toString(16)}`, offset);
  }
  context.features.note("function-references", offset);
  const index = reader.u32();
  if (index >= context.typeCount) reader.malformed(`type ${index} does not exist`, offset);
}

/** Steps over a value type and returns its first byte. */
export function skipValueType(reader: ByteReader, context: TypeContext): number {
  const offset = reader.position;
  const byte = reader.byte();
  if (byte >= V128 && byte <= I32) {
    if (byte === V128) context.features.note("simd", offset);
  } else if (isAbstractHeapType(byte)) {
    noteAbstractHeapType(byte, context, offset);
  } else if (byte === NULLABLE_REFERENCE || byte === REFERENCE) {
    context.features.note("function-references", offset);
    skipHeapType(reader, context);
  } else {
    throw new WasmRefusal("WASM_UNSUPPORTED", `unknown value type 0x${byte.toString(16)}`, offset);
  }
  return byte;
}

/** True where a value of a type with this first byte may be a function. */
export function mayHoldFunction(firstByte: number): boolean {
  return firstByte === FUNCREF || firstByte === NULLABLE_REFERENCE || firstByte === REFERENCE;
}

/** Text of value types that were read before: `i32, funcref`. Reference types with an index read `(ref 3)`. */
export function valueTypesText(bytes: Uint8Array): string[] {
  const names: string[] = [];
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (byte !== REFERENCE && byte !== NULLABLE_REFERENCE) {
      names.push(NAMES[byte] ?? `0x${byte.toString(16)}`);
      continue;
    }
    at++;
    const heap = bytes[at] ?? 0;
    let text = NAMES[heap]?.replace(/ref$/, "");
    if (text === undefined) {
      let index = heap & 0x7f;
      for (let shift = 7; (bytes[at] ?? 0) >= 0x80; shift += 7) index |= ((bytes[++at] ?? 0) & 0x7f) << shift;
      text = String(index);
    }
    names.push(byte === REFERENCE ? `(ref ${text})` : `(ref null ${text})`);
  }
  return names;
}
