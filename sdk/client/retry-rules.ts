/** When a request is sent again, and after how long. Pure; times in milliseconds. */

export interface RetryPolicy {
  /** Requests in all, the first included; 1 never tries again. */
  readonly attempts: number;
  /** Before the second attempt; doubled before each further one. */
  readonly baseMs: number;
  /** Longest wait, whatever the server asks for: with more asked, the answer is the caller's. */
  readonly maximumMs: number;
}

export const DEFAULT_RETRY: RetryPolicy = { attempts: 4, baseMs: 200, maximumMs: 20_000 };

export interface Attempt {
  /** From 1. */
  readonly number: number;
  /** Upper case. */
  readonly method: string;
  /** The request carries an idempotency key. */
  readonly keyed: boolean;
  /** The body can be sent once more: it is no stream. */
  readonly repeatable: boolean;
}

/** What came of an attempt; no status where no answer came. */
export interface Outcome {
  readonly status?: number;
  readonly retryAfterMs?: number | undefined;
}

/** Answers of these are about now, not about the request (RFC 9110 §15.6, RFC 6585 §4). */
const TRANSIENT = new Set([429, 502, 503, 504]);
/** Methods whose effect is the same when they arrive twice (RFC 9110 §9.2.2). */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);
/** Refused for how much was asked, and not begun (RFC 6585 §4). */
const NOT_BEGUN = 429;

/**
 * @param random  from 0 to 1, exclusive; spreads clients that failed together (full jitter over the upper half of the wait)
 * @returns the wait, or undefined where the outcome is the caller's
 */
export function retryDelay(
  policy: RetryPolicy,
  attempt: Attempt,
  outcome: Outcome,
  random: number,
): number | undefined {
  if (attempt.number >= policy.attempts || !attempt.repeatable) return undefined;
  if (outcome.status !== undefined && !TRANSIENT.has(outcome.status)) return undefined;
  if (!IDEMPOTENT.has(attempt.method) && !attempt.keyed && outcome.status !== NOT_BEGUN) return undefined;
  const wait = policy.baseMs * 2 ** (attempt.number - 1) * (0.5 + random / 2);
  const asked = outcome.retryAfterMs ?? 0;
  return asked > policy.maximumMs ? undefined : Math.min(policy.maximumMs, Math.max(wait, asked));
}

/**
 * @param header  `Retry-After`: seconds, or a date (RFC 9110 §10.2.3)
 * @param now  milliseconds since the epoch
 */
export function parseRetryAfter(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}
