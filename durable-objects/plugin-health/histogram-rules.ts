/**
 * Latencies in buckets that grow by a constant factor, so that histograms of many isolates and times can be added up and a
 * quantile of the sum is still off by at most {@link RELATIVE_ERROR} of its value (Masson et al., DDSketch, VLDB 2019).
 */

export const RELATIVE_ERROR = 0.02;
const GROWTH = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR);
const LOG_GROWTH = Math.log(GROWTH);
/** What takes less has a bucket of its own: the clock shows no less. Milliseconds. */
const LEAST_MS = 1;
/** No call takes longer; what does is put down as this. */
const MOST_MS = 600_000;

/** How many values are in each bucket, by the bucket's number; `0` is what took less than a millisecond. */
export type Histogram = Readonly<Record<string, number>>;

export function emptyHistogram(): Histogram {
  return {};
}

/** @param ms  milliseconds; negative ones, of a clock that was set back, count as none */
export function addTo(histogram: Histogram, ms: number): Histogram {
  const bucket = String(bucketOf(ms));
  return { ...histogram, [bucket]: (histogram[bucket] ?? 0) + 1 };
}

export function merged(one: Histogram, other: Histogram): Histogram {
  const sum: Record<string, number> = { ...one };
  for (const [bucket, count] of Object.entries(other)) sum[bucket] = (sum[bucket] ?? 0) + count;
  return sum;
}

/**
 * @param share  0 to 1; the nearest-rank quantile
 * @returns milliseconds; null where the histogram is empty
 */
export function quantile(histogram: Histogram, share: number): number | null {
  const buckets = Object.entries(histogram)
    .map(([bucket, count]): [number, number] => [Number(bucket), count])
    .toSorted(([one], [other]) => one - other);
  const total = buckets.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) return null;
  let left = Math.max(1, Math.ceil(share * total));
  for (const [bucket, count] of buckets) {
    left -= count;
    if (left <= 0) return valueOf(bucket);
  }
  return null;
}

function bucketOf(ms: number): number {
  if (!(ms >= LEAST_MS)) return 0;
  return 1 + Math.ceil(Math.log(Math.min(ms, MOST_MS)) / LOG_GROWTH);
}

/** The value that no other of the bucket is further from than the relative error allows. */
function valueOf(bucket: number): number {
  return bucket === 0 ? 0 : (2 * GROWTH ** (bucket - 1)) / (GROWTH + 1);
}
