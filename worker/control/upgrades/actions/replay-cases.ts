import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { Comparator } from "../../../../sdk/contract/manifest-offers.ts";
import type { Deps } from "../../../deps.ts";
import type { RunDeps } from "../../../execution/invoke.ts";
import { recordOutcome, type RecordedOutcome, type Recording } from "../../../execution/recording/recording.ts";
import { SANDBOX_DIGEST } from "../../../execution/sandbox-program.generated.ts";
import type { SnapshotInstall } from "../../../execution/snapshot.ts";
import { isSameJson } from "../../../../sdk/contract/config/json-values.ts";
import { runRecorded } from "../../executions/replay/actions.ts";
import { judgeCase } from "../comparison-rules.ts";
import type { CaseReport } from "../upgrade-record.ts";

export type ReplayCasesDeps = RunDeps & Pick<Deps, "recordings" | "configs">;

/** Recorded calls are no longer begun after this, so that a request ends. Milliseconds. */
const REPLAY_MS = 20_000;

export interface Rehearsal {
  readonly tenantId: string;
  readonly executionIds: readonly string[];
  /** The version that the calls were recorded with. */
  readonly incumbent: SnapshotInstall;
  readonly candidate: SnapshotInstall;
  /** As the recorded version declares; absent: exact. */
  readonly comparators: Readonly<Record<string, Comparator>>;
  readonly fuelBand: number;
}

/**
 * Runs recorded calls in another version. Capabilities answer from the recordings: nothing outside is touched, and nothing is
 * counted or recorded. A recording that is gone is left out.
 */
export async function replayCases(
  deps: ReplayCasesDeps,
  rehearsal: Rehearsal,
): Promise<{ readonly cases: readonly CaseReport[]; readonly notRun: number }> {
  const config = await otherConfig(deps, rehearsal);
  const until = deps.clock.now() + REPLAY_MS;
  const cases: CaseReport[] = [];
  for (const [index, executionId] of rehearsal.executionIds.entries()) {
    if (deps.clock.now() > until) return { cases, notRun: rehearsal.executionIds.length - index };
    // oxlint-disable-next-line no-await-in-loop -- few isolates may be at work at once
    const report = await replayCase(deps, rehearsal, executionId, config);
    if (report) cases.push(report);
  }
  return { cases, notRun: 0 };
}

type CallConfig = Pick<Recording["call"], "config" | "configJsonNames">;

/** What the candidate reads as its configuration, where that is not what the installed version reads. */
async function otherConfig(deps: ReplayCasesDeps, rehearsal: Rehearsal): Promise<CallConfig | undefined> {
  const { tenantId, incumbent, candidate } = rehearsal;
  const [before, after] = await Promise.all([
    deps.configs.open(tenantId, incumbent),
    deps.configs.open(tenantId, candidate),
  ]);
  const isSame = isSameJson({ ...before.texts }, { ...after.texts });
  return isSame ? undefined : { config: after.texts, configJsonNames: after.jsonNames };
}

async function replayCase(
  deps: ReplayCasesDeps,
  rehearsal: Rehearsal,
  executionId: string,
  config: CallConfig | undefined,
): Promise<CaseReport | undefined> {
  const { tenantId, candidate, comparators, fuelBand } = rehearsal;
  try {
    const recording = await deps.recordings.read({ tenantId, executionId });
    if (!recording?.exchanges) return undefined;
    const { functionName } = recording.call;
    const named = { executionId, functionName };
    if (!candidate.functions.includes(functionName)) {
      const difference = { what: "function", recorded: functionName, replayed: null } as const;
      return { ...named, verdict: "different", differences: [difference] };
    }
    const incumbent = await baselineOf(deps, rehearsal, recording);
    const { outcome, calls } = await runRecorded(deps, recordingFor(candidate, recording, config));
    const judged = {
      incumbent,
      candidate: await recordOutcome(outcome),
      hostCalls: calls.difference,
      comparator: comparators[functionName] ?? "exact",
      fuelBand,
    };
    return { ...named, ...judgeCase(judged) };
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    const difference = { what: "failure", recorded: error.code, replayed: null } as const;
    return { executionId, functionName: "", verdict: "not-comparable", differences: [difference] };
  }
}

/** What the recorded version answers; it is asked again where sandbox or metering are others than when it was recorded. */
async function baselineOf(
  deps: ReplayCasesDeps,
  { incumbent }: Rehearsal,
  recording: Recording,
): Promise<RecordedOutcome> {
  const isCurrent =
    recording.sandboxDigest === SANDBOX_DIGEST && recording.install.rewriterVersion === incumbent.rewriterVersion;
  if (isCurrent) return recording.outcome;
  return recordOutcome((await runRecorded(deps, recordingFor(incumbent, recording, undefined))).outcome);
}

/** The recorded call as the version would get it: with its limits, and an isolate whose failures are nobody else's. */
function recordingFor(target: SnapshotInstall, recording: Recording, config: CallConfig | undefined): Recording {
  const { pluginId, version, rewrittenDigest, rewriterVersion, moduleBytes, suspends, parts, limits } = target;
  const { call } = recording;
  return {
    ...recording,
    install: {
      installId: `${target.installId}@${version}`,
      pluginId,
      version,
      rewrittenDigest,
      rewriterVersion,
      moduleBytes,
      suspends,
      ...(parts ? { parts } : {}),
    },
    call: { ...call, ...config, limits, ...(call.context ? { context: { ...call.context, version } } : {}) },
  };
}
