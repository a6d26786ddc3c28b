import { ERRORS, PlatformError } from "../../../sdk/contract/errors.ts";
import type { SandboxFailure } from "../../../sdk/contract/sandbox.ts";
import type { InvokeDeps } from "../../execution/invoke.ts";
import type { Snapshot } from "../../execution/snapshot.ts";
import type { Actor } from "../../lib/actor.ts";
import { invokeThrough } from "../middleware/actions.ts";
import { contentOf, type Visit } from "../middleware/rules.ts";
import { passedHeaders, readHttpAnswer, type HttpAnswer, type Match } from "./rules.ts";

const LOG_LEVEL_INFO = 2;
/** Who calls an endpoint that anybody may call. */
const ANYBODY = { subject: "anonymous", roles: [] } as const;

/** A request to an endpoint, once it is known who makes it. */
export interface EndpointCall {
  readonly pluginId: string;
  readonly match: Match;
  readonly method: string;
  /** Segments of the path below the plugin, decoded. */
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
  readonly headers: Headers;
  readonly body: Uint8Array;
  /** Absent for an endpoint that anybody may call. */
  readonly actor: Actor | undefined;
  readonly traceId: string;
}

export interface Served {
  readonly answer: HttpAnswer;
  readonly executionId: string;
}

/**
 * Gives a request to the plugin's function as JSON, and makes an HTTP answer of its output.
 *
 * @throws {PlatformError} the plugin's failure, without its own words where anybody may call; ENDPOINT_ANSWER_INVALID;
 *   MIDDLEWARE_REFUSED, MIDDLEWARE_FAILED
 */
export async function serveEndpoint(deps: InvokeDeps, snapshot: Snapshot, call: EndpointCall): Promise<Served> {
  const { pluginId, match, actor, traceId } = call;
  const { functionName, timeoutMs } = match.offer;
  const { subject, roles } = actor ?? ANYBODY;
  const path = call.segments.map((segment) => `/${encodeURIComponent(segment)}`).join("") || "/";
  const input = new TextEncoder().encode(JSON.stringify(requestOf(call, path)));
  const own = snapshot.installs[pluginId]?.limits.wallClock ?? 1;
  const options = {
    logLevel: LOG_LEVEL_INFO,
    ...(timeoutMs === undefined ? {} : { timeoutMs: Math.min(timeoutMs, own) }),
  };
  const visit: Visit = { kind: "endpoint", path: `/run/${pluginId}${path}`, pluginId, functionName };
  const event = { pluginId, functionName, input, options, subject, roles, traceId };
  const { outcome, record } = await invokeThrough(deps, snapshot, visit, event);
  if (outcome.failure) throw failed(outcome.failure, record.id, actor === undefined);
  const answer = readHttpAnswer(outcome.output ?? new Uint8Array(), match.offer.permission === "public");
  return { answer, executionId: record.id };
}

/** What the plugin's function gets as its input. */
function requestOf({ match, method, query, headers, body, actor }: EndpointCall, path: string) {
  const content = body.byteLength === 0 ? {} : contentOf(body);
  return {
    method,
    path,
    route: match.offer.path,
    params: match.params,
    query: Object.fromEntries([...new Set(query.keys())].map((name) => [name, query.getAll(name)])),
    headers: passedHeaders(headers, match.offer.headers),
    ...("text" in content ? { body: content.text } : content),
    caller: actor ? { subject: actor.subject, roles: actor.roles } : null,
  };
}

/** A plugin's own words may tell more than anybody should read. */
function failed({ code, detail, limit }: SandboxFailure, executionId: string, hidesDetail: boolean): PlatformError {
  return new PlatformError(code, hidesDetail ? ERRORS[code].title : detail, {
    ...(limit && !hidesDetail ? { limit } : {}),
    members: { executionId },
  });
}
