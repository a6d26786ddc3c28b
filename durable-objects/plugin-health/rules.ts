/**
 * Which copy of a plugin's isolate is in use. An isolate that failed to load or was killed may go on failing under its
 * id, so callers move on to the next generation; those who come late to the same failure get the number already chosen.
 *
 * @param current  generation on record
 * @param failed   generation the caller saw fail
 * @returns generation to use from now on
 */
export function nextGeneration(current: number, failed: number): number {
  return Math.max(current, failed + 1);
}
