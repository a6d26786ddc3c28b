/** Plugins' metrics as a call records them. Pure. */

export type MetricKind = "counter" | "gauge" | "histogram";

/** One value. */
export interface MetricPoint {
  readonly name: string;
  readonly kind: MetricKind;
  readonly value: number;
  readonly labels: Readonly<Record<string, string>>;
}

/** What was recorded of one series, of a histogram in one bucket; sums of any calls and times add up. */
export interface MetricSum {
  readonly name: string;
  readonly kind: MetricKind;
  /** JSON, names in order, so that equal labels are equal text. */
  readonly labels: string;
  readonly bucket: number;
  readonly count: number;
  readonly sum: number;
  readonly least: number;
  readonly most: number;
  readonly last: number;
}

/** What one call recorded, with the series that its install may have. */
export interface CallMetrics {
  readonly series: number;
  readonly sums: readonly MetricSum[];
}

/** Bytes of sums that one call may record: its record travels through a queue whose messages hold 128 KB. */
export const METRICS_BYTES = 32 * 1024;

/** Buckets for each doubling: a value is known to within a tenth. */
const BUCKETS_PER_DOUBLING = 4;
const LARGEST_BUCKET = 60 * BUCKETS_PER_DOUBLING;
/** Of 0 and what is below. */
const ZERO_BUCKET = -LARGEST_BUCKET - 1;

/** The histogram bucket of a value: above the bound of the one before, up to its own, which is 2^(bucket / 4). */
export function bucketOf(value: number): number {
  if (value <= 0) return ZERO_BUCKET;
  const bucket = Math.ceil(Math.log2(value) * BUCKETS_PER_DOUBLING);
  return Math.max(-LARGEST_BUCKET, Math.min(LARGEST_BUCKET, bucket));
}

/** A value that stands for all of a bucket: the geometric middle. */
export function valueOfBucket(bucket: number): number {
  return bucket === ZERO_BUCKET ? 0 : 2 ** ((bucket - 0.5) / BUCKETS_PER_DOUBLING);
}

export function sumOf({ name, kind, value, labels }: MetricPoint): MetricSum {
  const ordered = Object.entries(labels).sort(([one], [other]) => (one < other ? -1 : 1));
  const bucket = kind === "histogram" ? bucketOf(value) : 0;
  const text = JSON.stringify(Object.fromEntries(ordered));
  return { name, kind, labels: text, bucket, count: 1, sum: value, least: value, most: value, last: value };
}

/** Two sums of one series and bucket, the later one second. */
export function addSums<Sum extends MetricSum>(first: Sum, second: Sum): Sum {
  return {
    ...second,
    count: first.count + second.count,
    sum: first.sum + second.sum,
    least: Math.min(first.least, second.least),
    most: Math.max(first.most, second.most),
  };
}

/** Tells sums of one series and bucket from all others. */
export function keyOfSum({ name, kind, labels, bucket }: MetricSum): string {
  return JSON.stringify([name, kind, labels, bucket]);
}

/**
 * @param buckets  counts by bucket
 * @param part     0 to 1
 * @returns the value below which that part of the values lies, within a tenth; undefined where there are none
 */
export function quantileOf(buckets: ReadonlyMap<number, number>, part: number): number | undefined {
  const ordered = [...buckets].sort(([one], [other]) => one - other);
  const total = ordered.reduce((sum, [, count]) => sum + count, 0);
  let seen = 0;
  for (const [bucket, count] of ordered) {
    seen += count;
    if (seen >= part * total) return valueOfBucket(bucket);
  }
  return undefined;
}
