import type { Clock } from "../lib/clock.ts";

/** How often a waiting call asks. Milliseconds. */
const ASK_AGAIN_MS = 10;

export interface WaitDeps {
  readonly clock: Clock;
  readonly pause: (milliseconds: number) => Promise<void>;
}

/** How long a call may wait before it runs, so that half of its wall clock is left to run in. Milliseconds. */
export function patienceOf(wallClock: number): number {
  return Math.floor(wallClock / 2);
}

/**
 * Asks again and again until there is an answer.
 *
 * @param patience  milliseconds
 * @returns undefined where there was none in time
 */
export async function askUntil<T>(deps: WaitDeps, patience: number, ask: () => T | undefined): Promise<T | undefined> {
  const startedAt = deps.clock.now();
  for (;;) {
    const answer = ask();
    const left = startedAt + patience - deps.clock.now();
    if (answer !== undefined || left <= 0) return answer;
    await deps.pause(Math.min(ASK_AGAIN_MS, left));
  }
}
