import { PlatformError } from "../../../sdk/contract/errors.ts";
import type { MiddlewareOffer } from "../../../sdk/contract/offers.ts";
import type { Role } from "../../../sdk/contract/roles.ts";
import { callPart, type PartResult } from "../../execution/fan-out.ts";
import { invokeWithFallback, outputOf, type Answered } from "../../execution/fallback.ts";
import { invoke, type Invocation, type InvokeDeps, type PluginEvent } from "../../execution/invoke.ts";
import { DEFAULT_BUDGET, RequestBudget } from "../../execution/request-budget.ts";
import type { Snapshot } from "../../execution/snapshot.ts";
import {
  contentOf,
  middlewareFor,
  readAnswer,
  replacementOf,
  type MiddlewareAnswer,
  type Point,
  type Visit,
} from "./rules.ts";

const LOG_LEVEL_INFO = 2;

/** Who makes the request. */
export interface Caller {
  readonly subject: string;
  readonly roles: readonly Role[];
  readonly traceId: string;
}

export type Annotations = Readonly<Record<string, string>>;

/** A request as middleware left it. */
export interface Passed {
  readonly input: Uint8Array;
  readonly annotations: Annotations;
  readonly budget: RequestBudget;
}

/** @returns the output; undefined where the call failed, which middleware does not see */
export type PassedCall = (passed: Passed) => Promise<Uint8Array | undefined>;

/** True where the tenant has middleware that sees the visit: everything else is spared what follows. */
export function isWatched(snapshot: Snapshot, visit: Visit): boolean {
  if (!snapshot.offers?.middleware) return false;
  return (["request", "response"] as const).some((point) => middlewareFor(snapshot, point, visit).length > 0);
}

/**
 * Lets a call pass through the tenant's middleware: at the request each may replace the input, note something or refuse; at the
 * response each may replace the output or refuse. All of it shares one budget with the call.
 *
 * @param run  makes the call
 * @returns the output as middleware left it; undefined where the call failed
 * @throws {PlatformError} MIDDLEWARE_REFUSED; MIDDLEWARE_FAILED where a critical one fails
 */
export async function throughMiddleware(
  deps: InvokeDeps,
  snapshot: Snapshot,
  caller: Caller,
  visit: Visit,
  input: Uint8Array,
  run: PassedCall,
): Promise<Uint8Array | undefined> {
  const budget = new RequestBudget(DEFAULT_BUDGET, deps.clock.now());
  const stage: Stage = { deps, snapshot, caller, visit, budget };
  const entered = await passPoint(stage, "request", input, {});
  const output = await run({ input: entered.content, annotations: entered.annotations, budget });
  if (output === undefined) return undefined;
  return (await passPoint(stage, "response", output, entered.annotations)).content;
}

/** Calls a plugin with middleware before and after it. A call that fails ends as it ends without. */
export async function invokeThrough(
  deps: InvokeDeps,
  snapshot: Snapshot,
  visit: Visit,
  event: PluginEvent,
): Promise<Invocation> {
  if (!isWatched(snapshot, visit)) return invoke(deps, snapshot, event);
  let invocation: Invocation | undefined;
  const output = await throughMiddleware(deps, snapshot, event, visit, event.input, async (passed) => {
    const { input, annotations, budget: pool } = passed;
    invocation = await invoke(deps, snapshot, { ...event, input, annotations, budget: { pool, among: 1 } });
    return invocation.outcome.failure ? undefined : (invocation.outcome.output ?? new Uint8Array());
  });
  if (!invocation) throw new TypeError("Middleware passed a request on, and nothing was called.");
  if (output === undefined) return invocation;
  return { ...invocation, outcome: { ...invocation.outcome, output } };
}

/** A plain call with middleware before and after it, which sees what stands in where the call fails. */
export async function answerThrough(
  deps: InvokeDeps,
  snapshot: Snapshot,
  visit: Visit,
  event: PluginEvent,
): Promise<Answered> {
  const call = (made: PluginEvent): Promise<Answered> =>
    invokeWithFallback(snapshot, made, (each) => invoke(deps, snapshot, each));
  if (!isWatched(snapshot, visit)) return call(event);
  let answered: Answered | undefined;
  const output = await throughMiddleware(deps, snapshot, event, visit, event.input, async (passed) => {
    const { input, annotations, budget: pool } = passed;
    answered = await call({ ...event, input, annotations, budget: { pool, among: 1 } });
    return outputOf(answered);
  });
  if (!answered) throw new TypeError("Middleware passed a request on, and nothing was called.");
  const { invocation, standIn } = answered;
  if (output === undefined) return answered;
  if (standIn) return { invocation, standIn: { ...standIn, output } };
  return { invocation: invocation && { ...invocation, outcome: { ...invocation.outcome, output } } };
}

