/** Milliseconds since the epoch. Passed in so that rules stay pure and tests choose the time. */
export interface Clock {
  now(): number;
  /**
   * Calls back once so many milliseconds have passed; absent: as the runtime's timers do.
   *
   * @returns takes it back
   */
  alarm?(milliseconds: number, ring: () => void): () => void;
}

export const systemClock: Clock = { now: () => Date.now() };

/** Rings once so many milliseconds have passed. @returns takes it back */
export function setAlarm(clock: Clock, milliseconds: number, ring: () => void): () => void {
  if (clock.alarm) return clock.alarm(milliseconds, ring);
  const timer = setTimeout(ring, milliseconds);
  return () => clearTimeout(timer);
}
