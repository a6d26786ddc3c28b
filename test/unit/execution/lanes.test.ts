import { describe, expect, test } from "vitest";
import { DEFAULT_LIMITS } from "../../../sdk/contract/limits.ts";
import { ISOLATE_MEMORY_BUDGET, MOST_LANES } from "../../../worker/execution/admit.ts";
import { takePlace } from "../../../worker/execution/lane-queue.ts";
import { Lanes, MOST_WAITING, SILENCE_MS, type Place } from "../../../worker/execution/lanes.ts";

const SHARE = ISOLATE_MEMORY_BUDGET / 4;
const PLACES = MOST_LANES * 4;
const LIMITS = { ...DEFAULT_LIMITS, wallClock: 1_000 };

function request(expiresAt = 10_000, bytes = SHARE, isolate = "p") {
  return { isolate, bytes, expiresAt };
}

function fill(lanes: Lanes, expiresAt?: number): Place[] {
  return Array.from({ length: PLACES }, () => {
    const place = lanes.reserve(request(expiresAt), 0);
    if (!place) throw new Error("no place");
    return place;
  });
}

/** Time passes only by pausing; what is to happen at a time happens in the pause that reaches it. */
function bench(events: Readonly<Record<number, () => void>> = {}) {
  let now = 0;
  const clock = { now: () => now };
  const pause = (milliseconds: number): Promise<void> => {
    for (let step = 0; step < milliseconds; step++) events[++now]?.();
    return Promise.resolve();
  };
  return { clock, pause };
}

describe("places", () => {
  test("calls spread over lanes, none beyond its memory, and leave them free again", () => {
    const lanes = new Lanes();
    const places = fill(lanes);
    expect(places.slice(0, 9).map(({ lane }) => lane)).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 2]);
    expect(lanes.held("p")).toEqual(Array.from({ length: MOST_LANES }, () => ISOLATE_MEMORY_BUDGET));
    expect(lanes.reserve(request(), 0)).toBeUndefined();
    expect(lanes.reserve(request(10_000, SHARE, "another plugin"), 0)).toMatchObject({ lane: 0 });
    const [first] = places;
    if (first) lanes.release("p", first);
    expect(lanes.reserve(request(), 0)).toMatchObject({ lane: 0 });
    for (const place of places) lanes.release("p", place);
  });

  test("a place given back twice is free once", () => {
    const lanes = new Lanes();
    const [first] = fill(lanes);
    if (!first) throw new Error("no place");
    lanes.release("p", first);
    lanes.release("p", first);
    expect(lanes.reserve(request(), 0)).toBeDefined();
    expect(lanes.reserve(request(), 0)).toBeUndefined();
  });

  test("a call that was cut off and never released its place loses it when it must be over", () => {
    const lanes = new Lanes();
    fill(lanes, 5_000);
    expect(lanes.reserve(request(), 4_999)).toBeUndefined();
    expect(lanes.reserve(request(), 5_000)).toMatchObject({ lane: 0 });
  });

  test("nothing is remembered of a plugin without calls", () => {
    const lanes = new Lanes();
    for (const place of fill(lanes)) lanes.release("p", place);
    expect(lanes.held("p")).toEqual([]);
  });
});

describe("the line", () => {
  test("places come free in order of arrival, and nobody new overtakes", () => {
    const lanes = new Lanes();
    const [first, second] = fill(lanes);
    const tickets = [lanes.lineUp(request(), 0), lanes.lineUp(request(), 0)] as const;
    if (!first || !second || !tickets[0] || !tickets[1]) throw new Error("no place or ticket");
    lanes.release("p", first);
    expect(lanes.reserve(request(), 1)).toBeUndefined();
    expect(lanes.ask(tickets[1], 1)).toBeUndefined();
    expect(lanes.ask(tickets[0], 1)).toMatchObject({ lane: 0 });
    expect(lanes.ask(tickets[1], 1)).toBeUndefined();
    lanes.release("p", second);
    expect(lanes.ask(tickets[1], 1)).toMatchObject({ lane: 0 });
  });

  test("one that went away with its request holds nobody up", () => {
    const lanes = new Lanes();
    const [first] = fill(lanes);
    const gone = lanes.lineUp(request(), 0);
    const here = lanes.lineUp(request(), 0);
    if (!first || !gone || !here) throw new Error("no place or ticket");
    lanes.release("p", first);
    for (let now = 10; now <= SILENCE_MS; now += 10) expect(lanes.ask(here, now)).toBeUndefined();
    expect(lanes.ask(here, SILENCE_MS + 1)).toMatchObject({ lane: 0 });
  });

  test("a call gets the place that comes free while it waits", async () => {
    const lanes = new Lanes();
    const [first] = fill(lanes);
    const deps = bench({ 120: () => first && lanes.release("p", first) });
    expect(await takePlace(lanes, request(), LIMITS, deps)).toMatchObject({ lane: 0 });
    expect(deps.clock.now()).toBe(120);
  });

  test("a call waits for half its wall clock and is refused then, leaving the line as it was", async () => {
    const lanes = new Lanes();
    fill(lanes);
    const deps = bench();
    await expect(takePlace(lanes, request(), LIMITS, deps)).rejects.toMatchObject({
      code: "ISOLATE_BUSY",
      message:
        "The plugin's 8 isolates have no memory left for one more call at a time, and no call ended within 500 ms.",
    });
    expect(deps.clock.now()).toBe(500);
    const tickets = Array.from({ length: MOST_WAITING }, () => lanes.lineUp(request(), 500));
    expect(tickets).not.toContain(undefined);
  });

  test("a call that finds the line full is refused at once", async () => {
    const lanes = new Lanes();
    fill(lanes);
    for (let waiting = 0; waiting < MOST_WAITING; waiting++) lanes.lineUp(request(), 0);
    const deps = bench();
    await expect(takePlace(lanes, request(), LIMITS, deps)).rejects.toMatchObject({ code: "ISOLATE_BUSY" });
    expect(deps.clock.now()).toBe(0);
  });
});
