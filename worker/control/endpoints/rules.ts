import * as v from "valibot";
import { PlatformError } from "../../../sdk/contract/errors.ts";
import type { EndpointOffer } from "../../../sdk/contract/offers.ts";

/** Requests to plugin endpoints and their answers, as plugin and platform write them in JSON. */

/** Methods a matched path answers, in the order of the manifest. */
export interface Match {
  readonly offer: EndpointOffer;
  readonly params: Readonly<Record<string, string>>;
}

/**
 * Finds the endpoint that serves a path.
 *
 * @param segments  of the path below the plugin, decoded
 * @returns for each method that the path answers, the most specific endpoint
 */
export function matchEndpoints(
  offers: readonly EndpointOffer[],
  segments: readonly string[],
): ReadonlyMap<string, Match> {
  const matches = new Map<string, Match>();
  for (const offer of offers) {
    const params = paramsOf(offer.path, segments);
    if (params && !matches.has(offer.method)) matches.set(offer.method, { offer, params });
  }
  return matches;
}

function paramsOf(path: string, segments: readonly string[]): Readonly<Record<string, string>> | undefined {
  const wanted = path === "/" ? [] : path.slice(1).split("/");
  if (wanted.length !== segments.length) return undefined;
  const params: [string, string][] = [];
  for (const [index, name] of wanted.entries()) {
    const segment = segments[index] ?? "";
    if (name.startsWith(":")) params.push([name.slice(1), segment]);
    else if (name !== segment) return undefined;
  }
  return Object.fromEntries(params);
}

/** Methods for the `Allow` header (RFC 9110 §10.2.1). */
export function allowed(matches: ReadonlyMap<string, Match>): string {
  const methods = [...matches.keys()];
  return [...methods, ...(matches.has("GET") ? ["HEAD"] : []), "OPTIONS"].sort().join(", ");
}

/**
 * What is below `/run/<tenant>/<plugin>` in a request's path.
 *
 * @param pathname  as sent, still encoded
 * @returns undefined where a segment is not encoded text
 */
export function segmentsBelow(pathname: string): readonly string[] | undefined {
  const [, rest = ""] = /\/run\/[^/]+\/[^/]+\/?(.*)$/.exec(pathname) ?? [];
  try {
    return rest === "" ? [] : rest.replace(/\/$/, "").split("/").map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

/** Request headers that a plugin reads. Never identity: tokens, keys and cookies stay with the platform. */
const PASSED_HEADERS = [
  "accept",
  "accept-language",
  "content-type",
  "content-language",
  "if-match",
  "if-none-match",
  "if-modified-since",
  "if-unmodified-since",
  "origin",
  "referer",
  "user-agent",
];
const WITHHELD = /^(authorization|cookie|x-api-key|proxy-.*|cf-.*|x-forwarded-.*|x-real-ip|forwarded)$/;

export function passedHeaders(headers: Headers, further: readonly string[] = []): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const name of [...PASSED_HEADERS, ...further]) {
    const value = headers.get(name);
    if (value !== null && !WITHHELD.test(name)) passed[name] = value;
  }
  return passed;
}

/** Response headers that a plugin sets, beside those that begin with `x-`. */
const TAKEN_HEADERS: ReadonlySet<string> = new Set([
  "cache-control",
  "content-disposition",
  "content-language",
  "content-type",
  "etag",
  "expires",
  "last-modified",
  "link",
  "location",
  "retry-after",
  "vary",
]);
/** The platform's own, and those that say how browsers treat the page. */
const OWN_HEADERS =
  /^x-(trace-id|execution-id|fuel-used|frame-options|content-type-options|powered-by|accel-.*|sendfile.*)$/;

const HeaderName = v.pipe(v.string(), v.regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/, "must be the name of a header"));
const HeaderValue = v.pipe(
  v.string(),
  v.maxLength(4_096),
  v.regex(/^[\t\x20-\x7e\x80-\xff]*$/, "must be a header's value"),
);

const EndpointAnswer = v.strictObject({
  status: v.optional(
    v.pipe(v.number(), v.integer(), v.minValue(200, "must be 200 to 599"), v.maxValue(599, "must be 200 to 599")),
    200,
  ),
  headers: v.optional(v.record(HeaderName, HeaderValue), {}),
  /** Text; `json` is any value, `base64` bytes. At most one of them. */
  body: v.optional(v.string()),
  json: v.optional(v.unknown()),
  base64: v.optional(v.pipe(v.string(), v.base64("must be base64"))),
});

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer> | undefined;
}

