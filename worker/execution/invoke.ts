import { PlatformError } from "../../sdk/contract/errors.ts";
import type { Limits } from "../../sdk/contract/limits.ts";
import type { Role } from "../../sdk/contract/roles.ts";
import type { ExecutionContext, SandboxCall, SandboxFailure, SandboxOutcome } from "../../sdk/contract/sandbox.ts";
import type { IdSource } from "../lib/ulid.ts";
import { admit, inputRefusal, withFittingOutput, type CallOptions } from "./admit.ts";
import { CallBridge } from "./bridge.ts";
import type { CallGuard, GuardedCall, Passage } from "./breaker/breakers.ts";
import { refusalOf } from "./breaker/fault-rules.ts";
import { CallLedger } from "./call-ledger.ts";
import { BufferedStreams, type CallStreams } from "./call-streams.ts";
import type { CapabilityServices } from "./capabilities/services.ts";
import type { NestedOutcome, TenantReach } from "./capabilities/capability.ts";
import { raceDeadline } from "./deadline.ts";
import { withRetries, type RetryDeps } from "./idempotency/retry.ts";
import type { CallHost, Isolates } from "./isolate.ts";
import type { OutcomeReporter } from "./outcome-reporter.ts";
import type { Recorder } from "./recording-store.ts";
import { DEFAULT_BUDGET, RequestBudget, type Allowance, type Budget } from "./request-budget.ts";
import { MOST_IN_CHAIN } from "./slots.ts";
import { keepVariables, readVariables } from "./kept-variables.ts";
import type { ConfigOpener } from "./sealed-config.ts";
import { withoutCanaries } from "./canary.ts";
import { resolve, type Target } from "./resolve.ts";
import { failedOutcome, settle, type ExecutionRecord } from "./settle.ts";
import type { Snapshot, SnapshotInstall } from "./snapshot.ts";

export interface RunDeps extends RetryDeps {
  readonly isolates: Pick<Isolates, "call">;
}

export interface InvokeDeps extends RunDeps {
  readonly outcomes: OutcomeReporter;
  readonly recorder: Recorder;
  readonly configs: ConfigOpener;
  readonly newId: IdSource;
  readonly capabilities: CapabilityServices;
  readonly breakers: CallGuard;
  /** Absent: nested calls wait for a slot of their request, or are refused. */
  readonly freshRequests?: FreshRequests | undefined;
}

/** Runs nested calls in requests of their own. */
export interface FreshRequests {
  /**
   * @returns what runs a nested call; undefined where the request at hand has a slot for it, or no other can be had. It throws
   *   as {@link invoke} does
   */
  find(): ((tenantId: string, event: NestedEvent, pool: Budget) => Promise<NestedOutcome>) | undefined;
}

export interface PluginEvent {
  readonly pluginId: string;
  readonly functionName: string | undefined;
  readonly input: Uint8Array;
  readonly options: CallOptions & { readonly logLevel: number };
  readonly subject: string;
  readonly roles: readonly Role[];
  readonly traceId: string;
  /** Assigns the call to a version while an upgrade runs; absent: the execution's id. Calls that belong together share it. */
  readonly variantKey?: string;
  /** Given where the caller needs the id before the call has ended. */
  readonly executionId?: string;
  /** What is wrong with an output that the caller cannot use: then the call has failed. Absent: any will do. */
  readonly unusable?: (output: Uint8Array) => SandboxFailure | undefined;
  /** Where input and output pass piece by piece; the input above is then empty. */
  readonly streams?: CallStreams;
  /** Execution on whose behalf the call is made, where it is nested. */
  readonly parent?: string;
  /** What the call shares with others of its request, and how many of them, itself included, begin together. */
  readonly budget?: { readonly pool: Budget; readonly among: number };
  /** Deadline of the call that waits for this one, in milliseconds since the epoch; absent: none does. */
  readonly waitedForUntil?: number;
  /** Messages of the bus that led to this call, this one included; absent: none did. */
  readonly hops?: number;
  /** Plugin that calls a service of this one. */
  readonly callingPlugin?: string;
  /** Plugins that wait for this call, the outermost first; absent: none. */
  readonly callers?: readonly string[];
  /** What middleware noted about the request. */
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A call that a plugin's call makes; structured-clonable. */
export type NestedEvent = Omit<PluginEvent, "budget" | "streams" | "unusable">;

export interface Invocation {
  readonly record: ExecutionRecord;
  readonly outcome: SandboxOutcome;
}

const SEED_BYTES = 32;

/**
 * Runs one function of an installed plugin: resolve → admit → breaker → isolate → call → settle. While warm it touches no
 * D1, no Durable Object unless the install keeps its variables, and R2 only when the isolate is cold.
 *
 * @returns what happened, the guest's failures included
 * @throws {PlatformError} where no call was made: INSTALL_NOT_FOUND, PLUGIN_INACTIVE, FUNCTION_NOT_FOUND, REQUEST_INVALID;
 *   CONFIG_KEY_UNKNOWN, CONFIG_UNREADABLE or NOT_READY where a secret of the configuration cannot be opened
 */
export async function invoke(deps: InvokeDeps, snapshot: Snapshot, event: PluginEvent): Promise<Invocation> {
  const executionId = event.executionId ?? deps.newId();
  const target = requireTarget(snapshot, event, executionId);
  const admission = admit(target.install.limits, event.options, event.input.byteLength);
  if ("issues" in admission)
    throw new PlatformError("REQUEST_INVALID", "An option is not valid.", { issues: admission.issues });

  const opening = deps.configs.open(snapshot.tenantId, target.install);
  const config = opening instanceof Promise ? await opening : opening;
  const { installId, persistVariables } = target.install;
  const owner = { tenantId: snapshot.tenantId, installId };
  const variables = persistVariables && (await readVariables(deps.capabilities, owner));
  const now = deps.clock.now();
  const admitted = inputRefusal(target, event, admission) ?? admission;
  const granted = "limits" in admitted ? await withinBudget(event, admitted.limits, now) : admitted;
  const limits = "limits" in granted ? granted.limits : target.install.limits;
  const context = contextOf(snapshot, event, target, executionId, now + limits.wallClock);
  const call: SandboxCall = {
    executionId,
    functionName: target.functionName,
    input: event.input,
    config: config.texts,
    configJsonNames: config.jsonNames,
    limits,
    logLevel: event.options.logLevel,
    now,
    randomSeed: deps.randomBytes(SEED_BYTES),
    context,
    ...(variables ? { variables } : {}),
  };
  const ledger = new CallLedger();
  const streams = event.streams ?? new BufferedStreams(event.input, limits);
  const { passage, ended } =
    "failure" in granted
      ? { passage: undefined, ended: failedOutcome(granted.failure) }
      : await runGuarded(deps, snapshot, event, target.install, call, { ledger, streams, granted });
  if (passage?.admitted === false && isCandidate(snapshot, target)) {
    return invoke(deps, withoutCanaries(snapshot), { ...event, executionId });
  }
  const fitting = withFittingOutput(target, ended);
  const kept = variables ? await keepVariables(deps.capabilities, owner, fitting) : fitting;
  const outcome = usable(event, streams.finish(kept));
  // What is replayed runs without the check, so it is recorded as it ran.
  const ran = fitting === ended ? kept : ended;

  const record = tell(deps, snapshot, event, target, { call, outcome, ran, passage, ledger, streams });
  return { record, outcome };
}

/** What a plugin returned and its caller cannot use counts as a failure wherever it is told of. */
function usable({ unusable }: PluginEvent, outcome: SandboxOutcome): SandboxOutcome {
  if (!unusable || outcome.failure) return outcome;
  const failure = unusable(outcome.output ?? new Uint8Array());
  return failure ? { ...outcome, output: undefined, failure } : outcome;
}

/** @throws {PlatformError} INSTALL_NOT_FOUND, PLUGIN_INACTIVE, FUNCTION_NOT_FOUND */
function requireTarget(snapshot: Snapshot, event: PluginEvent, executionId: string): Target {
  const { pluginId, functionName, subject, streams, variantKey: key = executionId } = event;
  const resolution = resolve(snapshot, pluginId, functionName, { key, subject, streams: streams !== undefined });
  if ("refused" in resolution) throw new PlatformError(resolution.refused, resolution.detail);
  return resolution.target;
}

/** True for a version that an upgrade tries: where its breaker is open the installed one runs, and the call does not fail. */
function isCandidate({ installs }: Snapshot, { install }: Target): boolean {
  return installs[install.pluginId] !== install;
}

function contextOf(
  { tenantId }: Snapshot,
  { subject, roles, traceId, hops, callingPlugin, annotations }: PluginEvent,
  { install: { installId, pluginId, version } }: Target,
  executionId: string,
  deadline: number,
): ExecutionContext {
  return {
    tenantId,
    subject,
    roles,
    installId,
    pluginId,
    version,
    executionId,
    traceId,
    deadline,
    ...(hops ? { hops } : {}),
    ...(callingPlugin === undefined ? {} : { callingPlugin }),
    ...(annotations ? { annotations } : {}),
  };
}

interface FinishedCall {
  readonly call: SandboxCall;
  readonly outcome: SandboxOutcome;
  /** The same before what passed through streams was added. */
  readonly ran: SandboxOutcome;
  /** Absent where no breaker was asked. */
  readonly passage: Passage | undefined;
  readonly ledger: CallLedger;
  readonly streams: CallStreams;
}

/** Hands a finished call to all who keep something of it, behind the answer. */
function tell(
  deps: InvokeDeps,
  snapshot: Snapshot,
  { subject, traceId, streams: piped }: PluginEvent,
  target: Target,
  { call, outcome, ran, passage, ledger, streams }: FinishedCall,
): ExecutionRecord {
  const { tenantId } = snapshot;
  const { install } = target;
  const durationMs = deps.clock.now() - call.now;
  const { exchanges, used } = ledger;
  const recorded = deps.recorder.capture({ tenantId, install, call, outcome: ran, exchanges });
  const record = settle({ tenantId, subject, traceId, target, call, outcome, durationMs, streams, recorded, ...used });
  deps.outcomes.report(record);
  if (passage) {
    const ended = { passage, failure: outcome.failure, durationMs, isStreamed: piped !== undefined };
    deps.breakers.settle({ ...guardedCall(snapshot, install, call), ...ended });
  }
  return record;
}

function guardedCall({ tenantId }: Snapshot, install: SnapshotInstall, call: SandboxCall): GuardedCall {
  return { tenantId, install, executionId: call.executionId, limits: call.limits };
}

/** Runs an admitted call, unless a breaker refuses it. */
async function runGuarded(
  deps: InvokeDeps,
  snapshot: Snapshot,
  event: PluginEvent,
  install: SnapshotInstall,
  call: SandboxCall,
  parts: { readonly ledger: CallLedger; readonly streams: CallStreams; readonly granted: Allowance },
): Promise<{ readonly passage: Passage; readonly ended: SandboxOutcome }> {
  const asked = deps.breakers.admit(guardedCall(snapshot, install, call));
  const passage = asked instanceof Promise ? await asked : asked;
  const outcome = passage.admitted
    ? await runBridged(deps, snapshot, event, install, call, parts)
    : failedOutcome(refusalOf(passage.verdict, install.pluginId, call.now));
  return { passage, ended: await parts.granted.close(outcome) };
}

/** Only a plugin that can wait can call a capability; the rest are spared the bridge. */
async function runBridged(
  deps: InvokeDeps,
  snapshot: Snapshot,
  event: PluginEvent,
  install: SnapshotInstall,
  call: SandboxCall,
  { ledger, streams }: { readonly ledger: CallLedger; readonly streams: CallStreams },
): Promise<SandboxOutcome> {
  const { parent } = event;
  if (!install.suspends) return runCall(deps, install, call, undefined, parent);
  const { context } = call;
  const reach = reachOf(deps, snapshot, event, context);
  const bridge = new CallBridge({
    context,
    grants: install.grants,
    services: deps.capabilities,
    reach,
    ledger,
    streams,
  });
  try {
    return await runCall(deps, install, call, { bridge, ledger }, parent);
  } finally {
    CallBridge.end(bridge);
  }
}

/** Calls that a plugin makes share the budget of its request, or else one of their own. */
function reachOf(
  deps: InvokeDeps,
  snapshot: Snapshot,
  { budget, hops, subject, roles, traceId, options, annotations, variantKey, callers = [] }: PluginEvent,
  { executionId, pluginId: callingPlugin, deadline }: ExecutionContext,
): TenantReach {
  let pool = budget?.pool;
  const chain = [...callers, callingPlugin];
  return {
    snapshot,
    callPlugin: async (pluginId, functionName, input) => {
      requireRoomInChain(chain, pluginId);
      pool ??= new RequestBudget(DEFAULT_BUDGET, deps.clock.now());
      const nested: NestedEvent = {
        pluginId,
        functionName,
        input,
        options: { logLevel: options.logLevel },
        waitedForUntil: deadline,
        subject,
        roles,
        traceId,
        parent: executionId,
        callers: chain,
        callingPlugin,
        variantKey: variantKey ?? executionId,
        ...(hops === undefined ? {} : { hops }),
        ...(annotations ? { annotations } : {}),
      };
      const callElsewhere = deps.freshRequests?.find();
      if (callElsewhere) return callElsewhere(snapshot.tenantId, nested, pool);
      const { outcome, record } = await invoke(deps, snapshot, { ...nested, budget: { pool, among: 1 } });
      return { output: outcome.output, failure: outcome.failure, executionId: record.id };
    },
  };
}

/** A plugin that waits for a call must not be called by it; but a plugin may call a service of its own. */
function requireRoomInChain(chain: readonly string[], pluginId: string): void {
  const path = [...chain, pluginId].join(" > ");
  if (chain.slice(0, -1).includes(pluginId)) {
    throw new PlatformError("NESTING_EXCEEDED", `Plugins call each other in a circle: ${path}.`);
  }
  if (chain.length >= MOST_IN_CHAIN) {
    throw new PlatformError(
      "NESTING_EXCEEDED",
      `At most ${MOST_IN_CHAIN} plugins may call one another in a chain: ${path}.`,
    );
  }
}

/** The call's limits, no longer than its caller waits and as far as its budget goes. */
function withinBudget(
  { budget, waitedForUntil: until }: PluginEvent,
  own: Limits,
  now: number,
): ReturnType<Budget["open"]> {
  const limits = until === undefined ? own : { ...own, wallClock: Math.max(1, Math.min(own.wallClock, until - now)) };
  return budget ? budget.pool.open(limits, now, budget.among) : { limits, close: (outcome) => outcome };
}

/**
 * Runs an admitted call, and tries again within its deadline where the platform failed. A platform failure that stays is
 * an outcome too, so that it is recorded like any other.
 */
export async function runCall(
  deps: RunDeps,
  install: SnapshotInstall,
  call: SandboxCall,
  host?: CallHost,
  parent?: string,
): Promise<SandboxOutcome> {
  const deadline = deps.clock.now() + call.limits.wallClock;
  try {
    const outcome = withRetries(deps, deadline, () => deps.isolates.call(install, call, host, parent));
    return await raceDeadline(outcome, call.limits);
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    return failedOutcome({ code: error.code, detail: error.message });
  }
}
