import type { Outcome } from "./outcome-reporter.ts";

/** Outcomes that the queue did not take, or could not get stored, wait in R2 for the cron job. */

const PREFIX = "outcomes/";
/** Batches read in one go. */
const PAGE = 200;

/** @param id  ULID: batches are stored in the order in which they were written */
export async function spillOutcomes(bucket: R2Bucket, id: string, outcomes: readonly Outcome[]): Promise<void> {
  await bucket.put(`${PREFIX}${id}.json`, JSON.stringify(outcomes));
}

/**
 * Hands over the batches that wait, oldest first, and deletes each once it is taken.
 *
 * @returns how many outcomes were taken
 * @throws what `take` throws: the batch stays, and those after it
 */
export async function drainOutcomes(
  bucket: R2Bucket,
  take: (outcomes: readonly Outcome[]) => Promise<void>,
): Promise<number> {
  const { objects } = await bucket.list({ prefix: PREFIX, limit: PAGE });
  let taken = 0;
  for (const { key } of objects) {
    const outcomes = await (await bucket.get(key))?.json<Outcome[]>(); // written by spillOutcomes
    if (!outcomes) continue;
    await take(outcomes);
    await bucket.delete(key);
    taken += outcomes.length;
  }
  return taken;
}
