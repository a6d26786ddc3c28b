import { PlatformError, type ErrorCode } from "../../../sdk/contract/errors.ts";
import type { Clock } from "../../lib/clock.ts";

/**
 * Tries again what could not be read. A guest's failure is an outcome, not an error, and never comes here; an isolate that
 * failed has been replaced once already (isolate.ts), which is all the tries it gets.
 */

const RETRYABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["MODULE_UNAVAILABLE", "SNAPSHOT_UNAVAILABLE"]);
/** Waits before the second and the third try, in milliseconds, before jitter. */
const DELAYS_MS = [50, 200] as const;
const RANDOM_BYTES = 4;

export interface RetryDeps {
  readonly clock: Clock;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly pause: (milliseconds: number) => Promise<void>;
}

/**
 * How long to wait before trying again.
 *
 * @param failures  tries that have failed so far, this one included
 * @param random    0 to 1; half of each wait is jitter, so that callers who failed together do not return together
 * @returns milliseconds, or undefined where there is to be no further try
 */
export function retryDelay(error: unknown, failures: number, random: number): number | undefined {
  const delay = DELAYS_MS[failures - 1];
  if (delay === undefined || !(error instanceof PlatformError) || !RETRYABLE.has(error.code)) return undefined;
  return Math.round(delay * (0.5 + random / 2));
}

/**
 * Runs an attempt up to three times.
 *
 * @param deadline  milliseconds since the epoch; no try begins at or after it
 * @throws what the last attempt threw
 */
export async function withRetries<T>(deps: RetryDeps, deadline: number, attempt: () => Promise<T>): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await attempt();
    } catch (error) {
      const delay = retryDelay(error, failures, fractionOf(deps.randomBytes(RANDOM_BYTES)));
      if (delay === undefined || deps.clock.now() + delay >= deadline) throw error;
      await deps.pause(delay);
    }
  }
}

function fractionOf(bytes: Uint8Array): number {
  return bytes.reduce((value, byte) => value * 256 + byte, 0) / 256 ** bytes.length;
}
