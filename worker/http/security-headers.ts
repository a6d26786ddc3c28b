/** What an answer of the API may do in a browser: nothing. Pages bring their own policy. */
const API_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox";

const DEFAULTS: readonly (readonly [name: string, value: string])[] = [
  ["content-security-policy", API_POLICY],
  ["cache-control", "no-store"],
  ["referrer-policy", "no-referrer"],
  ["x-content-type-options", "nosniff"],
];

/** Sets the trace id and the security headers that the handler has not set itself. Changes the response's own headers. */
export function finishHeaders(response: Response, traceId: string): Response {
  response.headers.set("x-trace-id", traceId);
  for (const [name, value] of DEFAULTS) {
    if (!response.headers.has(name)) response.headers.set(name, value);
  }
  return response;
}
