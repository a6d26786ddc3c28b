import { PlatformError } from "../../sdk/contract/errors.ts";
import type { SandboxCall, SandboxOutcome } from "../../sdk/contract/sandbox.ts";
import type { IdSource } from "../lib/ulid.ts";
import { admit, type CallOptions } from "./admit.ts";
import { raceDeadline } from "./deadline.ts";
import { withRetries, type RetryDeps } from "./idempotency/retry.ts";
import type { Isolates } from "./isolate.ts";
import type { OutcomeReporter } from "./outcome-reporter.ts";
import type { Recorder } from "./recording-store.ts";
import { resolve } from "./resolve.ts";
import { failedOutcome, settle, type ExecutionRecord } from "./settle.ts";
import type { Snapshot, SnapshotInstall } from "./snapshot.ts";

export interface RunDeps extends RetryDeps {
  readonly isolates: Isolates;
}

export interface InvokeDeps extends RunDeps {
  readonly outcomes: OutcomeReporter;
  readonly recorder: Recorder;
  readonly newId: IdSource;
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
  const outcome = "failure" in admission ? failedOutcome(admission.failure) : await runCall(deps, target.install, call);

  const durationMs = deps.clock.now() - call.now;
  const { subject, traceId } = event;
  const record = settle({ tenantId: snapshot.tenantId, subject, traceId, target, call, outcome, durationMs });
  deps.outcomes.report(record);
  deps.recorder.capture({ tenantId: snapshot.tenantId, install: target.install, call, outcome });
  return { record, outcome };
}

/**
 * Runs an admitted call, and tries again within its deadline where the platform failed. A platform failure that stays is
 * an outcome too, so that it is recorded like any other.
 */
export async function runCall(deps: RunDeps, install: SnapshotInstall, call: SandboxCall): Promise<SandboxOutcome> {
  const deadline = deps.clock.now() + call.limits.wallClock;
  try {
    const outcome = withRetries(deps, deadline, () => deps.isolates.call(install, call));
    return await raceDeadline(outcome, call.limits);
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    return failedOutcome({ code: error.code, detail: error.message });
  }
}
