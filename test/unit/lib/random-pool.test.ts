import { expect, test } from "vitest";
import { randomPool } from "../../../worker/lib/random-pool.ts";

/** Draws that can be told apart: 1, 2, 3, … across all of them. */
function counting(): { draws: number[]; draw: (bytes: Uint8Array) => void } {
  let next = 0;
  const draws: number[] = [];
  const draw = (bytes: Uint8Array): void => {
    draws.push(bytes.length);
    for (let at = 0; at < bytes.length; at++) bytes[at] = ++next & 0xff;
  };
  return { draws, draw };
}

test("a call's trace, id and seed come from one draw and share no byte", () => {
  const { draws, draw } = counting();
  const bytes = randomPool(draw);
  const given = [...bytes(16), ...bytes(16), ...bytes(32)];
  expect(draws).toEqual([96]);
  expect(new Set(given).size).toBe(64);
});

test("what is left over is not enough for the next: a new draw, nothing given twice", () => {
  const { draws, draw } = counting();
  const bytes = randomPool(draw);
  const given = [...bytes(90), ...bytes(90)];
  expect(draws).toEqual([96, 96]);
  expect(new Set(given).size).toBe(180);
  expect(bytes(500)).toHaveLength(500);
});

test("bytes given stay as they were", () => {
  const bytes = randomPool(counting().draw);
  const first = bytes(4);
  bytes(4).fill(0);
  expect([...first]).toEqual([1, 2, 3, 4]);
});
