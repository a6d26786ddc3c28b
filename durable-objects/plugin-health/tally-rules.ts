import { addTo, emptyHistogram, merged, type Histogram } from "./histogram-rules.ts";

/** What became of an install's calls, in slices of time that can be added up. Times are milliseconds since the epoch. */

export const SLICE_MS = 300_000;
/** How long slices are kept. */
export const KEPT_MS = 24 * 3_600_000;

/** Windows that answers show, each rounded up to whole slices. */
export const WINDOWS = { quarterHour: 900_000, hour: 3_600_000, day: KEPT_MS } as const;
export type WindowName = keyof typeof WINDOWS;

export interface Tally {
  /** Calls that ran. */
  readonly calls: number;
  /** Of the calls, those that failed, whoever was to blame. */
  readonly failed: number;
  /** Of the failed, those that count against the breaker. */
  readonly faults: number;
  /** Calls that the breaker did not let run. */
  readonly refused: number;
  /** Failed calls by error code. */
  readonly codes: Readonly<Record<string, number>>;
  /** Milliseconds that calls took. */
  readonly latency: Histogram;
}

export function emptyTally(): Tally {
  return { calls: 0, failed: 0, faults: 0, refused: 0, codes: {}, latency: emptyHistogram() };
}

/** The tally with one more call. */
export function withCall(
  tally: Tally,
  call: { readonly ms: number; readonly code: string | null; readonly isFault: boolean },
): Tally {
  const { ms, code, isFault } = call;
  return {
    ...tally,
    calls: tally.calls + 1,
    failed: tally.failed + (code === null ? 0 : 1),
    faults: tally.faults + (isFault ? 1 : 0),
    codes: code === null ? tally.codes : { ...tally.codes, [code]: (tally.codes[code] ?? 0) + 1 },
    latency: addTo(tally.latency, ms),
  };
}

export function withRefusal(tally: Tally): Tally {
  return { ...tally, refused: tally.refused + 1 };
}

export function addTallies(one: Tally, other: Tally): Tally {
  const codes: Record<string, number> = { ...one.codes };
  for (const [code, times] of Object.entries(other.codes)) codes[code] = (codes[code] ?? 0) + times;
  return {
    calls: one.calls + other.calls,
    failed: one.failed + other.failed,
    faults: one.faults + other.faults,
    refused: one.refused + other.refused,
    codes,
    latency: merged(one.latency, other.latency),
  };
}

/** Number of the slice that a time falls into. */
export function sliceOf(time: number): number {
  return Math.floor(time / SLICE_MS);
}

/** First slice of a window that ends now. */
export function firstSlice(windowMs: number, now: number): number {
  return sliceOf(now - windowMs) + 1;
}