/** Statuses whose answers have no body (RFC 9110). */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);
/** A page of a plugin is a document of no origin: it reaches neither the API nor other pages, and runs no scripts. */
const PAGE_POLICY =
  "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; frame-ancestors 'none'";

/**
 * Reads the output of an endpoint's function.
 *
 * @throws {PlatformError} ENDPOINT_ANSWER_INVALID
 */
export function readHttpAnswer(output: Uint8Array, isPublic: boolean): HttpAnswer {
  const value = parse(output);
  if (Array.isArray(value)) throw invalid("it is a list");
  const result = v.safeParse(EndpointAnswer, value);
  if (!result.success) {
    const [issue] = result.issues;
    const where = v.getDotPath(issue);
    throw invalid(`${where === null ? "" : `${where}: `}${issue.message}`);
  }
  const { status, headers, body, json, base64 } = result.output;
  if ([body, json, base64].filter((part) => part !== undefined).length > 1) {
    throw invalid("it has more than one of `body`, `json` and `base64`");
  }
  const bytes = bodyOf(body, json, base64);
  const usual =
    json === undefined
      ? body === undefined
        ? "application/octet-stream"
        : "text/plain; charset=utf-8"
      : "application/json";
  const isBodiless = BODILESS.has(status);
  return {
    status,
    headers: finishedHeaders(headers, isBodiless ? undefined : usual, isPublic),
    body: isBodiless ? undefined : bytes,
  };
}

function finishedHeaders(
  given: Readonly<Record<string, string>>,
  usualType: string | undefined,
  isPublic: boolean,
): Record<string, string> {
  const taken = Object.entries(given)
    .map(([name, value]): [string, string] => [name.toLowerCase(), value])
    .filter(([name]) => TAKEN_HEADERS.has(name) || (name.startsWith("x-") && !OWN_HEADERS.test(name)));
  const headers: Record<string, string> = Object.fromEntries(taken);
  const type = usualType && (headers["content-type"] ?? usualType);
  if (type === undefined) delete headers["content-type"];
  else headers["content-type"] = type;
  if (/^text\/html\b/i.test(type ?? "")) headers["content-security-policy"] = PAGE_POLICY;
  // What one person may read must not wait in a shared cache for another.
  if (!isPublic && !/^(private|no-store)\b/i.test(headers["cache-control"] ?? ""))
    headers["cache-control"] = "no-store";
  return headers;
}

function bodyOf(body: string | undefined, json: unknown, base64: string | undefined): Uint8Array<ArrayBuffer> {
  if (base64 !== undefined) return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return Uint8Array.from(new TextEncoder().encode(body ?? (json === undefined ? "" : JSON.stringify(json))));
}

function parse(output: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(output));
  } catch {
    throw invalid("it is not JSON in UTF-8");
  }
}

function invalid(what: string): PlatformError {
  return new PlatformError("ENDPOINT_ANSWER_INVALID", `The answer cannot be used: ${what}.`);
}

/** What a page may read beside the headers that it always may. */
const SHOWN = { "access-control-expose-headers": "etag, link, location, retry-after, x-execution-id, x-trace-id" };

/** CORS headers of an answer (Fetch standard); none where the endpoint does not name the origin. */
export function corsHeaders({ origins = [] }: EndpointOffer, origin: string | null): Record<string, string> {
  if (origins.length === 0) return {};
  if (origins.includes("*")) return { ...SHOWN, "access-control-allow-origin": "*" };
  if (origin === null || !origins.includes(origin)) return { vary: "origin" };
  return { ...SHOWN, "access-control-allow-origin": origin, vary: "origin" };
}

const PREFLIGHT_SECONDS = 600;
const USUAL_REQUEST_HEADERS = ["authorization", "content-type", "if-match", "if-none-match", "x-api-key"];

/** Answer to a preflight; undefined where the endpoint does not let the origin in. */
export function preflightHeaders(
  offer: EndpointOffer,
  origin: string | null,
  methods: string,
): Record<string, string> | undefined {
  const cors = corsHeaders(offer, origin);
  if (!("access-control-allow-origin" in cors)) return undefined;
  return {
    ...cors,
    "access-control-allow-methods": methods,
    "access-control-allow-headers": [...USUAL_REQUEST_HEADERS, ...(offer.headers ?? [])].join(", "),
    "access-control-max-age": String(PREFLIGHT_SECONDS),
  };
}
