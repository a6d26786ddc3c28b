import { COSTS, entryCost } from "./costs.ts";
import type { InstructionReader } from "./instructions.ts";
import { declaredReferences, type ModuleShape } from "./module.ts";
import { Op, OPERANDS, Operands } from "./opcodes.ts";

/** Functions that cost more than this, or are longer than this, are not worth charging to their callers. */
const LEAF_COST = 128;
const LEAF_BODY_BYTES = 256;
const NOP = 0x01;

/** Operand kinds of instructions that neither branch, call, nor touch references. */
const PLAIN = new Set<number>([
  Operands.none,
  Operands.local,
  Operands.global,
  Operands.memoryArgument,
  Operands.memoryArgumentLane,
  Operands.int32,
  Operands.int64,
  Operands.float32,
  Operands.float64,
  Operands.sixteenBytes,
  Operands.lane,
]);

/**
 * Finds small functions without branches and calls that only this module calls directly. They keep their signature and
 * their bytes; who calls them pays for them, which is exact because they are executed as a whole.
 * @param movedGlobals  first global whose number changes: a function that uses such cannot keep its bytes
 * @returns for each function, imported ones included, its cost, or -1 for a function that is metered itself
 */
export function leafCosts(reader: InstructionReader, shape: ModuleShape, movedGlobals = Infinity): Int32Array {
  const costs = new Int32Array(shape.functionTypes.length).fill(-1);
  const referenced = declaredReferences(shape).add(shape.start);
  for (let index = shape.importedFunctions; index < costs.length; index++) {
    const body = 2 * (index - shape.importedFunctions);
    const start = shape.bodies[body] ?? 0;
    const end = shape.bodies[body + 1] ?? 0;
    if (end - start > LEAF_BODY_BYTES || referenced.has(index)) continue;
    reader.position = start;
    reader.limit = end;
    const parameters = shape.types[shape.functionTypes[index] ?? -1]?.parameterCount ?? 0;
    costs[index] = leafCost(reader, parameters, movedGlobals);
  }
  return costs;
}

function leafCost(reader: InstructionReader, parameters: number, movedGlobals: number): number {
  let cost = entryCost(parameters, reader.readLocals(parameters));
  for (;;) {
    const opcode = reader.next();
    if (opcode === Op.end) break;
    const isControl = opcode < Op.catchAll + 1 && opcode !== NOP;
    if ((opcode === Op.globalGet || opcode === Op.globalSet) && reader.first >= movedGlobals) return -1;
    if (isControl || !PLAIN.has(OPERANDS[opcode] ?? Operands.unknown)) return -1;
    cost += COSTS[opcode] ?? 0;
  }
  reader.expectEnd("a function body");
  return cost <= LEAF_COST ? cost : -1;
}
