import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { ERRORS, PlatformError, type ErrorCode } from "../../sdk/contract/errors.ts";
import { logError } from "../lib/json-log.ts";
import { outageIn } from "../lib/outage.ts";
import type { AppEnv } from "./route.ts";

/** Seconds after which a 503 may be tried again. */
export const RETRY_AFTER_SECONDS = 2;
const FRAMES_LOGGED = 6;

/** Page of a code in the error reference: the problem's `type`, a full path as RFC 9457 §3.1.1 asks of relative ones. */
export function errorPage(code: ErrorCode): string {
  return `/docs/errors#${code}`;
}

/**
 * The only place that turns a failure into an answer (RFC 9457). What is not a PlatformError is ours: it is logged
 * without content and answered as INTERNAL, which says nothing of its cause.
 */
export function answerProblem(context: Context<AppEnv>, error: unknown): Response {
  const traceId = context.get("traceId");
  const known = withDoubt(context, knownError(error));
  if (known.status >= 500 && ERRORS[known.code].blame === "platform") logFailure(context, known, error);
  const status = known.status as ContentfulStatusCode; // rows of the table, and what a details' status may be
  return context.body(JSON.stringify(problemOf(known, context.req.path, traceId)), status, {
    "content-type": "application/problem+json",
    ...extraHeaders(known),
  });
}

/** A store that fails is known by what the error was caused by, unless somebody gave it a meaning before. */
function knownError(error: unknown): PlatformError {
  if (error instanceof PlatformError) return error;
  const cause = outageIn(error);
  if (!cause) return new PlatformError("INTERNAL", "The request failed.");
  return cause.part === "database"
    ? new PlatformError("DATABASE_UNAVAILABLE", "The database does not answer at the moment.", { cause })
    : new PlatformError("STORE_UNAVAILABLE", "The object store does not answer at the moment.", { cause });
}

/** Says of a request that the platform failed whether its change may have been made all the same. */
function withDoubt(context: Context<AppEnv>, error: PlatformError): PlatformError {
  const { status, blame } = ERRORS[error.code];
  const isOutage = error.code === "DATABASE_UNAVAILABLE" || error.code === "STORE_UNAVAILABLE";
  const mayHaveApplied = context.get("deps").stores.wrote;
  if (blame !== "platform" || status < 500 || !(isOutage || mayHaveApplied)) return error;
  const { issues, limit, members, cause } = error;
  return new PlatformError(error.code, error.message, {
    ...(issues ? { issues } : {}),
    ...(limit ? { limit } : {}),
    members: { ...members, mayHaveApplied },
    cause,
  });
}

/**
 * Problem document of an error. Members of the error never replace the standard ones.
 *
 * @param instance  path of the request
 */
export function problemOf(error: PlatformError, instance: string, traceId: string): Record<string, unknown> {
  const { title, retryable } = ERRORS[error.code];
  const { status } = error;
  return {
    ...error.members,
    type: errorPage(error.code),
    title,
    status,
    detail: error.message,
    instance,
    code: error.code,
    traceId,
    retryable,
    ...(error.issues ? { issues: error.issues } : {}),
    ...(error.limit ? { limit: error.limit } : {}),
  };
}

function extraHeaders({ code, members, status }: PlatformError): Record<string, string> {
  const wait = members?.["retryAfterSeconds"];
  if (status === 503) return { "retry-after": String(typeof wait === "number" ? wait : RETRY_AFTER_SECONDS) };
  if (code === "AUTHENTICATION_REQUIRED") return { "www-authenticate": 'Bearer realm="patchbay"' };
  if (code === "WEBHOOK_SIGNATURE_INVALID") return { "www-authenticate": 'Signature realm="patchbay"' };
  if (code === "MIDDLEWARE_REFUSED") return status === 401 ? { "www-authenticate": 'Bearer realm="patchbay"' } : {};
  if (status === 401) return { "www-authenticate": 'Bearer realm="patchbay", error="invalid_token"' };
  if (code === "UPGRADE_REQUIRED") return { upgrade: "websocket", connection: "upgrade" };
  const allow = members?.["allow"];
  return code === "METHOD_NOT_ALLOWED" && typeof allow === "string" ? { allow } : {};
}

/** Messages of foreign errors may quote what a user sent, so only names, places and the database's own text are kept. */
function logFailure(context: Context<AppEnv>, known: PlatformError, error: unknown): void {
  const source = known === error ? (known.cause ?? known) : error;
  logError("request.failed", {
    code: known.code,
    traceId: context.get("traceId"),
    method: context.req.method,
    path: context.req.routePath,
    name: source instanceof Error ? source.name : typeof source,
    database: databaseMessage(source),
    at: source instanceof Error ? framesOf(source) : undefined,
  });
}

function databaseMessage(error: unknown): string | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause.message.startsWith("D1_")) return cause.message;
  }
  return undefined;
}

function framesOf(error: Error): string {
  const frames = (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  return frames
    .slice(0, FRAMES_LOGGED)
    .map((line) => line.trim())
    .join(" | ");
}
