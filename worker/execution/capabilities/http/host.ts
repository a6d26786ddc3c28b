import * as v from "valibot";
import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { hostCall, type HostContext, type HostResult } from "../capability.ts";
import { upstreamError } from "./egress.ts";
import { destinationOf, type Destination } from "./grant.ts";
import { redirectedHeaders, requestHeaders, responseHeaders } from "./header-rules.ts";

const MOST_REDIRECTS = 5;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

const Method = v.pipe(
  v.string(),
  v.transform((method) => method.toUpperCase()),
  v.picklist(METHODS, `must be one of ${METHODS.join(", ")}`),
);

const HttpRequest = v.strictObject({
  url: v.string(),
  method: v.optional(v.nullable(Method), "GET"),
  headers: v.optional(v.nullable(v.record(v.string(), v.string())), {}),
  redirect: v.optional(v.picklist(["follow", "manual", "error"]), "follow"),
});

interface Hop {
  readonly destination: Destination;
  readonly method: string;
  readonly headers: Headers;
  readonly body: Uint8Array | undefined;
}

interface Sent {
  readonly response: Response;
  readonly destination: Destination;
  readonly redirects: number;
}

/**
 * `http_send`: sends a request and answers `{ status, headers, url, redirects }`, with the body as bytes. Answers of any status are
 * answers; only what was not sent or not answered is an error.
 */
export const httpSend = hostCall("http", HttpRequest, async (context, request, body) => {
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(timeLeft(context))]);
  const agent = `Patchbay (${context.call.pluginId})`;
  const method = request.method ?? "GET";
  const first: Hop = {
    destination: allow(context, request.url),
    method,
    headers: requestHeaders(request.headers ?? {}, agent),
    body: method === "GET" || method === "HEAD" ? undefined : body,
  };
  const sent = await follow(context, first, request.redirect, signal);
  return await readAnswer(context, sent, signal);
});

function timeLeft({ call, services }: HostContext): number {
  return Math.max(1, call.deadline - services.clock.now());
}

function allow({ grant, services, note }: HostContext, url: string): Destination {
  const destination = destinationOf(url, { grant, privateHosts: services.egress.privateHosts });
  note(destination.scope);
  return destination;
}

async function follow(
  context: HostContext,
  first: Hop,
  redirect: "follow" | "manual" | "error",
  signal: AbortSignal,
): Promise<Sent> {
  let hop = first;
  for (let redirects = 0; ; redirects++) {
    context.quotas.take("http", "requests");
    context.quotas.take("http", "requestBytes", hop.body?.byteLength ?? 0);
    const { method, headers, body, destination } = hop;
    const response = await context.services.egress.send(destination, { method, headers, body: body ?? null, signal });
    const location = REDIRECTS.has(response.status) ? response.headers.get("location") : null;
    if (location === null || redirect === "manual") return { response, destination, redirects };
    await response.body?.cancel();
    if (redirect === "error") throw upstreamRefusal(destination, "answered with a redirect");
    if (redirects === MOST_REDIRECTS) throw upstreamRefusal(destination, `redirected ${MOST_REDIRECTS} times and more`);
    hop = nextHop(context, hop, response.status, location);
  }
}

/** Fetch standard, HTTP-redirect fetch: a POST becomes a GET on 301 and 302, anything but a HEAD on 303. */
function nextHop(context: HostContext, hop: Hop, status: number, location: string): Hop {
  const { url } = hop.destination;
  if (!URL.canParse(location, url)) throw upstreamRefusal(hop.destination, "redirected to what is no URL");
  const destination = allow(context, new URL(location, url).href);
  const becomesGet =
    ((status === 301 || status === 302) && hop.method === "POST") ||
    (status === 303 && hop.method !== "GET" && hop.method !== "HEAD");
  const body = becomesGet ? undefined : hop.body;
  const headers = redirectedHeaders(hop.headers, destination.url.origin === url.origin, body !== undefined);
  return { destination, method: becomesGet ? "GET" : hop.method, headers, body };
}

async function readAnswer(context: HostContext, sent: Sent, signal: AbortSignal): Promise<HostResult> {
  const { response, destination, redirects } = sent;
  const body = await readBody(context, response, destination, signal);
  const { href } = destination.url;
  return { value: { status: response.status, headers: responseHeaders(response.headers), url: href, redirects }, body };
}

/** Takes each piece from the quota as it comes, so that no more than the quota is ever held. */
async function readBody(
  { quotas }: HostContext,
  response: Response,
  destination: Destination,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  try {
    for await (const piece of response.body ?? []) {
      quotas.take("http", "responseBytes", piece.byteLength);
      pieces.push(piece);
    }
  } catch (cause) {
    throw upstreamError(cause, destination, signal);
  }
  const body = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    body.set(piece, at);
    at += piece.byteLength;
  }
  return body;
}

function upstreamRefusal({ scope }: Destination, what: string): PlatformError {
  return new PlatformError("UPSTREAM_REFUSED", `${scope} ${what}.`);
}
