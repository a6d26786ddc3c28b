/**
 * Which copy of a plugin's isolate is in use. An isolate that failed to load or was killed may go on failing under its
 * id, so callers move on to the next generation. Each generation is a new id, and each id is billed by the day, so
 * replacements are counted. Times are milliseconds since the epoch.
 */

/** Most replacements of one install's isolate, by period. A kill loop uses up the first within seconds. */
export const REPLACEMENT_LIMITS = [
  { most: 3, periodMs: 600_000 },
  { most: 24, periodMs: 86_400_000 },
] as const;

const LONGEST_PERIOD_MS = Math.max(...REPLACEMENT_LIMITS.map(({ periodMs }) => periodMs));

/** What is kept of an install's isolates. */
export interface Generations {
  readonly current: number;
  /** When each replacement within the longest period was made, oldest first. */
  readonly replacedAt: readonly number[];
}

export const FIRST_GENERATION: Generations = { current: 0, replacedAt: [] };

/** What a caller that saw a generation fail is to use, or from when a replacement is possible again. */
export type Replacement = { readonly generation: number } | { readonly refusedUntil: number };

/**
 * Decides what replaces a generation that failed. Those who come late to a failure, however old the generation they saw, get
 * the current one at once, and only the first to see the current one fail makes a new one.
 *
 * @param failed  generation the caller saw fail
 */
export function replaceFailed(
  known: Generations,
  failed: number,
  now: number,
): { readonly answer: Replacement; readonly next: Generations } {
  if (failed < known.current) return { answer: { generation: known.current }, next: known };
  const replacedAt = known.replacedAt.filter((time) => now - time < LONGEST_PERIOD_MS);
  const refusedUntil = Math.max(...REPLACEMENT_LIMITS.map((limit) => freeAt(replacedAt, limit, now)));
  if (refusedUntil > now) return { answer: { refusedUntil }, next: known };
  // A caller can know a later generation than is on record only where the object lost its storage.
  const generation = Math.max(known.current, failed) + 1;
  return { answer: { generation }, next: { current: generation, replacedAt: [...replacedAt, now] } };
}

/** From when the period has room for one more. */
function freeAt(
  times: readonly number[],
  { most, periodMs }: (typeof REPLACEMENT_LIMITS)[number],
  now: number,
): number {
  const oldest = times.at(-most);
  return oldest === undefined ? now : Math.max(now, oldest + periodMs);
}
