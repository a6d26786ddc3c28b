import { PlatformError } from "../../../sdk/contract/errors.ts";
import type { HookMode } from "../../../sdk/contract/hooks.ts";
import type { HookOffer, PlacedFunction } from "../../../sdk/contract/offers.ts";
import { callPart, fanOut, type Part } from "../../execution/fan-out.ts";
import type { InvokeDeps } from "../../execution/invoke.ts";
import { DEFAULT_BUDGET, RequestBudget } from "../../execution/request-budget.ts";
import type { Snapshot } from "../../execution/snapshot.ts";
import type { Actor } from "../../lib/actor.ts";
import { isWatched, throughMiddleware } from "../middleware/actions.ts";
import type { Visit } from "../middleware/rules.ts";
import {
  aborts,
  isAnswer,
  modeFor,
  offersFor,
  replaced,
  requireAccess,
  requirePayload,
  skipped,
  hookFailure,
  stepOf,
  type Step,
} from "./rules.ts";
import { describeStep, type StepAnswer } from "./schema.ts";

const LOG_LEVEL_INFO = 2;

/** On whose behalf a hook runs, and within what. */
export interface Firing {
  readonly snapshot: Snapshot;
  readonly actor: Actor;
  readonly traceId: string;
  readonly budget: RequestBudget;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Fired {
  readonly mode: HookMode;
  readonly value: unknown;
  readonly steps: readonly StepAnswer[];
  readonly durationMs: number;
  readonly fuel: number;
}

/**
 * The same, with the tenant's middleware before and after it: it sees the payload and the value, as JSON.
 *
 * @throws {PlatformError} as {@link fireHook}; MIDDLEWARE_REFUSED, MIDDLEWARE_FAILED; OUTPUT_ENCODING_INVALID where middleware put
 *   something else than JSON in place
 */
export async function fireThrough(
  deps: InvokeDeps,
  firing: Omit<Firing, "budget" | "annotations">,
  hook: string,
  input: { readonly payload: unknown; readonly mode?: HookMode | undefined },
): Promise<Fired> {
  const { snapshot, actor, traceId } = firing;
  const visit: Visit = { kind: "hook", path: `/hooks/${hook}` };
  if (!isWatched(snapshot, visit)) {
    const budget = new RequestBudget(DEFAULT_BUDGET, deps.clock.now());
    return fireHook(deps, { ...firing, budget }, hook, input);
  }
  let fired: Fired | undefined;
  const caller = { subject: actor.subject, roles: actor.roles, traceId };
  const output = await throughMiddleware(deps, snapshot, caller, visit, encode(input.payload), async (passed) => {
    const { budget, annotations } = passed;
    fired = await fireHook(deps, { ...firing, budget, annotations }, hook, { ...input, payload: decode(passed.input) });
    return encode(fired.value);
  });
  if (!fired || !output) throw new TypeError("Middleware passed a hook on, and nothing ran.");
  return { ...fired, value: decode(output) };
}

interface Run extends Firing {
  readonly deps: InvokeDeps;
}

/**
 * Runs the functions of a hook, in order of class, priority and plugin id. What failed harms no other: its fallback stands in, or
 * it is left out; only the failure of a critical function ends the hook. Touches no D1: the log hears of it through the queue.
 *
 * @throws {PlatformError} REQUEST_INVALID where the payload lacks what a built-in hook needs; PERMISSION_DENIED where the hook or a
 *   plugin demands more of the caller; HOOK_ABORTED with every step
 */
export async function fireHook(
  deps: InvokeDeps,
  firing: Firing,
  hook: string,
  input: { readonly payload: unknown; readonly mode?: HookMode | undefined },
): Promise<Fired> {
  requirePayload(hook, input.payload);
  const offers = offersFor(firing.snapshot, hook);
  requireAccess(hook, offers, firing.actor.roles);
  const mode = modeFor(hook, offers, input.mode);
  const startedAt = deps.clock.now();
  const { steps, value } = await MODES[mode]({ ...firing, deps }, offers, input.payload ?? null);
  const durationMs = deps.clock.now() - startedAt;
  const shown = steps.map((step) => describeStep(step, versionOf(firing.snapshot, step.offer.pluginId)));
  if (offers.length > 0) tell(deps, firing, hook, steps, durationMs);
  const ending = steps.find(aborts);
  if (ending) throw aborted(hook, ending, shown);
  return { mode, value, steps: shown, durationMs, fuel: steps.reduce((sum, step) => sum + step.fuel, 0) };
}

interface Ran {
  readonly steps: readonly Step[];
  readonly value: unknown;
}

const MODES: Readonly<Record<HookMode, (run: Run, offers: readonly HookOffer[], payload: unknown) => Promise<Ran>>> = {
  waterfall,
  broadcast,
  "first-answer": firstAnswer,
};

async function waterfall(run: Run, offers: readonly HookOffer[], payload: unknown): Promise<Ran> {
  let value = payload;
  const steps = await inTurn(
    run,
    offers,
    () => value,
    (step) => {
      if (step.output !== undefined) value = step.output;
      return aborts(step);
    },
  );
  return { steps, value };
}

async function firstAnswer(run: Run, offers: readonly HookOffer[], payload: unknown): Promise<Ran> {
  const steps = await inTurn(
    run,
    offers,
    () => payload,
    (step) => aborts(step) || isAnswer(step),
  );
  return { steps, value: steps.find(isAnswer)?.output ?? null };
}

async function broadcast(run: Run, offers: readonly HookOffer[], payload: unknown): Promise<Ran> {
  const input = encode(payload);
  const parts = offers.map((offer) => partOf(run, offer, input));
  const results = await fanOut(run.deps, run.snapshot, parts, run.budget);
  const steps: Step[] = [];
  for (const [index, offer] of offers.entries()) {
    const result = results[index];
    if (result) steps.push(await withFallback(run, stepOf(offer, result), input));
  }
  const answered = steps.filter(({ status }) => status === "succeeded" || status === "replaced");
  const value = answered.map(({ offer, output }) => ({
    pluginId: offer.pluginId,
    functionName: offer.functionName,
    output: output ?? null,
  }));
  return { steps, value };
}

/** @param ends  looks at a step, and says whether the rest are left out */
async function inTurn(
  run: Run,
  offers: readonly HookOffer[],
  payload: () => unknown,
  ends: (step: Step) => boolean,
): Promise<readonly Step[]> {
  const steps: Step[] = [];
  let ended = false;
  for (const offer of offers) {
    if (ended) {
      steps.push(skipped(offer));
      continue;
    }
    const input = encode(payload());
    const result = await callPart(run.deps, run.snapshot, partOf(run, offer, input), run.budget, 1);
    const step = await withFallback(run, stepOf(offer, result), input);
    steps.push(step);
    ended = ends(step);
  }
  return steps;
}

async function withFallback(run: Run, step: Step, input: Uint8Array): Promise<Step> {
  const { fallback } = step.offer;
  if (step.status !== "failed" || !fallback) return step;
  if ("value" in fallback) return replaced(step, undefined);
  const offer: HookOffer = { ...step.offer, pluginId: fallback.plugin, functionName: fallback.function ?? "" };
  const part = { ...partOf(run, offer, input), functionName: fallback.function };
  return replaced(step, stepOf(offer, await callPart(run.deps, run.snapshot, part, run.budget, 1)));
}

function partOf(run: Run, offer: PlacedFunction, input: Uint8Array): Part {
  const { actor, traceId, annotations, snapshot } = run;
  return {
    pluginId: offer.pluginId,
    functionName: offer.functionName,
    input,
    options: { logLevel: LOG_LEVEL_INFO, timeoutMs: timeoutWithin(snapshot, offer) },
    subject: actor.subject,
    roles: actor.roles,
    traceId,
    unusable: hookFailure,
    ...(annotations ? { annotations } : {}),
  };
}

/** An install's own limit may have been narrowed below what the manifest says of the function. */
export function timeoutWithin(snapshot: Snapshot, { pluginId, timeoutMs }: PlacedFunction): number | undefined {
  const install = Object.hasOwn(snapshot.installs, pluginId) ? snapshot.installs[pluginId] : undefined;
  return timeoutMs === undefined ? undefined : Math.min(timeoutMs, install?.limits.wallClock ?? timeoutMs);
}

function versionOf(snapshot: Snapshot, pluginId: string): string {
  return (Object.hasOwn(snapshot.installs, pluginId) ? snapshot.installs[pluginId]?.version : undefined) ?? "";
}

function tell(deps: InvokeDeps, firing: Firing, hook: string, steps: readonly Step[], durationMs: number): void {
  const { snapshot, actor, traceId } = firing;
  const ran = steps.filter(({ status }) => status !== "skipped");
  const failed = ran.filter(({ status }) => status !== "succeeded").length;
  deps.outcomes.tell({
    id: deps.newId(),
    tenantId: snapshot.tenantId,
    pluginId: null,
    type: "hook.fired",
    data: { hook, plugins: ran.length, failed, durationMs, traceId },
    subject: actor.subject,
    createdAt: deps.clock.now(),
  });
}

function aborted(hook: string, { offer, failure }: Step, steps: readonly StepAnswer[]): PlatformError {
  const { pluginId, functionName } = offer;
  return new PlatformError(
    "HOOK_ABORTED",
    `The critical function "${functionName}" of "${pluginId}" failed with ${failure?.code}: ${failure?.detail}`,
    { members: { hook, pluginId, functionName, causeCode: failure?.code, steps } },
  );
}

function decode(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes));
  } catch (cause) {
    throw new PlatformError("OUTPUT_ENCODING_INVALID", "Middleware put something else than JSON in place.", { cause });
  }
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
