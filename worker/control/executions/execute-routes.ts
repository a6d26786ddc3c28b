import type { Context } from "hono";
import type * as v from "valibot";
import { PlatformError, type ErrorCode } from "../../../sdk/contract/errors.ts";
import { DEFAULT_LIMITS, LIMITS, type Limits } from "../../../sdk/contract/limits.ts";
import { PipedStreams } from "../../execution/call-streams.ts";
import type { Answered, StoodIn } from "../../execution/fallback.ts";
import { invoke, type PluginEvent } from "../../execution/invoke.ts";
import { IDEMPOTENCY_HEADER } from "../../execution/idempotency/key-rules.ts";
import type { Snapshot } from "../../execution/snapshot.ts";
import { answerThrough, isWatched } from "../middleware/actions.ts";
import type { Visit } from "../middleware/rules.ts";
import { readLimitedBody } from "../../http/limited-body.ts";
import { parseJsonBody } from "../../http/json-body.ts";
import { defineRoute, type AppEnv, type Route } from "../../http/route.ts";
import { decodeOutput, encodeInput, encodingFailure } from "./encoding.ts";
import { ExecuteAnswer, ExecuteBody, ExecuteParams, ExecuteQuery, LOG_LEVELS } from "./execute-schema.ts";

/** Base64 adds a third; the rest of the JSON envelope is small. */
export const EXECUTE_BODY_LIMIT = Math.ceil((LIMITS.input.maximum * 4) / 3) + 64 * 1024;
const DEFAULT_LOG_LEVEL = LOG_LEVELS.indexOf("info");

export const EXECUTE_FAILURES: readonly ErrorCode[] = [
  "INSTALL_NOT_FOUND",
  "PLUGIN_INACTIVE",
  "FUNCTION_NOT_FOUND",
  "INPUT_TOO_LARGE",
  "FUEL_EXHAUSTED",
  "WALL_CLOCK_EXCEEDED",
  "MEMORY_EXCEEDED",
  "KERNEL_MEMORY_EXCEEDED",
  "CALL_DEPTH_EXCEEDED",
  "OUTPUT_TOO_LARGE",
  "HOST_CALLS_EXCEEDED",
  "GRANT_MISSING",
  "MIDDLEWARE_REFUSED",
  "MIDDLEWARE_FAILED",
  "CONFIG_KEY_UNKNOWN",
  "CONFIG_UNREADABLE",
  "PLUGIN_ERROR",
  "PLUGIN_TRAPPED",
  "PLUGIN_LOAD_FAILED",
  "OUTPUT_ENCODING_INVALID",
  "BREAKER_OPEN",
  "ISOLATE_UNAVAILABLE",
  "ISOLATE_BUSY",
  "ISOLATE_REPLACED_TOO_OFTEN",
  "MODULE_UNAVAILABLE",
  "INTEGRITY_FAILED",
];

export const executeRoutes: readonly Route[] = [
  executeRoute("/execute/:id", "executePluginByPath"),
  executeRoute("/:id/execute", "executePlugin"),
];

function executeRoute(path: string, operationId: string): Route {
  return defineRoute({
    method: "post",
    mount: "plugins",
    path,
    operationId,
    summary: "Run a function of an installed plugin",
    description:
      "A JSON body names function, input and options, and the answer is JSON. With any other content type the body is the " +
      "input and the answer's body is the output; execution id and fuel are in `x-execution-id` and `x-fuel-used`. Where the call " +
      "fails and its install declares a fallback, that answers, and `fallback` (or `x-fallback`) says for what.",
    tag: "Executions",
    permission: "plugins:execute",
    params: ExecuteParams,
    query: ExecuteQuery,
    rawBody: {
      "application/json": ExecuteBody,
      "application/octet-stream": { type: "string", format: "binary" },
    },
    answers: { 200: { description: "The function returned", schema: ExecuteAnswer } },
    errors: EXECUTE_FAILURES,
    handler: (context, { params, query }) =>
      isJson(context)
        ? executeJson(context, params.id, query.function)
        : executeRaw(context, params.id, query.function),
  });
}

