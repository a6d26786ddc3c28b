import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { SandboxOutcome } from "../../../../sdk/contract/sandbox.ts";
import type { Deps } from "../../../deps.ts";
import { runCall, type RunDeps } from "../../../execution/invoke.ts";
import { REWRITER_VERSION } from "../../../execution/metering/rewrite.ts";
import {
  isExpired,
  RECORDING_RETENTION_MS,
  timeOfUlid,
  whyNotRecorded,
} from "../../../execution/recording/capture-rules.ts";
import { compareRuns, type Run } from "../../../execution/recording/comparison.ts";
import { ReplayedCalls } from "../../../execution/recording/replayed-calls.ts";
import { recordedTarget, recordOutcome, type Recording } from "../../../execution/recording/recording.ts";
import { ReplayBridge } from "../../../execution/replay-bridge.ts";
import { SANDBOX_DIGEST } from "../../../execution/sandbox-program.generated.ts";
import type { Actor } from "../../../lib/actor.ts";
import type { ShownExecution } from "../actions.ts";
import { getExecution } from "../store.ts";
import type { RecordingState, ReplayAnswer, ShownRun } from "./schema.ts";

export type ReplayDeps = RunDeps & Pick<Deps, "db" | "recordings">;

/**
 * Runs a recorded call again and compares. The replay is nobody's execution: it is neither counted nor recorded.
 *
 * @throws {PlatformError} EXECUTION_NOT_FOUND, RECORDING_NOT_FOUND, RECORDING_EXPIRED, RECORDING_KEY_UNKNOWN,
 *   RECORDING_UNREADABLE
 */
export async function replayExecution(deps: ReplayDeps, actor: Actor, executionId: string): Promise<ReplayAnswer> {
  const recording = await readRecording(deps, actor, executionId);
  const { install, call } = recording;
  const recorded: Run = {
    versions: { sandboxDigest: recording.sandboxDigest, rewriterVersion: install.rewriterVersion },
    outcome: recording.outcome,
  };
  const { outcome, calls } = await runRecorded(deps, recording);
  const replayed: Run = {
    versions: { sandboxDigest: SANDBOX_DIGEST, rewriterVersion: REWRITER_VERSION },
    outcome: await recordOutcome(outcome),
  };
  const differences = compareRuns(recorded, replayed, calls.difference);
  return {
    executionId,
    pluginId: install.pluginId,
    version: install.version,
    functionName: call.functionName,
    configDigest: recording.configDigest,
    capturedFor: recording.capturedFor,
    same: differences.length === 0,
    differences,
    recorded: show(recorded),
    replayed: show(replayed),
  };
}

/**
 * Runs a recorded call again; capabilities answer from the recording.
 *
 * @throws {PlatformError} RECORDING_NOT_FOUND where these answers were not recorded
 */
export async function runRecorded(
  deps: RunDeps,
  recording: Recording,
): Promise<{ readonly outcome: SandboxOutcome; readonly calls: ReplayedCalls }> {
  const { install, call, exchanges } = recording;
  if (!exchanges) {
    const detail = `The capability calls of "${call.executionId}" were too large to record, so it cannot be run again.`;
    throw new PlatformError("RECORDING_NOT_FOUND", detail);
  }
  const calls = new ReplayedCalls(exchanges);
  // Recorded answers can be given any number of times.
  const host = { bridge: new ReplayBridge(calls), ledger: { served: exchanges.length > 0 } };
  const outcome = await runCall(deps, recordedTarget(recording), call, install.suspends ? host : undefined);
  return { outcome, calls };
}

/** Whether an execution can be replayed; if not, why. */
export async function describeRecording(
  deps: Pick<Deps, "recordings" | "clock">,
  actor: Actor,
  execution: ShownExecution,
): Promise<RecordingState> {
  const now = deps.clock.now();
  const stored = isExpired(execution.startedAt, now)
    ? undefined
    : await deps.recordings.find({ tenantId: actor.tenantId, executionId: execution.id });
  if (!stored) return { stored: false, because: whyNotRecorded(execution, now) };
  const expiresAt = execution.startedAt + RECORDING_RETENTION_MS;
  return { stored: true, keyId: stored.keyId, sealedBytes: stored.size, expiresAt };
}

/**
 * @throws {PlatformError} EXECUTION_NOT_FOUND, RECORDING_NOT_FOUND, RECORDING_EXPIRED, RECORDING_KEY_UNKNOWN,
 *   RECORDING_UNREADABLE
 */
export async function readRecording(
  deps: Pick<Deps, "db" | "recordings" | "clock">,
  { tenantId }: Actor,
  executionId: string,
): Promise<Recording> {
  const now = deps.clock.now();
  const recording = isExpired(timeOfUlid(executionId), now)
    ? undefined
    : await deps.recordings.read({ tenantId, executionId });
  if (recording) return recording;
  const execution = await getExecution(deps.db, tenantId, executionId);
  if (!execution) throw new PlatformError("EXECUTION_NOT_FOUND", `There is no execution "${executionId}".`);
  const code = isExpired(execution.startedAt, now) ? "RECORDING_EXPIRED" : "RECORDING_NOT_FOUND";
  throw new PlatformError(code, `There is no recording of "${executionId}". ${whyNotRecorded(execution, now)}`);
}

/** Digest and size stand for the output: it is the caller's, and operators compare it without reading it. */
function show({ versions, outcome }: Run): ShownRun {
  const { output, failure, usage, logs, logsTruncated } = outcome;
  return {
    ...versions,
    output: output ? { digest: output.digest, byteLength: output.byteLength } : null,
    failure: failure ? { code: failure.code, detail: failure.detail } : null,
    ...usage,
    logs: [...logs],
    logsTruncated,
  };
}
