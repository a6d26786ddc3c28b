import { setAlarm, type Clock } from "./clock.ts";

/**
 * How long what the platform stands on is waited for, in milliseconds. What has not answered by then counts as away; what it was
 * asked to change may have been changed all the same.
 */
export const PATIENCE_MS = {
  /** One query or batch; D1 itself ends a query after 30 s. */
  database: 10_000,
  /** Until an object, a listing or an object's head is there. Shorter than a call's usual wall clock: a platform fault is none of the plugin's. */
  storeRead: 3_000,
  /** A body as a whole, and whatever changes something; content that arrives as a stream is not bounded. */
  storeWrite: 30_000,
  queue: 5_000,
  /** Durable Objects that decide and remember. */
  objects: 10_000,
  /** Those that hold plugins' data, and work on it. */
  dataObjects: 30_000,
  /** The one with the platform's mode: without it what is known holds. */
  mode: 1_000,
  /** The check of a snapshot while an older one is at hand. */
  snapshotCheck: 1_000,
} as const;

/** What was asked has not answered in time. */
export class Unanswered extends Error {
  override readonly name = "Unanswered";

  constructor(milliseconds: number) {
    super(`No answer within ${milliseconds} ms.`);
  }
}

/**
 * Waits for an answer, but not for ever. What comes later has nobody to tell.
 *
 * @throws {Unanswered} where none came in time
 */
export async function within<T>(clock: Clock, milliseconds: number, ask: () => PromiseLike<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const takeBack = setAlarm(clock, milliseconds, () => reject(new Unanswered(milliseconds)));
  try {
    return await Promise.race([ask(), late]);
  } finally {
    takeBack();
  }
}
