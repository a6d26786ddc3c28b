import { PlatformError } from "../../sdk/contract/errors.ts";
import { errorText } from "../lib/error-text.ts";
import { logError } from "../lib/json-log.ts";
import { invoke, type Invocation, type InvokeDeps, type PluginEvent } from "./invoke.ts";
import type { RequestBudget } from "./request-budget.ts";
import { MOST_AT_WORK } from "./slots.ts";
import type { Snapshot } from "./snapshot.ts";

/** Several plugins on behalf of one request, under one budget. */

/** One call of several; its budget is theirs together. */
export type Part = Omit<PluginEvent, "budget">;

/** How one of them ended: a call was made, or was refused before one was (not installed, not active, …). */
export type PartResult = { readonly invocation: Invocation } | { readonly refused: PlatformError };

/**
 * Calls plugins that do not depend on each other, in waves of as many as one request may have at work. The next wave begins
 * when the last one is done, and the calls of a wave share what is left evenly, so that what each may use does not depend on
 * timing. A call that fails harms no other. Those that the budget does not reach end with BUDGET_SPENT.
 *
 * @returns one result for each part, in their order
 */
export async function fanOut(
  deps: InvokeDeps,
  snapshot: Snapshot,
  parts: readonly Part[],
  budget: RequestBudget,
): Promise<readonly PartResult[]> {
  const results: PartResult[] = [];
  for (let begun = 0; begun < parts.length; begun += MOST_AT_WORK) {
    const wave = parts.slice(begun, begun + MOST_AT_WORK);
    const calls = wave.map((part, index) => callPart(deps, snapshot, part, budget, wave.length - index));
    results.push(...(await Promise.all(calls)));
  }
  return results;
}

/**
 * Calls plugins one after the other, each with what the one before left.
 *
 * @param input  of the first
 * @param next   makes the next one's input of a result and its input; undefined ends the sequence
 * @returns results of the calls that were made, in order
 */
export async function callInTurn(
  deps: InvokeDeps,
  snapshot: Snapshot,
  parts: readonly Omit<Part, "input">[],
  budget: RequestBudget,
  input: Uint8Array,
  next: (result: PartResult, input: Uint8Array) => Uint8Array | undefined,
): Promise<readonly PartResult[]> {
  const results: PartResult[] = [];
  let current: Uint8Array | undefined = input;
  for (const part of parts) {
    if (current === undefined) break;
    const result = await callPart(deps, snapshot, { ...part, input: current }, budget, 1);
    results.push(result);
    current = next(result, current);
  }
  return results;
}

/** One call of several. @param among  how many of them, itself included, begin together */
export async function callPart(
  deps: InvokeDeps,
  snapshot: Snapshot,
  part: Part,
  pool: RequestBudget,
  among: number,
): Promise<PartResult> {
  try {
    return { invocation: await invoke(deps, snapshot, { ...part, budget: { pool, among } }) };
  } catch (error) {
    if (error instanceof PlatformError) return { refused: error };
    logError("fan-out.failed", { pluginId: part.pluginId, traceId: part.traceId, error: errorText(error) });
    return {
      refused: new PlatformError("INTERNAL", "The call failed for a reason of the platform's own.", { cause: error }),
    };
  }
}
