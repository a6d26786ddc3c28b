import { PlatformError } from "../../../../sdk/contract/errors.ts";

/** Which headers of a plugin's request leave, and which of the answer come in. */

/** Of one connection (RFC 9110 §7.6.1), or set by whoever really sends the request. */
const DROPPED = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  // Say who is asking, which the plugin must not make up (RFC 7239, RFC 8586 and custom).
  "cdn-loop",
  "forwarded",
  "true-client-ip",
  "via",
  "x-real-ip",
]);
const DROPPED_PREFIXES = ["cf-", "x-forwarded-", "sec-", "x-patchbay-"] as const;
/** Not sent on to another origin (Fetch standard, HTTP-redirect fetch step 13). */
const CREDENTIALS = ["authorization", "cookie", "proxy-authorization"] as const;
const MOST_HEADERS = 100;
const HEADER_BYTES = 32 * 1024;

/**
 * @param asked  names and values as the plugin gave them
 * @param agent  sent as `user-agent` where the plugin names none
 * @throws {PlatformError} HOST_REQUEST_INVALID for names or values that are none, or too many
 */
export function requestHeaders(asked: Readonly<Record<string, string>>, agent: string): Headers {
  const entries = Object.entries(asked);
  const bytes = entries.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (entries.length > MOST_HEADERS || bytes > HEADER_BYTES) {
    throw invalid(`there may be ${MOST_HEADERS} of ${HEADER_BYTES} bytes together; found ${entries.length}, ${bytes}`);
  }
  const headers = new Headers({ "user-agent": agent });
  for (const [name, value] of entries) {
    if (isDropped(name.toLowerCase())) continue;
    try {
      headers.set(name, value);
    } catch {
      throw invalid(`${JSON.stringify(name.slice(0, 64))} is not a valid name, or its value is none`);
    }
  }
  return headers;
}

/** The headers of the next hop. */
export function redirectedHeaders(headers: Headers, sameOrigin: boolean, withBody: boolean): Headers {
  const next = new Headers(headers);
  if (!sameOrigin) for (const name of CREDENTIALS) next.delete(name);
  if (!withBody) for (const name of ["content-type", "content-encoding", "content-language"]) next.delete(name);
  return next;
}

/** Headers of an answer as the plugin sees them: lower-case names, values of one name joined. */
export function responseHeaders(headers: Headers): Record<string, string> {
  const shown: Record<string, string> = {};
  for (const [name, value] of headers) {
    if (!isDropped(name)) shown[name] = name in shown ? `${shown[name]}, ${value}` : value;
  }
  return shown;
}

function isDropped(name: string): boolean {
  return DROPPED.has(name) || DROPPED_PREFIXES.some((prefix) => name.startsWith(prefix));
}

function invalid(reason: string): PlatformError {
  return new PlatformError("HOST_REQUEST_INVALID", `headers: ${reason}`);
}
