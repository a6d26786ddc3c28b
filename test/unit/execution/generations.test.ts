import { describe, expect, test } from "vitest";
import {
  FIRST_GENERATION,
  REPLACEMENT_LIMITS,
  replaceFailed,
  type Generations,
} from "../../../durable-objects/plugin-health/rules.ts";

const NOW = 1_000_000_000;
const [BURST, DAY] = REPLACEMENT_LIMITS;

/** Lets the current generation fail at each of the times. */
function failAt(times: readonly number[], known: Generations = FIRST_GENERATION): Generations {
  return times.reduce((generations, time) => replaceFailed(generations, generations.current, time).next, known);
}

describe("replaceFailed", () => {
  test.each([
    { current: 0, failed: 0, answer: 1 },
    { current: 1, failed: 0, answer: 1 },
    { current: 5, failed: 2, answer: 5 },
    { current: 1, failed: 1, answer: 2 },
    { current: 0, failed: 7, answer: 8 },
  ])("generation $failed failed while $current is on record: $answer", ({ current, failed, answer }) => {
    expect(replaceFailed({ current, replacedAt: [] }, failed, NOW).answer).toEqual({ generation: answer });
  });

  test("who comes late to a failure changes nothing", () => {
    const known = { current: 4, replacedAt: [1, 2] };
    expect(replaceFailed(known, 3, NOW).next).toBe(known);
  });

  test("a kill loop is refused after the first few, until the oldest of them is past", () => {
    const times = Array.from({ length: BURST.most }, (_, index) => NOW + index);
    const known = failAt(times);
    expect(known.current).toBe(BURST.most);
    const refused = replaceFailed(known, known.current, NOW + 500);
    expect(refused).toEqual({ answer: { refusedUntil: NOW + BURST.periodMs }, next: known });
    expect(replaceFailed(known, known.current, NOW + BURST.periodMs).answer).toEqual({ generation: BURST.most + 1 });
  });

  test("who knows an old generation gets the current one even then", () => {
    const known = failAt([NOW, NOW, NOW]);
    expect(replaceFailed(known, 0, NOW).answer).toEqual({ generation: 3 });
  });

  test("a patient kill loop makes no more in a day than the day allows, and nothing grows", () => {
    let known: Generations = FIRST_GENERATION;
    for (let time = NOW; time < NOW + 3 * DAY.periodMs; time += 60_000) known = failAt([time], known);
    expect(known.current).toBeLessThanOrEqual(3 * DAY.most);
    expect(known.current).toBeGreaterThan(2 * DAY.most);
    expect(known.replacedAt.length).toBeLessThanOrEqual(DAY.most);
  });
});
