import { DELIVERY_ATTEMPTS } from "../../../durable-objects/message-inbox/rules.ts";
import { ERRORS, type ErrorCode } from "../../../sdk/contract/errors.ts";

/** Pause after the first failed attempt; doubles with each further one. Seconds. */
const FIRST_DELAY = 5;
const LONGEST_DELAY = 300;
/** Pause before a message is tried again that the platform failed at. Seconds. */
export const PLATFORM_DELAY = 10;

/** Pause before a message is tried again that a breaker kept from its subscriber. Seconds. */
const BREAKER_DELAY = 60;

/** Failures that trying again cannot change while the message exists: what it was for is gone. */
const FINAL: ReadonlySet<ErrorCode> = new Set(["INSTALL_NOT_FOUND", "FUNCTION_NOT_FOUND", "INPUT_TOO_LARGE"]);

/**
 * Seconds until the next attempt: exponential, with up to a quarter taken off so that messages that failed together do
 * not come back together.
 *
 * @param attempt  number of the attempt that failed, from 1
 * @param random   0 to 1
 */
export function backoff(attempt: number, random: number): number {
  const delay = Math.min(FIRST_DELAY * 2 ** (attempt - 1), LONGEST_DELAY);
  return Math.round(delay * (1 - random / 4));
}

export type AfterFailure =
  /** The subscriber failed: again later. */
  | { readonly next: "retry"; readonly delaySeconds: number }
  /** The platform failed or a breaker refused: again later, and the attempt does not count. */
  | { readonly next: "retry-uncounted"; readonly delaySeconds: number }
  | { readonly next: "dead-letter" };

/**
 * @param attempt  number of the attempt that failed, from 1
 * @param random   0 to 1
 */
export function afterFailure(code: ErrorCode, attempt: number, random: number): AfterFailure {
  if (code === "BREAKER_OPEN") return { next: "retry-uncounted", delaySeconds: BREAKER_DELAY };
  if (ERRORS[code].blame === "platform") return { next: "retry-uncounted", delaySeconds: PLATFORM_DELAY };
  if (FINAL.has(code) || attempt >= DELIVERY_ATTEMPTS) return { next: "dead-letter" };
  return { next: "retry", delaySeconds: backoff(attempt, random) };
}
