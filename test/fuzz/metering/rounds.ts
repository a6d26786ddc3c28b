/**
 * Seeds for as long as there is time: `FUZZ_SECONDS` where it is set, else the given number of seconds. `FUZZ_SEED` is
 * where to begin, to repeat a round that failed.
 */
export function* roundsFor(seconds: number): Generator<number> {
  const end = performance.now() + 1_000 * Number(process.env["FUZZ_SECONDS"] ?? seconds);
  let seed = Number(process.env["FUZZ_SEED"] ?? 1);
  do yield seed++;
  while (performance.now() < end);
}
