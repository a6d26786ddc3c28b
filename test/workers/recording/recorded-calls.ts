import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { createDeps, createResident, type Deps } from "../../../worker/deps.ts";
import { invoke, type Invocation } from "../../../worker/execution/invoke.ts";
import { isSampled, SAMPLE_RATE } from "../../../worker/execution/recording/capture-rules.ts";
import type { Snapshot } from "../../../worker/execution/snapshot.ts";
import worker from "../../../worker/index.ts";
import { systemIds } from "../../../worker/lib/ulid.ts";
import { readAnswer, requestOf, type ApiAnswer, type ApiRequest } from "../../support/workers/api.ts";

/** Calls whose work after the answer is done, recordings included, before a test looks. */

const drawId = systemIds(() => Date.now());

/** An id of a good call that is recorded. */
export function sampledId(): string {
  for (;;) {
    const id = drawId();
    if (isSampled(id, SAMPLE_RATE)) return id;
  }
}

export interface GuestCall {
  readonly pluginId: string;
  readonly functionName?: string;
  readonly input?: string;
  /** Replaces parts of what the worker composes. */
  readonly deps?: Partial<Deps>;
  readonly bindings?: Partial<Env>;
  readonly options?: { readonly fuel?: number; readonly timeoutMs?: number };
}

/** Runs a plugin as the execution plane does, in a worker isolate of its own, with an id that is sampled. */
export async function callGuest(snapshot: Snapshot, call: GuestCall): Promise<Invocation> {
  const context = createExecutionContext();
  const deps = { ...createDeps({ ...env, ...call.bindings }, context, undefined, createResident()), newId: sampledId };
  const invocation = await invoke({ ...deps, ...call.deps }, snapshot, {
    pluginId: call.pluginId,
    functionName: call.functionName,
    input: new TextEncoder().encode(call.input ?? ""),
    options: { ...call.options, logLevel: 0 },
    subject: "user-1",
    roles: ["caller"],
    traceId: "0".repeat(32),
  });
  await waitOnExecutionContext(context);
  return invocation;
}

/** A request through the front door; resolves once its work after the answer is done. */
export async function settledApi(
  method: string,
  path: string,
  request: ApiRequest,
  bindings: Partial<Env> = {},
): Promise<ApiAnswer> {
  const context = createExecutionContext();
  const incoming = requestOf(method, path, request) as Parameters<typeof worker.fetch>[0]; // the runtime adds `cf`
  const answer = await readAnswer(await worker.fetch(incoming, { ...env, ...bindings }, context));
  await waitOnExecutionContext(context);
  return answer;
}
