import type { InstructionReader } from "./instructions.ts";
import { STRUCTURE_LIMITS, type FunctionReference } from "./module.ts";
import { GC_BASE, Op, opcodeText } from "./opcodes.ts";
import { WasmRefusal } from "./refusal.ts";

const EXTENDED = new Set<number>([Op.i32Add, Op.i32Sub, Op.i32Mul, Op.i64Add, Op.i64Sub, Op.i64Mul]);
const PLAIN = new Set<number>([
  Op.i32Const,
  Op.i64Const,
  Op.f32Const,
  Op.f64Const,
  Op.globalGet,
  Op.refNull,
  Op.refFunc,
  Op.v128Const,
]);
/** struct.new(_default), array.new(_default, _fixed), any.convert_extern, extern.convert_any, ref.i31 */
const GARBAGE_COLLECTED = new Set([0, 1, 6, 7, 8, 26, 27, 28].map((number) => GC_BASE + number));

/**
 * Reads a constant expression (specification §3.3.13) up to and with its `end`.
 * @param references  receives every function index that a `ref.func` names; null where the value is a number
 */
export function readConstantExpression(reader: InstructionReader, references: FunctionReference[] | null): void {
  for (;;) {
    const opcode = reader.next();
    if (opcode === Op.end) return;
    if (EXTENDED.has(opcode)) reader.spaces.features.note("extended-const", reader.start);
    else if (!PLAIN.has(opcode) && !GARBAGE_COLLECTED.has(opcode)) {
      reader.malformed(`${opcodeText(opcode)} is not allowed in a constant expression`, reader.start);
    }
    if (opcode === Op.refFunc) noteReference(reader, references);
    if (opcode === Op.globalGet && reader.first >= reader.spaces.importedGlobals) {
      reader.ownGlobalInConstant = reader.start;
    }
  }
}

function noteReference(reader: InstructionReader, references: FunctionReference[] | null): void {
  if (references === null) reader.malformed("a function reference stands where a number is needed", reader.start);
  if (references.length >= STRUCTURE_LIMITS.functionReferences) {
    const detail = `more than ${STRUCTURE_LIMITS.functionReferences} function references`;
    throw new WasmRefusal("WASM_LIMIT", detail, reader.start);
  }
  references.push({ start: reader.start + 1, end: reader.position, functionIndex: reader.first });
}