function isJson(context: Context<AppEnv>): boolean {
  return /^application\/json\s*(;|$)/i.test(context.req.header("content-type") ?? "");
}

async function executeJson(context: Context<AppEnv>, pluginId: string, queryFunction?: string): Promise<Response> {
  const bytes = await readLimitedBody(context.req.raw, EXECUTE_BODY_LIMIT, "INPUT_TOO_LARGE", "input");
  const body = parseJsonBody(ExecuteBody, bytes);
  const logs = body.options?.logs;
  const answered = await call(context, {
    pluginId,
    functionName: body.function ?? queryFunction,
    input: encodeInput(body),
    options: eventOptions(body),
    unusable: (output) => encodingFailure(output, body),
  });
  const { invocation, standIn } = answered;
  setExecutionHeaders(context, answered);
  const output = decodeOutput(succeeded(answered, logs), body);
  const { durationMs = 0, fuel = 0, memoryBytes = 0, version } = invocation?.record ?? {};
  const shown = logs && invocation?.outcome;
  const answer: v.InferInput<typeof ExecuteAnswer> = {
    ...(invocation ? { executionId: invocation.record.id } : {}),
    status: standIn ? "replaced" : "succeeded",
    ...output,
    durationMs,
    fuel,
    memoryBytes,
    ...(version === undefined ? {} : { version }),
    ...(standIn ? { fallback: describeStandIn(standIn) } : {}),
    ...(shown ? { logs: [...shown.logs], logsTruncated: shown.logsTruncated } : {}),
  };
  return context.json(answer);
}

/** What a body's options say to the execution plane. */
export function eventOptions({ options = {} }: ExecuteBody): PluginEvent["options"] {
  const { logs: _shown, logLevel, ...limits } = options;
  return { ...limits, logLevel: logLevel === undefined ? DEFAULT_LOG_LEVEL : LOG_LEVELS.indexOf(logLevel) };
}

async function executeRaw(context: Context<AppEnv>, pluginId: string, functionName?: string): Promise<Response> {
  const snapshot = await readSnapshot(context);
  // Middleware sees input and output whole.
  if (streamsIn(snapshot, pluginId) && !isWatched(snapshot, visitOf(snapshot, pluginId, functionName))) {
    return executeStreaming(context, snapshot, pluginId, functionName);
  }
  const input = await readLimitedBody(context.req.raw, LIMITS.input.maximum, "INPUT_TOO_LARGE", "input");
  const answered = await call(context, { pluginId, functionName, input, options: { logLevel: DEFAULT_LOG_LEVEL } });
  setExecutionHeaders(context, answered);
  const output = succeeded(answered);
  return context.body(output as Uint8Array<ArrayBuffer>, 200, { "content-type": rawContentType(context) }); // output never is shared memory
}

async function call(
  context: Context<AppEnv>,
  event: Pick<PluginEvent, "pluginId" | "functionName" | "input" | "options" | "unusable">,
): Promise<Answered> {
  const deps = context.get("deps");
  const { subject, roles } = context.get("actor");
  const snapshot = await readSnapshot(context);
  const variantKey = context.req.header(IDEMPOTENCY_HEADER);
  const caller = { subject, roles, traceId: context.get("traceId"), ...(variantKey ? { variantKey } : {}) };
  const visit = visitOf(snapshot, event.pluginId, event.functionName);
  return answerThrough(deps, snapshot, visit, { ...event, ...caller });
}

function streamsIn({ installs }: Snapshot, pluginId: string): boolean {
  return Object.hasOwn(installs, pluginId) && installs[pluginId]?.streams === true;
}

function visitOf({ installs }: Snapshot, pluginId: string, asked: string | undefined): Visit {
  const install = Object.hasOwn(installs, pluginId) ? installs[pluginId] : undefined;
  const functionName = asked ?? install?.defaultFunction ?? "";
  return { kind: "execute", path: `/execute/${pluginId}/${functionName}`, pluginId, functionName };
}

/**
 * Input and output pass piece by piece while the plugin runs. The answer begins with the first piece of output, so that what fails
 * later can only break it off; the execution record says why.
 */