interface Stage {
  readonly deps: InvokeDeps;
  readonly snapshot: Snapshot;
  readonly caller: Caller;
  readonly visit: Visit;
  readonly budget: RequestBudget;
}

interface Content {
  readonly content: Uint8Array;
  readonly annotations: Annotations;
}

async function passPoint(stage: Stage, point: Point, content: Uint8Array, annotations: Annotations): Promise<Content> {
  let passed: Content = { content, annotations };
  for (const offer of middlewareFor(stage.snapshot, point, stage.visit)) {
    const answer = await ask(stage, offer, point, passed);
    if (answer.action === "refuse") throw refused(stage, offer, point, answer);
    passed = apply(answer, passed);
  }
  return passed;
}

type Refusal = Extract<MiddlewareAnswer, { readonly action: "refuse" }>;

/** The log hears of it through the queue: who refused what, and not the caller's words. */
function refused(stage: Stage, { pluginId }: MiddlewareOffer, point: Point, answer: Refusal): PlatformError {
  const { deps, snapshot, caller, visit } = stage;
  const { message, code: reason, status } = answer;
  const error = new PlatformError("MIDDLEWARE_REFUSED", message ?? `The plugin "${pluginId}" refused the request.`, {
    members: { pluginId, ...(reason === undefined ? {} : { reason }) },
    ...(status === undefined ? {} : { status }),
  });
  deps.outcomes.tell({
    id: deps.newId(),
    tenantId: snapshot.tenantId,
    pluginId,
    type: "middleware.refused",
    data: {
      point,
      kind: visit.kind,
      called: visit.pluginId ?? visit.path,
      ...(visit.functionName === undefined ? {} : { functionName: visit.functionName }),
      status: error.status,
      ...(reason === undefined ? {} : { reason }),
      traceId: caller.traceId,
    },
    subject: caller.subject,
    createdAt: deps.clock.now(),
  });
  return error;
}

function apply(answer: Exclude<MiddlewareAnswer, Refusal>, passed: Content): Content {
  const annotations = answer.annotations ? { ...passed.annotations, ...answer.annotations } : passed.annotations;
  return { content: answer.action === "replace" ? replacementOf(answer) : passed.content, annotations };
}

/** A critical one that fails ends the request; an optional one lets it pass. */
async function ask(stage: Stage, offer: MiddlewareOffer, point: Point, passed: Content): Promise<MiddlewareAnswer> {
  const { deps, snapshot, caller, visit, budget } = stage;
  const { pluginId, functionName, timeoutMs } = offer;
  const { subject, roles, traceId } = caller;
  const { content, annotations } = passed;
  const request = { point, ...visit, caller: { subject, roles }, annotations, content: contentOf(content) };
  const own = Object.hasOwn(snapshot.installs, pluginId) ? snapshot.installs[pluginId]?.limits.wallClock : undefined;
  const part = {
    pluginId,
    functionName,
    input: new TextEncoder().encode(JSON.stringify(request)),
    options: {
      logLevel: LOG_LEVEL_INFO,
      timeoutMs: timeoutMs === undefined ? undefined : Math.min(timeoutMs, own ?? timeoutMs),
    },
    subject,
    roles,
    traceId,
  };
  const answer = answerOf(await callPart(deps, snapshot, part, budget, 1));
  if (!("problem" in answer)) return answer;
  if (offer.criticality === "optional") return { action: "continue" };
  throw new PlatformError("MIDDLEWARE_FAILED", `The plugin "${pluginId}" failed: ${answer.problem}`, {
    members: { pluginId },
  });
}

function answerOf(result: PartResult): MiddlewareAnswer | { readonly problem: string } {
  if ("refused" in result) return { problem: `${result.refused.code}: ${result.refused.message}` };
  const { failure, output } = result.invocation.outcome;
  return failure ? { problem: `${failure.code}: ${failure.detail}` } : readAnswer(output);
}
