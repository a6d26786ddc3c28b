import type { Context } from "hono";
import * as v from "valibot";
import { PlatformError, type ErrorCode } from "../../../sdk/contract/errors.ts";
import { PLUGIN_ID_PATTERN, TENANT_ID_PATTERN } from "../../../sdk/contract/identifiers.ts";
import type { Snapshot } from "../../execution/snapshot.ts";
import { authenticate } from "../../http/authentication/authenticate.ts";
import { authorise } from "../../http/authentication/authorise.ts";
import { readLimitedBody } from "../../http/limited-body.ts";
import { defineRoute, type AppEnv, type Route } from "../../http/route.ts";
import type { Actor } from "../../lib/actor.ts";
import { EXECUTE_FAILURES } from "../executions/execute-routes.ts";
import { serveEndpoint } from "./actions.ts";
import { allowed, corsHeaders, matchEndpoints, preflightHeaders, segmentsBelow, type Match } from "./rules.ts";

const METHODS = ["get", "post", "put", "patch", "delete", "options"] as const;

const RunParams = v.object({
  tenant: v.pipe(v.string(), v.regex(TENANT_ID_PATTERN, "must be a tenant id")),
  id: v.pipe(v.string(), v.regex(PLUGIN_ID_PATTERN, "must be a plugin id")),
});

const FAILURES: readonly ErrorCode[] = [
  ...EXECUTE_FAILURES,
  "AUTHENTICATION_REQUIRED",
  "TOKEN_INVALID",
  "TENANT_UNKNOWN",
  "PERMISSION_DENIED",
  "ENDPOINT_NOT_FOUND",
  "METHOD_NOT_ALLOWED",
  "ENDPOINT_ANSWER_INVALID",
];

/** Who may call is for the plugin's manifest to say, so the routes themselves are open. */
export const endpointRoutes: readonly Route[] = METHODS.map((method) =>
  defineRoute({
    method,
    mount: "plugins",
    path: "/run/:tenant/:id/*",
    operationId: `${method}PluginEndpoint`,
    summary:
      method === "options"
        ? "CORS preflight of a plugin's endpoint"
        : `${method.toUpperCase()} an endpoint of a plugin`,
    description:
      "Paths, methods, who may call and what comes back are the plugin's (`api.endpoints` of its manifest). Without a token " +
      "nothing says whether a plugin or path exists that only some may call.",
    tag: "Plugin endpoints",
    permission: "public",
    takesIdentity: true,
    params: RunParams,
    ...(method === "get" || method === "delete" || method === "options"
      ? {}
      : { rawBody: { "*/*": { type: "string", format: "binary" } } }),
    answers:
      method === "options"
        ? { 204: { description: "What is allowed" } }
        : { 200: { description: "The plugin's answer" } },
    errors: FAILURES,
    handler: (context, { params }) => answer(context, params.tenant, params.id),
  }),
);

/** What is served at the request's path, and what may be told of it. */
interface Place {
  readonly snapshot: Snapshot | undefined;
  readonly segments: readonly string[];
  readonly matches: ReadonlyMap<string, Match>;
  /** True where the plugin serves something to anybody, so that it is no secret. */
  readonly isOpen: boolean;
}

async function answer(context: Context<AppEnv>, tenantId: string, pluginId: string): Promise<Response> {
  const { method, url, headers } = context.req.raw;
  const address = new URL(url);
  const place = await locate(context, tenantId, pluginId, address.pathname);
  if (method === "OPTIONS") return preflight(context, place);
  const match = place.matches.get(method === "HEAD" ? "GET" : method);
  const origin = headers.get("origin");
  if (match) for (const [name, value] of Object.entries(corsHeaders(match.offer, origin))) context.header(name, value);

  const actor = match?.offer.permission === "public" ? undefined : await admitted(context, tenantId, place, match);
  if (!match || !place.snapshot) throw notServed(place, method);
  const body =
    method === "GET" || method === "HEAD"
      ? new Uint8Array()
      : await readLimitedBody(context.req.raw, match.offer.maxBodyBytes, "INPUT_TOO_LARGE", "endpointBody");
  const { answer: served, executionId } = await serveEndpoint(context.get("deps"), place.snapshot, {
    pluginId,
    match,
    method,
    segments: place.segments,
    query: address.searchParams,
    headers,
    body,
    actor,
    traceId: context.get("traceId"),
  });
  const vary = [served.headers["vary"], context.res.headers.get("vary")].filter((part) => part).join(", ");
  for (const [name, value] of Object.entries(served.headers)) context.header(name, value);
  if (vary) context.header("vary", vary);
  context.header("x-execution-id", executionId);
  return context.newResponse(served.body ?? null, served.status as 200); // the rules hold it to 200 to 599
}

async function locate(context: Context<AppEnv>, tenantId: string, pluginId: string, pathname: string): Promise<Place> {
  const snapshot = await context.get("deps").snapshots.read(tenantId);
  const all = (snapshot?.status === "active" ? snapshot.offers?.endpoints : undefined) ?? {};
  const offers = (Object.hasOwn(all, pluginId) ? all[pluginId] : undefined) ?? [];
  const segments = segmentsBelow(pathname);
  return {
    snapshot,
    segments: segments ?? [],
    matches: segments ? matchEndpoints(offers, segments) : new Map(),
    isOpen: offers.some(({ permission }) => permission === "public"),
  };
}

/**
 * Who calls an endpoint that not anybody may call. Of what is hidden, somebody without a token learns that one is needed and
 * somebody of another tenant that nothing is served, whether or not it is.
 */
async function admitted(
  context: Context<AppEnv>,
  tenantId: string,
  place: Place,
  match: Match | undefined,
): Promise<Actor | undefined> {
  if (!match && place.isOpen) return undefined;
  const actor = await authenticate(context.get("deps"), context.req.raw.headers);
  if (actor.tenantId !== tenantId) throw notFound();
  if (!match) return actor;
  const { permission, roles } = match.offer;
  if (permission !== "token" && permission !== "public") authorise(actor, permission);
  if (roles && !roles.some((role) => actor.roles.includes(role))) {
    throw new PlatformError("PERMISSION_DENIED", `One of the roles ${roles.join(", ")} is required.`, {
      members: { roles },
    });
  }
  return actor;
}

function preflight(context: Context<AppEnv>, place: Place): Response {
  const { headers } = context.req.raw;
  const wanted = headers.get("access-control-request-method");
  const match = wanted === null ? undefined : place.matches.get(wanted === "HEAD" ? "GET" : wanted);
  const allow = allowed(place.matches);
  const cors = match && preflightHeaders(match.offer, headers.get("origin"), allow);
  if (cors) return context.body(null, 204, cors);
  if (!place.isOpen) throw new PlatformError("AUTHENTICATION_REQUIRED", "Send `Authorization: Bearer` with a token.");
  if (place.matches.size === 0) throw notFound();
  return context.body(null, 204, { allow });
}

function notServed({ matches }: Place, method: string): PlatformError {
  if (matches.size === 0) return notFound();
  const allow = allowed(matches);
  return new PlatformError("METHOD_NOT_ALLOWED", `${method} is not answered here; allowed: ${allow}.`, {
    members: { allow },
  });
}

function notFound(): PlatformError {
  return new PlatformError("ENDPOINT_NOT_FOUND", "No plugin serves this path.");
}
