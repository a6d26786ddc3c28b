import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { SandboxOutcome } from "../../../../sdk/contract/sandbox.ts";
import type { Deps } from "../../../deps.ts";
import { UNGUARDED } from "../../../execution/breaker/breakers.ts";
import { invoke, type InvokeDeps, type PluginEvent } from "../../../execution/invoke.ts";
import { ProfiledCalls } from "../../../execution/profiled-calls.ts";
import { recordedTarget } from "../../../execution/recording/recording.ts";
import { resolve } from "../../../execution/resolve.ts";
import type { Actor } from "../../../lib/actor.ts";
import { sha256Hex } from "../../../lib/hex.ts";
import { readRecording, runRecorded } from "../../executions/replay/actions.ts";
import type { ProfileAnswer } from "../schema.ts";
import type { ProfiledPackage } from "../store.ts";
import { functionsOf, isTruncated, treeOf } from "../tree-report.ts";
import { prepareProfile, type PrepareDeps } from "./prepare.ts";

export type ProfileDeps = PrepareDeps & InvokeDeps & Pick<Deps, "snapshots" | "isolates" | "recordings">;

/**
 * Runs a function of an installed plugin like any call, in the profiled form of its module: it has the same limits, the same
 * capabilities and a record of its own.
 *
 * @throws {PlatformError} TENANT_UNKNOWN; what keeps any call from being made; what the profiled module cannot be made for,
 *   see {@link prepareProfile}; the platform's own failures in running it
 */
export async function profilePlugin(deps: ProfileDeps, actor: Actor, event: PluginEvent): Promise<ProfileAnswer> {
  const snapshot = await deps.snapshots.read(actor.tenantId);
  if (!snapshot) throw new PlatformError("TENANT_UNKNOWN", `The tenant "${actor.tenantId}" does not exist.`);
  const resolution = resolve(snapshot, event.pluginId, event.functionName);
  if ("refused" in resolution) throw new PlatformError(resolution.refused, resolution.detail);

  const made = await prepareProfile(deps, actor, resolution.target.install);
  const calls = profiledCalls(deps, made);
  const { record, outcome } = await invoke({ ...deps, isolates: calls, breakers: UNGUARDED }, snapshot, event);
  const { id: executionId, pluginId, version, functionName, durationMs } = record;
  return answerOf({ executionId, pluginId, version, functionName, durationMs }, outcome, calls, made);
}

/**
 * Runs a recorded call again, as a replay does, in the profiled form of its module. It is nobody's execution.
 *
 * @throws {PlatformError} as a replay and {@link prepareProfile} do
 */
export async function profileExecution(deps: ProfileDeps, actor: Actor, executionId: string): Promise<ProfileAnswer> {
  const recording = await readRecording(deps, actor, executionId);
  const { pluginId, version } = recording.install;
  const made = await prepareProfile(deps, actor, recordedTarget(recording));
  const calls = profiledCalls(deps, made);
  const startedAt = deps.clock.now();
  const { outcome } = await runRecorded({ ...deps, isolates: calls }, recording);
  const durationMs = deps.clock.now() - startedAt;
  const { functionName } = recording.call;
  return answerOf({ executionId, pluginId, version, functionName, durationMs }, outcome, calls, made);
}

function profiledCalls({ isolates }: ProfileDeps, { modules }: ProfiledPackage): ProfiledCalls {
  return new ProfiledCalls(isolates, new Map(modules.map(({ name, digest }) => [name, digest])));
}

type Subject = Pick<ProfileAnswer, "executionId" | "pluginId" | "version" | "functionName" | "durationMs">;

async function answerOf(
  subject: Subject,
  { failure, output, usage }: SandboxOutcome,
  { profile }: ProfiledCalls,
  made: ProfiledPackage,
): Promise<ProfileAnswer> {
  // Nothing ran, or nothing came back: there is only the failure to answer.
  if (!profile) throw new PlatformError(failure?.code ?? "INTERNAL", failure?.detail ?? "The call has no profile.");
  return {
    ...subject,
    failure: failure ? { code: failure.code, detail: failure.detail } : null,
    output: output ? { digest: await sha256Hex(output), byteLength: output.byteLength } : null,
    fuel: profile.fuel,
    charged: usage.fuel,
    truncated: isTruncated(profile),
    modules: made.modules.map(({ name, digest, sourceMap }) => ({ name, profiled: digest, sourceMap })),
    functions: functionsOf(profile, made),
    tree: treeOf(profile, made),
  };
}
