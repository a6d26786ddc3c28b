import type { FunctionPlan } from "./scan.ts";

/** Locals that one unit of depth covers on top of the frame itself. */
const LOCALS_PER_UNIT = 16;
/** A function that calls nothing is guarded too where its frame is this heavy. */
const HEAVY_FRAME = 8;

/** Units of call depth that a frame takes: V8 keeps locals in the frame, so a frame of thousands is thousands of words. */
export function frameWeight(plan: FunctionPlan): number {
  return 1 + Math.floor((plan.type.parameterCount + plan.declaredLocals) / LOCALS_PER_UNIT);
}

/** True for functions that count their frame: those whose frame stays below others, and heavy ones. */
export function guardsDepth(plan: FunctionPlan): boolean {
  return plan.keepsFrame || frameWeight(plan) >= HEAVY_FRAME;
}
