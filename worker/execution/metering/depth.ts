import type { FunctionPlan } from "./scan.ts";

/**
 * Units of call depth are bytes of V8's stack in disguise: 80 for each. Its baseline compiler makes the largest frames,
 * about 80 bytes and 8 for each local, 16 for a vector, and 16 for each parameter, which the caller may have to push.
 * So 10,240 units stay below the 984 KiB that V8 gives a stack, with room for operands and for the host. An ordinary
 * function, with up to ten such words, takes two units.
 */
const WORDS_PER_UNIT = 10;
const WORDS_PER_PARAMETER = 2;
/** A function that calls nothing is guarded too where its frame is this heavy. */
const HEAVY_FRAME = 8;

/**
 * Units of call depth that a frame takes.
 * @param locals  eight-byte words of the locals that are not parameters
 */
export function frameUnits(parameters: number, locals: number): number {
  return 1 + Math.ceil((WORDS_PER_PARAMETER * parameters + locals) / WORDS_PER_UNIT);
}

/**
 * Units that a function counts for itself: functions whose frame stays below others, and heavy ones, count their frame;
 * all others count nothing.
 */
export function countedUnits({ type, localWords, keepsFrame }: FunctionPlan): number {
  const units = frameUnits(type.parameterCount, localWords);
  return keepsFrame || units >= HEAVY_FRAME ? units : 0;
}
