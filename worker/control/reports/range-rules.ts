import { PlatformError } from "../../../sdk/contract/errors.ts";
import { DAY_MS } from "../retention-rules.ts";

/** Longest time of a report, and what it is about where nothing is said. Days. */
export const LONGEST_DAYS = 92;
export const USUAL_DAYS = 30;

export interface Range {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

/**
 * @param now  milliseconds since the epoch
 * @throws {PlatformError} REQUEST_INVALID where it ends before it begins, or is too long
 */
export function requireRange({ from, to }: Range, now: number): { readonly from: number; readonly to: number } {
  const end = to ?? now;
  const begin = from ?? end - USUAL_DAYS * DAY_MS;
  const message =
    begin >= end
      ? "must be before `to`"
      : end - begin > LONGEST_DAYS * DAY_MS
        ? `must be at most ${LONGEST_DAYS} days before \`to\``
        : undefined;
  if (message === undefined) return { from: begin, to: end };
  throw new PlatformError("REQUEST_INVALID", `The query parameter "from" ${message}.`, {
    issues: [{ path: "from", message }],
  });
}
