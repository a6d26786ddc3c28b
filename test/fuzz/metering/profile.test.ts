import { expect, test } from "vitest";
// The guest module also switches on the features that the platform's runtime has.
import "../../unit/metering/guest.ts";
import { problemsOf, PROFILE_KERNEL } from "../../unit/profiling/profiled-guest.ts";
import { WasmRefusal } from "../../../worker/execution/metering/rewrite.ts";
import { Profiler } from "../../../worker/execution/sandbox/profiler.ts";
import { binaryenModule } from "./binaryen.ts";
import { roundsFor } from "./rounds.ts";
import { metered, run, type Observer, type Run } from "./run-module.ts";

const BUDGETS = [2n ** 45n, 20n, 300n, 5_000n, 200_000n];

/** Keeps a profile of each export and says what does not add up. */
class Books implements Observer {
  readonly problems: string[] = [];
  readonly #budget: bigint;
  #profiler = new Profiler(PROFILE_KERNEL);

  constructor(budget: bigint) {
    this.#budget = budget;
  }

  before(exports: WebAssembly.Exports): void {
    this.#profiler = new Profiler(PROFILE_KERNEL);
    this.#profiler.attach(exports, Number(this.#budget));
  }

  after(state: Run["states"][number], fuelLeft: bigint): void {
    const profile = this.#profiler.finish(state === "ok" ? Number(fuelLeft) : 0);
    const used = state === "ok" ? this.#budget - fuelLeft : this.#budget;
    // After a trap only the profile knows; it must still be consistent.
    const isKnown = state === "ok" || state === "exhausted";
    this.problems.push(...problemsOf(profile, isKnown ? Number(used) : profile.fuel));
    if (profile.fuel > Number(this.#budget)) this.problems.push(`${profile.fuel} of ${this.#budget}`);
  }
}

/** A host that swallows its guest's exceptions leaves frames open; this platform's never calls back. */
function swallows({ trace }: Run): boolean {
  return trace.some((line) => line.startsWith("nested throws"));
}

test("a profiled module does what the plain one does, to the unit, and its profile adds up", async () => {
  const seen = { compared: 0, refused: 0 };
  for (const seed of roundsFor(12)) {
    const input = await binaryenModule(seed);
    if (!WebAssembly.validate(input)) continue;
    let modules: readonly Uint8Array<ArrayBuffer>[];
    try {
      modules = [metered(input, seed), metered(input, seed, true)];
    } catch (error) {
      if (!(error instanceof WasmRefusal)) throw error;
      seen.refused++;
      continue;
    }
    const [plain = input, profiled = input] = modules;
    expect([seed, WebAssembly.validate(profiled)]).toEqual([seed, true]);
    for (const budget of BUDGETS) {
      const books = new Books(budget);
      const [before, after] = [run(plain, input, budget), run(profiled, input, budget, books)];
      if (before === null || after === null || before.overflowed || after.overflowed) continue;
      expect([seed, budget, after]).toEqual([seed, budget, before]);
      if (!swallows(after)) expect([seed, budget, books.problems]).toEqual([seed, budget, []]);
      seen.compared++;
    }
  }
  expect(seen.refused).toBe(0);
  expect(seen.compared).toBeGreaterThan(0);
}, 3_600_000);
