import { ERRORS, PlatformError } from "../../../sdk/contract/errors.ts";

/** Request header of draft-ietf-httpapi-idempotency-key-header. */
export const IDEMPOTENCY_HEADER = "idempotency-key";
/** Says that an answer was given before. */
export const REPLAYED_HEADER = "idempotency-replayed";
export const EXECUTION_HEADER = "x-execution-id";

const KEY_LENGTH = 255;
/** Visible ASCII. Two headers arrive joined by a comma and a space, so they are refused too. */
const KEY = /^[\x21-\x7e]+$/;

/** @throws {PlatformError} REQUEST_INVALID, without quoting the key */
export function parseIdempotencyKey(header: string): string {
  const message =
    header.length === 0 || header.length > KEY_LENGTH
      ? `must have 1 to ${KEY_LENGTH} characters; found ${header.length}`
      : "must be visible ASCII without spaces, and given once";
  if (header.length <= KEY_LENGTH && KEY.test(header)) return header;
  throw new PlatformError("REQUEST_INVALID", `The header "${IDEMPOTENCY_HEADER}" ${message}.`, {
    issues: [{ path: IDEMPOTENCY_HEADER, message }],
  });
}

/**
 * The function that an execute request names, before its body is validated: what is no JSON object names none, and the
 * route refuses it by itself.
 *
 * @param query  function of the query string, which a JSON body's overrules
 */
export function namedFunction(isJson: boolean, body: Uint8Array, query: string | undefined): string | undefined {
  if (!isJson) return query;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    const name = typeof value === "object" && value !== null && "function" in value ? value.function : undefined;
    return typeof name === "string" ? name : query;
  } catch {
    return query;
  }
}

/** False for failures after which the same request may succeed: a later call with the key runs again. */
export function isFinal(error: PlatformError): boolean {
  const { blame, retryable } = ERRORS[error.code];
  return blame !== "platform" && !retryable;
}
