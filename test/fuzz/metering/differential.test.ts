import { expect, test } from "vitest";
// The guest module also switches on the features that the platform's runtime has.
import "../../unit/metering/guest.ts";
import { WasmRefusal } from "../../../worker/execution/metering/rewrite.ts";
import { binaryenModule } from "./binaryen.ts";
import { roundsFor } from "./rounds.ts";
import { metered, run, type Run } from "./run-module.ts";

const PLENTY = 2n ** 60n;
const BUDGETS = [0n, 20n, 300n, 5_000n, 200_000n];

/** Runs twice with a small budget: it must end, and both runs must be the same to the unit. */
function expectDeterministic(
  seed: number,
  bytes: Uint8Array<ArrayBuffer>,
  original: Uint8Array,
  budget: bigint,
): number {
  const [first, second] = [run(bytes, original, budget), run(bytes, original, budget)];
  expect([seed, budget, second?.trace]).toEqual([seed, budget, first?.trace]);
  expect([seed, budget, second?.fuelLeft]).toEqual([seed, budget, first?.fuelLeft]);
  expect([seed, budget, second?.memory]).toEqual([seed, budget, first?.memory]);
  return first?.states.filter((state) => state === "exhausted").length ?? 0;
}

/** What cannot be compared: the depth at which a stack ends is not the same with and without a guard. */
function comparable(result: Run | null): result is Run {
  return result !== null && !result.overflowed;
}

test("random modules behave as before, and stop where their fuel ends", async () => {
  const seen = { compared: 0, exhausted: 0, refused: 0 };
  for (const seed of roundsFor(15)) {
    const input = await binaryenModule(seed);
    if (!WebAssembly.validate(input)) continue;
    let output: Uint8Array<ArrayBuffer>;
    try {
      output = metered(input, seed);
    } catch (error) {
      if (!(error instanceof WasmRefusal)) throw error;
      seen.refused++;
      continue;
    }
    expect([seed, WebAssembly.validate(output)]).toEqual([seed, true]);
    const [before, after] = [run(input, input, PLENTY), run(output, input, PLENTY)];
    if (comparable(before) && comparable(after)) {
      expect([seed, after.trace]).toEqual([seed, before.trace]);
      expect([seed, after.memory]).toEqual([seed, before.memory]);
      seen.compared++;
    }
    for (const budget of BUDGETS) seen.exhausted += expectDeterministic(seed, output, input, budget);
  }
  expect(seen.refused).toBe(0);
  expect(seen.compared).toBeGreaterThan(0);
  expect(seen.exhausted).toBeGreaterThan(0);
}, 3_600_000);
