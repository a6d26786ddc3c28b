import { toHex } from "../lib/hex.ts";

const TRACE_ID_BYTES = 16;
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?<trace>[0-9a-f]{32})-(?<parent>[0-9a-f]{16})-[0-9a-f]{2}(?<more>-.*)?$/;
const ZERO = /^0+$/;

/**
 * The trace a request belongs to: that of a valid `traceparent` (W3C Trace Context §3.2), else a new one.
 *
 * @param traceparent  header as received
 * @param randomBytes  source of a new trace id
 * @returns 32 lower-case hexadecimal digits
 */
export function traceIdOf(traceparent: string | undefined, randomBytes: (length: number) => Uint8Array): string {
  const { trace, parent, more } = TRACEPARENT.exec(traceparent ?? "")?.groups ?? {};
  const version0WithMore = more !== undefined && traceparent?.startsWith("00-");
  if (trace === undefined || parent === undefined || ZERO.test(trace) || ZERO.test(parent) || version0WithMore) {
    return toHex(randomBytes(TRACE_ID_BYTES));
  }
  return trace;
}
