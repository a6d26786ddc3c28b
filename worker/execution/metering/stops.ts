/** Sequences of instructions that several forms of metered code share. All leave the operand stack as it was. */
import type { MeterGlobals } from "./carrier.ts";
import { Op } from "./opcodes.ts";
import { EMPTY_BLOCK } from "./value-types.ts";
import type { CodeWriter } from "./writer.ts";

/** With an i64 on the stack: traps where it is negative. */
function trapBelowZero(code: CodeWriter): void {
  code.i64Const(0);
  code.byte(Op.i64LtS);
  code.byte(Op.if);
  code.byte(EMPTY_BLOCK);
  code.byte(Op.unreachable);
  code.byte(Op.end);
}

/** Takes the fuel back from the global: stops where none is left, leaves the poison there otherwise. */
export function resume(code: CodeWriter, globals: MeterGlobals, fuelLocal: number): void {
  code.globalGet(globals.fuel);
  code.localTee(fuelLocal);
  trapBelowZero(code);
  code.globalGet(globals.poison);
  code.globalSet(globals.fuel);
}

/** Stops where the fuel global says that none is left. */
export function stopWithoutFuel(code: CodeWriter, fuelGlobal: number): void {
  code.globalGet(fuelGlobal);
  trapBelowZero(code);
}

/** Takes a cost from the fuel global. */
export function chargeGlobal(code: CodeWriter, fuelGlobal: number, cost: number, checked: boolean): void {
  code.globalGet(fuelGlobal);
  code.i64Const(cost);
  code.byte(Op.i64Sub);
  code.globalSet(fuelGlobal);
  if (checked) stopWithoutFuel(code, fuelGlobal);
}
