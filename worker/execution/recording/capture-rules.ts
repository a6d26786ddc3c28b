import { LIMITS } from "../../../sdk/contract/limits.ts";

/** Which calls are recorded, how much of them, and for how long. */

/** Share of good calls that are kept. */
export const SAMPLE_RATE = 0.01;
/** Failures of one install that one worker isolate keeps within {@link FAILURE_WINDOW_MS}; the rest are alike. */
export const FAILURES_PER_WINDOW = 10;
export const FAILURE_WINDOW_MS = 60_000;
/** Larger inputs are not recorded. */
export const RECORDED_INPUT_BYTES = LIMITS.input.default;
/** Larger recordings, by configuration or logs, are not stored. */
export const RECORDING_BYTES = 4 * 1024 * 1024;
export const RECORDING_RETENTION_MS = 14 * 24 * 3_600_000;

/** Installs whose failures are counted at once; past that counting starts anew. */
const CAPACITY = 10_000;

/** Failures captured lately, by install. One per worker isolate, shared by all requests; plain data. */
export class CaptureBook {
  readonly #windows = new Map<string, { readonly startedAt: number; count: number }>();

  /** Counts one more failure; false where the install has had its share of this window. */
  admitFailure(installId: string, now: number): boolean {
    const window = this.#windows.get(installId);
    if (!window || now - window.startedAt >= FAILURE_WINDOW_MS) {
      if (this.#windows.size >= CAPACITY) this.#windows.clear();
      this.#windows.set(installId, { startedAt: now, count: 1 });
      return true;
    }
    window.count += 1;
    return window.count <= FAILURES_PER_WINDOW;
  }
}

export interface FinishedCall {
  readonly executionId: string;
  readonly installId: string;
  readonly failed: boolean;
  readonly inputBytes: number;
  /** Which call of its instance it was; 1 where instances are not kept. */
  readonly instanceCall: number;
}

/**
 * Decides whether a call is recorded.
 *
 * @param now   milliseconds since the epoch
 * @param rate  share of good calls, 0 to 1
 * @returns why it is recorded, or undefined
 */
export function captureReason(
  call: FinishedCall,
  book: CaptureBook,
  now: number,
  rate = SAMPLE_RATE,
): "failure" | "sample" | undefined {
  if (call.inputBytes > RECORDED_INPUT_BYTES) return undefined;
  if (call.failed) return book.admitFailure(call.installId, now) ? "failure" : undefined;
  // What earlier calls left in the instance is not recorded. A failure is worth keeping all the same.
  if (call.instanceCall > 1) return undefined;
  return isSampled(call.executionId, rate) ? "sample" : undefined;
}

/** The same answer wherever it is asked, since it depends on the id alone. */
export function isSampled(executionId: string, rate: number): boolean {
  return hash32(executionId) < rate * 2 ** 32;
}

/** Spreads texts evenly over 32 bits; not cryptographic. FNV-1a, finished with MurmurHash3's mixer so that close ids do not fall close together. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** True where a recording of a call that began at this time is no longer given out. */
export function isExpired(startedAt: number, now: number): boolean {
  return now - startedAt >= RECORDING_RETENTION_MS;
}

/** Why there is no recording of an execution, as one sentence. */
export function whyNotRecorded(
  execution: {
    readonly status: "succeeded" | "failed";
    readonly errorCode: string | null;
    readonly inputBytes: number;
    readonly startedAt: number;
  },
  now: number,
): string {
  if (isExpired(execution.startedAt, now)) {
    return `Recordings are kept for ${RECORDING_RETENTION_MS / 86_400_000} days.`;
  }
  if (execution.inputBytes > RECORDED_INPUT_BYTES) {
    return `The input has ${execution.inputBytes} bytes; inputs over ${RECORDED_INPUT_BYTES} are not recorded.`;
  }
  if (execution.errorCode === "BREAKER_OPEN") return "Its breaker refused it: nothing ran.";
  if (execution.errorCode === "BUDGET_SPENT") {
    return "The request's budget ended it, and what other calls of the request used is not recorded.";
  }
  if (execution.status === "succeeded") {
    return `Of the calls that succeed, ${SAMPLE_RATE * 100} % are recorded, and none that ran in an instance used before; this one was not among them.`;
  }
  return `It is being written, or the plugin had failed ${FAILURES_PER_WINDOW} times within the minute already.`;
}

const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TIME_DIGITS = 10;

/** Time of a ULID in milliseconds since the epoch (https://github.com/ulid/spec). */
export function timeOfUlid(id: string): number {
  let time = 0;
  for (const digit of id.slice(0, TIME_DIGITS)) time = time * 32 + CROCKFORD.indexOf(digit);
  return time;
}