async function executeStreaming(
  context: Context<AppEnv>,
  snapshot: Snapshot,
  pluginId: string,
  functionName?: string,
): Promise<Response> {
  const deps = context.get("deps");
  const { subject, roles } = context.get("actor");
  const { readable, writable } = new IdentityTransformStream();
  const limits = snapshot.installs[pluginId]?.limits ?? DEFAULT_LIMITS;
  requireAnnouncedInput(context, limits);
  const streams = new PipedStreams(context.req.raw.body, writable, limits);
  const executionId = deps.newId();
  const options = { logLevel: DEFAULT_LOG_LEVEL };
  const event = { pluginId, functionName, input: new Uint8Array(), options, subject, roles, executionId, streams };
  const ended = invoke(deps, snapshot, { ...event, traceId: context.get("traceId") });
  const first = await Promise.race([streams.started, ended]);
  const headers = { "content-type": rawContentType(context), "x-execution-id": executionId };
  if (first === undefined) {
    // Whoever reads the answer sees it break off; there is nobody else to tell.
    deps.defer(ended.then(({ outcome }) => streams.end(outcome)).catch(() => undefined));
    return context.body(readable, 200, headers);
  }
  setExecutionHeaders(context, { invocation: first });
  const output = succeeded({ invocation: first });
  return context.body(output as Uint8Array<ArrayBuffer>, 200, headers); // output never is shared memory
}

/** Refuses before anything runs what says itself that it is too large. */
function requireAnnouncedInput(context: Context<AppEnv>, { input: allowed }: Pick<Limits, "input">): void {
  const used = Number(context.req.header("content-length") ?? 0);
  if (used <= allowed) return;
  const limit = { name: "input", used, allowed };
  throw new PlatformError("INPUT_TOO_LARGE", `The input has ${used} bytes; the limit is ${allowed}.`, { limit });
}

async function readSnapshot(context: Context<AppEnv>): Promise<Snapshot> {
  const { tenantId } = context.get("actor");
  const snapshot = await context.get("deps").snapshots.read(tenantId);
  if (!snapshot) throw new PlatformError("TENANT_UNKNOWN", `The tenant "${tenantId}" does not exist.`);
  return snapshot;
}

/** @throws {PlatformError} the guest's failure, with what the call cost */
function succeeded({ invocation, standIn }: Answered, withLogs = false): Uint8Array {
  if (standIn) return standIn.output;
  if (!invocation) throw new TypeError("Nothing answered the call.");
  const { outcome, record } = invocation;
  if (!outcome.failure) return outcome.output ?? new Uint8Array();
  const { code, detail, limit, issues, exitCode, breaker, retryAfterSeconds } = outcome.failure;
  throw new PlatformError(code, detail, {
    ...(limit ? { limit } : {}),
    ...(issues ? { issues } : {}),
    members: {
      executionId: record.id,
      fuel: record.fuel,
      memoryBytes: record.memoryBytes,
      durationMs: record.durationMs,
      version: record.version,
      ...(exitCode === undefined ? {} : { exitCode }),
      ...(breaker ? { breaker, retryAfterSeconds } : {}),
      ...(withLogs ? { logs: outcome.logs, logsTruncated: outcome.logsTruncated } : {}),
    },
  });
}

/** Set on the context, so that a problem answer carries them too. */
function setExecutionHeaders(context: Context<AppEnv>, { invocation, standIn }: Answered): void {
  if (invocation) {
    context.header("x-execution-id", invocation.record.id);
    context.header("x-fuel-used", String(invocation.record.fuel));
  }
  if (!standIn) return;
  context.header("x-fallback", standIn.by);
  context.header("x-fallback-code", standIn.code);
  if (standIn.executionId !== undefined) context.header("x-fallback-execution-id", standIn.executionId);
}

function describeStandIn({ output: _shown, ...standIn }: NonNullable<Answered["standIn"]>): StoodIn {
  return standIn;
}

/** The output's type is the plugin's business; a caller who knows it may name one that a browser cannot run. */
function rawContentType(context: Context<AppEnv>): string {
  const wanted = context.req.header("accept") ?? "";
  return wanted === "application/json" || wanted === "text/plain"
    ? `${wanted}; charset=utf-8`
    : "application/octet-stream";
}
