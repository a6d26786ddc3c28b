/** Milliseconds since the epoch. Passed in so that rules stay pure and tests choose the time. */
export interface Clock {
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };
