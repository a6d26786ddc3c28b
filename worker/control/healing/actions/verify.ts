import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { UNGUARDED } from "../../../execution/breaker/breakers.ts";
import { CallBridge } from "../../../execution/bridge.ts";
import { CallLedger } from "../../../execution/call-ledger.ts";
import { BufferedStreams } from "../../../execution/call-streams.ts";
import type { CallHost } from "../../../execution/isolate.ts";
import { runCall } from "../../../execution/invoke.ts";
import { isSampled, SAMPLE_RATE } from "../../../execution/recording/capture-rules.ts";
import type { Recording } from "../../../execution/recording/recording.ts";
import { ReplayedCalls } from "../../../execution/recording/replayed-calls.ts";
import { ReplayBridge } from "../../../execution/replay-bridge.ts";
import type { Snapshot, SnapshotInstall } from "../../../execution/snapshot.ts";
import type { Deps } from "../../../deps.ts";
import { compileSnapshot } from "../../compile.ts";
import { checkHealth } from "../../lifecycle/actions.ts";
import { latestCalls } from "../facts-store.ts";
import type { HealingVerification } from "../healing-record.ts";
import { judge, narrowed, type Evidence } from "../verification-rules.ts";
import { scopeOf } from "./facts.ts";
import type { Applied, RemedyRequest } from "./remedy.ts";

/** Recorded calls that are run again, of failed ones and of good ones. */
const REPLAYS = 3;
/** Calls among which recordings are looked for. */
const CALLS_LOOKED_AT = { failed: 20, succeeded: 500 } as const;

/**
 * Whether a remedy helped: recorded calls run again as the install is now, those that failed and those that succeeded, and the
 * plugin is asked how it is. What it says weighs less than what it does.
 *
 * @param code  of the failures that the remedy is for; undefined: of any
 */
export async function verify(
  deps: Deps,
  { actor, install, traceId }: RemedyRequest,
  { proved = false }: Applied,
  code: string | undefined,
): Promise<HealingVerification> {
  const snapshot = await compileSnapshot(deps, actor.tenantId);
  const now = Object.hasOwn(snapshot.installs, install.pluginId) ? snapshot.installs[install.pluginId] : undefined;
  if (now?.state !== "active") {
    const none = { replayed: 0, succeeded: 0 };
    return judge({ proved, state: now?.state ?? "uninstalled", failing: none, good: none, healthCheck: null });
  }
  const scope = scopeOf(install);
  const [failed, succeeded] = await Promise.all([
    latestCalls(deps.db, scope, code, CALLS_LOOKED_AT.failed),
    latestCalls(deps.db, scope, null, CALLS_LOOKED_AT.succeeded),
  ]);
  const sampled = succeeded.filter((id) => isSampled(id, SAMPLE_RATE));
  const failing = await replayAll(deps, snapshot, now, failed);
  const good = await replayAll(deps, snapshot, now, sampled);
  // An open breaker would answer in the plugin's place.
  const health = await checkHealth({ ...deps, breakers: UNGUARDED }, actor, install.pluginId, traceId);
  const healthCheck = health.status === "unchecked" ? null : (health.code ?? health.status);
  return judge({ proved, state: "active", failing, good, healthCheck });
}

/** Runs the first recordings that there are. What cannot be read or compared counts for nothing. */
async function replayAll(
  deps: Deps,
  snapshot: Snapshot,
  install: SnapshotInstall,
  executionIds: readonly string[],
): Promise<Evidence> {
  let [replayed, succeeded] = [0, 0];
  for (const executionId of executionIds) {
    if (replayed === REPLAYS) break;
    const recording = await readRecording(deps, snapshot.tenantId, executionId);
    if (!recording?.exchanges || !install.functions.includes(recording.call.functionName)) continue;
    const { failure, asksOtherwise } = await runAsNow(deps, snapshot, install, recording);
    if (asksOtherwise) continue;
    replayed += 1;
    if (!failure) succeeded += 1;
  }
  return { replayed, succeeded };
}

async function readRecording(deps: Deps, tenantId: string, executionId: string): Promise<Recording | undefined> {
  try {
    return await deps.recordings.read({ tenantId, executionId });
  } catch (error) {
    if (error instanceof PlatformError) return undefined; // sealed with a key that is gone, or damaged: no evidence
    throw error;
  }
}

/** The recorded call in the code, the isolates and the limits that the install has now. */
async function runAsNow(deps: Deps, snapshot: Snapshot, install: SnapshotInstall, recording: Recording) {
  const exchanges = recording.exchanges ?? [];
  const call = { ...recording.call, limits: narrowed(recording.call.limits, install.limits) };
  const target: SnapshotInstall = { ...install, limits: call.limits, config: call.config };
  delete (target as { warm?: unknown }).warm; // a replay must not find what calls left
  const calls = new ReplayedCalls(exchanges);
  const host: CallHost = install.safeMode
    ? refusingHost(deps, snapshot, recording)
    : { bridge: new ReplayBridge(calls), ledger: { served: exchanges.length > 0 } };
  const outcome = await runCall(deps, target, call, install.suspends ? host : undefined);
  const { failure } = outcome;
  return { failure, asksOtherwise: failure !== undefined && !install.safeMode && calls.difference !== undefined };
}

/** In safe mode every capability is refused, whatever was recorded. */
function refusingHost(deps: Deps, snapshot: Snapshot, { call }: Recording): CallHost {
  const ledger = new CallLedger();
  const bridge = new CallBridge({
    context: call.context,
    grants: {},
    services: deps.capabilities,
    reach: { snapshot, callPlugin: () => Promise.reject(new TypeError("There are no grants.")) },
    ledger,
    streams: new BufferedStreams(call.input, call.limits),
  });
  return { bridge, ledger };
}
