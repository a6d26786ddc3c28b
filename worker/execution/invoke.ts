import { PlatformError } from "../../sdk/contract/errors.ts";
import type { SandboxCall, SandboxOutcome } from "../../sdk/contract/sandbox.ts";
import type { Clock } from "../lib/clock.ts";
import type { IdSource } from "../lib/ulid.ts";
import { admit, type CallOptions } from "./admit.ts";
import { raceDeadline } from "./deadline.ts";
import type { Isolates } from "./isolate.ts";
import type { OutcomeReporter } from "./outcome-reporter.ts";
import { resolve, type Target } from "./resolve.ts";
import { failedOutcome, settle, type ExecutionRecord } from "./settle.ts";
import type { Snapshot } from "./snapshot.ts";

export interface InvokeDeps {
  readonly isolates: Isolates;
  readonly outcomes: OutcomeReporter;
  readonly clock: Clock;
  readonly newId: IdSource;
  readonly randomBytes: (length: number) => Uint8Array;
}

export interface PluginEvent {
  readonly pluginId: string;
  readonly functionName: string | undefined;
  readonly input: Uint8Array;
  readonly options: CallOptions & { readonly logLevel: number };
  readonly subject: string;
  readonly traceId: string;
}

export interface Invocation {
  readonly record: ExecutionRecord;
  readonly outcome: SandboxOutcome;
}

const SEED_BYTES = 32;

/**
 * Runs one function of an installed plugin: resolve → admit → isolate → call → settle. Touches no D1, no Durable Object,
 * and R2 only when the isolate is cold.
 *
 * @returns what happened, the guest's failures included
 * @throws {PlatformError} where no call was made: INSTALL_NOT_FOUND, PLUGIN_INACTIVE, FUNCTION_NOT_FOUND, REQUEST_INVALID
 */
export async function invoke(deps: InvokeDeps, snapshot: Snapshot, event: PluginEvent): Promise<Invocation> {
  const resolution = resolve(snapshot, event.pluginId, event.functionName);
  if ("refused" in resolution) throw new PlatformError(resolution.refused, resolution.detail);
  const { target } = resolution;

  const admission = admit(target.install.limits, event.options, event.input.byteLength);
  if ("issues" in admission)
    throw new PlatformError("REQUEST_INVALID", "An option is not valid.", { issues: admission.issues });

  const limits = "limits" in admission ? admission.limits : target.install.limits;
  const call: SandboxCall = {
    executionId: deps.newId(),
    functionName: target.functionName,
    input: event.input,
    config: target.install.config,
    limits,
    logLevel: event.options.logLevel,
    now: deps.clock.now(),
    randomSeed: deps.randomBytes(SEED_BYTES),
  };
  const outcome = "failure" in admission ? failedOutcome(admission.failure) : await run(deps, target, call);

  const durationMs = deps.clock.now() - call.now;
  const { subject, traceId } = event;
  const record = settle({ tenantId: snapshot.tenantId, subject, traceId, target, call, outcome, durationMs });
  deps.outcomes.report(record);
  return { record, outcome };
}

/** A platform failure is an outcome too, so that it is recorded like any other. */
async function run(deps: InvokeDeps, target: Target, call: SandboxCall): Promise<SandboxOutcome> {
  try {
    return await raceDeadline(deps.isolates.call(target.install, call), call.limits);
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    return failedOutcome({ code: error.code, detail: error.message });
  }
}
