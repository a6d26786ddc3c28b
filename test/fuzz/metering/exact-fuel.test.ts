import { expect, test } from "vitest";
import { Guest } from "../../unit/metering/guest.ts";
import { randomProgram, TooLong, type Machine } from "./program.ts";
import { Random } from "./random.ts";
import { roundsFor } from "./rounds.ts";

const PATIENCE = 200_000;

interface Expected {
  readonly value: number;
  readonly fuel: bigint;
  readonly notes: readonly number[];
}

function interpret(call: (machine: Machine) => number, memory: Int32Array): Expected | null {
  const machine: Machine = { fuel: 0, patience: PATIENCE, memory, notes: [] };
  try {
    const value = call(machine);
    return { value, fuel: BigInt(machine.fuel), notes: machine.notes };
  } catch (error) {
    if (error instanceof TooLong) return null;
    throw error;
  }
}

test("the fuel taken is the sum over every instruction executed", () => {
  let compared = 0;
  for (const seed of roundsFor(8)) {
    const random = new Random(seed);
    const { text, functions } = randomProgram(random);
    const notes: number[] = [];
    const policy = seed % 4 === 0 ? ({ backend: "global" } as const) : {};
    const guest = new Guest(text, { env: { note: (value: number) => notes.push(value) } }, policy);
    const memory = guest.exports["memory"] as WebAssembly.Memory;
    for (const [index, entry] of functions.entries()) {
      const values = Array.from({ length: entry.parameters }, () => random.below(100) - 30);
      const expected = interpret((machine) => entry.call(machine, values), new Int32Array(64));
      if (expected === null) continue;
      notes.length = 0;
      new Uint8Array(memory.buffer).fill(0);
      const outcome = guest.call(`f${index}`, values);
      const found = { value: outcome.value, fuel: outcome.used, notes: [...notes] };
      expect({ seed, index, ...found }).toEqual({ seed, index, ...expected });
      compared++;
    }
  }
  expect(compared).toBeGreaterThan(50);
}, 3_600_000);
