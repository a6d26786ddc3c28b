import { PlatformError } from "../../../sdk/contract/errors.ts";
import { LIFECYCLE_FUNCTIONS } from "../../../sdk/contract/manifest-offers.ts";
import { commit } from "../../db/client.ts";
import type { Deps } from "../../deps.ts";
import { withoutCanaries } from "../../execution/canary.ts";
import { invoke, type Invocation, type InvokeDeps } from "../../execution/invoke.ts";
import type { Snapshot, SnapshotInstall } from "../../execution/snapshot.ts";
import type { Actor } from "../../lib/actor.ts";
import { auditRow } from "../audit-log/rules.ts";
import { recordAudit } from "../audit-log/store.ts";
import { compileSnapshot, type CompileDeps } from "../compile.ts";
import { newEvent, type NewEvent } from "../events/rules.ts";
import { recordEvent } from "../events/store.ts";
import { FIRST_INSTANCE_STATE, type InstanceState } from "../installs/rules.ts";
import { readHealthReport } from "./report-rules.ts";
import {
  LIFECYCLE_STEPS,
  hasLifecycle,
  lifecycleOrder,
  lifecycleTimeout,
  stateAfter,
  type LifecyclePhase,
} from "./rules.ts";
import type { LifecycleResult } from "./schema.ts";
import { readInstanceState } from "./store.ts";

export type LifecycleDeps = InvokeDeps & CompileDeps & Pick<Deps, "newId">;

/** On whose behalf lifecycle functions are called, and of which tenant. */
export interface LifecycleCaller {
  readonly tenantId: string;
  readonly subject: string;
  readonly traceId: string;
}

const LOG_LEVEL_INFO = 2;

/**
 * Calls the lifecycle functions of a tenant's active plugins one after the other: to start in order of class, priority and plugin
 * id, to stop in reverse. What fails stops no other; each move of an instance is an event.
 *
 * @param pluginIds  absent: all
 * @param snapshot   as it was before a change that took the plugins away; absent: as it is now
 */
export async function runLifecycle(
  deps: LifecycleDeps,
  caller: LifecycleCaller,
  phase: LifecyclePhase,
  { pluginIds, snapshot }: { readonly pluginIds?: readonly string[]; readonly snapshot?: Snapshot } = {},
): Promise<readonly LifecycleResult[]> {
  // What begins and ends is the installed version; a candidate of an upgrade only takes calls.
  const current = withoutCanaries(snapshot ?? (await compileSnapshot(deps, caller.tenantId)));
  const wanted = Object.values(current.installs).filter(({ pluginId }) => pluginIds?.includes(pluginId) ?? true);
  const results: LifecycleResult[] = [];
  for (const install of lifecycleOrder(wanted, phase)) {
    results.push(await runInstance({ deps, caller, snapshot: current, install }, phase));
  }
  return results;
}

/**
 * Makes a change that may take active plugins away or replace them: what ran and is gone, or has another version, is stopped as it
 * was, and what is active then is started.
 *
 * @param stopsFirst  for a change after which a plugin has nothing left to clean up
 */
export async function aroundChange<Result>(
  deps: LifecycleDeps,
  caller: LifecycleCaller,
  pluginId: string,
  change: () => Promise<Result>,
  stopsFirst = false,
): Promise<Result> {
  const snapshot = await compileSnapshot(deps, caller.tenantId);
  const before = { pluginIds: [pluginId], snapshot };
  if (stopsFirst) await runLifecycle(deps, caller, "stop", before);
  const result = await change();
  const after = await compileSnapshot(deps, caller.tenantId);
  const [old, now] = [snapshot, after].map(({ installs }) =>
    Object.hasOwn(installs, pluginId) && installs[pluginId]?.state === "active" ? installs[pluginId] : undefined,
  );
  if (old && old.version !== now?.version) await runLifecycle(deps, caller, "stop", before);
  if (now) await runLifecycle(deps, caller, "start", { pluginIds: [pluginId], snapshot: after });
  return result;
}

/** {@link runLifecycle} for all plugins of the actor's tenant, with a row in the audit log. */
export async function runAll(
  deps: LifecycleDeps,
  actor: Actor,
  phase: LifecyclePhase,
  traceId: string,
): Promise<readonly LifecycleResult[]> {
  const { tenantId, subject } = actor;
  const results = await runLifecycle(deps, { tenantId, subject, traceId }, phase);
  const after = results.map(({ pluginId, state }) => ({ pluginId, state }));
  const change = { action: `lifecycle.${phase}`, resourceId: tenantId, after } as const;
  await commit(deps.db, recordAudit(deps.db, [auditRow(actor, change, deps.newId(), deps.clock.now())]));
  return results;
}

interface Instance {
  readonly deps: LifecycleDeps;
  readonly caller: LifecycleCaller;
  readonly snapshot: Snapshot;
  readonly install: SnapshotInstall;
}

/** An instance that is where the phase leads stays there; one that never ran has nothing to stop. */
async function runInstance(instance: Instance, phase: LifecyclePhase): Promise<LifecycleResult> {
  const { deps, caller, install } = instance;
  const { pluginId, version, installId } = install;
  const known = await readInstanceState(deps.db, { tenantId: caller.tenantId, pluginId, installId });
  if (phase === "start" && known === "running") return { pluginId, version, state: known };
  if (phase === "stop" && known !== "running" && known !== "starting") {
    return { pluginId, version, state: known ?? "stopped" };
  }
  let state: InstanceState = known ?? FIRST_INSTANCE_STATE;
  if (phase === "start") {
    await record(instance, moved(instance, known, FIRST_INSTANCE_STATE));
    state = FIRST_INSTANCE_STATE;
  }
  for (const { before, functionName, after } of LIFECYCLE_STEPS[phase]) {
    if (before) {
      await record(instance, moved(instance, state, stateAfter(before)));
      state = stateAfter(before);
    }
    const failure = install.functions.includes(functionName) ? await callFunction(instance, functionName) : undefined;
    if (failure) {
      await record(instance, failed(instance, state, functionName, failure.code));
      return { pluginId, version, state: "error", code: failure.code, detail: failure.detail };
    }
    await record(instance, moved(instance, state, stateAfter(after)));
    state = stateAfter(after);
  }
  return { pluginId, version, state };
}

interface Failure {
  readonly code: string;
  readonly detail: string;
}

async function callFunction(instance: Instance, functionName: string): Promise<Failure | undefined> {
  try {
    return (await call(instance, functionName)).outcome.failure;
  } catch (error) {
    if (error instanceof PlatformError) return { code: error.code, detail: error.message };
    throw error;
  }
}

function call({ deps, caller, snapshot, install }: Instance, functionName: string): Promise<Invocation> {
  return invoke(deps, snapshot, {
    pluginId: install.pluginId,
    functionName,
    input: new Uint8Array(),
    options: { logLevel: LOG_LEVEL_INFO, timeoutMs: lifecycleTimeout(install) },
    subject: caller.subject,
    roles: [],
    traceId: caller.traceId,
  });
}

async function record({ deps }: Instance, event: NewEvent): Promise<void> {
  await recordEvent(deps.db, event);
}

function moved(instance: Instance, from: InstanceState | undefined, to: InstanceState): NewEvent {
  const { installId, version } = instance.install;
  return newEvent({ ...shared(instance), type: "instance.moved", data: { installId, version, from, to } });
}

function failed(instance: Instance, from: InstanceState, functionName: string, code: string): NewEvent {
  const { installId, version } = instance.install;
  const data = { installId, version, from, to: "error", functionName, code };
  return newEvent({ ...shared(instance), type: "instance.failed", data });
}

function shared({ deps, caller, install }: Instance) {
  const { tenantId, subject } = caller;
  return { id: deps.newId(), tenantId, pluginId: install.pluginId, subject, createdAt: deps.clock.now() };
}

/** How a plugin says it is. */
export interface HealthCheck {
  readonly pluginId: string;
  readonly version: string;
  readonly status: "healthy" | "unhealthy" | "unchecked";
  readonly state: InstanceState | null;
  readonly report: unknown;
  readonly code?: string;
  readonly detail?: string;
  readonly durationMs: number;
}

/**
 * Calls the plugin's `health_check`. A plugin that returns is healthy, unless its JSON says `healthy: false`.
 *
 * @throws {PlatformError} INSTALL_NOT_FOUND, PLUGIN_INACTIVE
 */
export async function checkHealth(
  deps: LifecycleDeps,
  actor: Actor,
  pluginId: string,
  traceId: string,
): Promise<HealthCheck> {
  const { tenantId, subject } = actor;
  const snapshot = await compileSnapshot(deps, tenantId);
  const install = Object.hasOwn(snapshot.installs, pluginId) ? snapshot.installs[pluginId] : undefined;
  if (!install) throw new PlatformError("INSTALL_NOT_FOUND", `Plugin "${pluginId}" is not installed.`);
  if (install.state !== "active")
    throw new PlatformError("PLUGIN_INACTIVE", `Plugin "${pluginId}" is ${install.state}.`);
  const { version, installId } = install;
  const state = hasLifecycle(install) ? await readInstanceState(deps.db, { tenantId, pluginId, installId }) : undefined;
  const shown = { pluginId, version, state: state ?? null };
  if (!install.functions.includes(LIFECYCLE_FUNCTIONS.healthCheck)) {
    return { ...shown, status: "unchecked", report: null, durationMs: 0 };
  }
  const instance = { deps, caller: { tenantId, subject, traceId }, snapshot, install };
  const { outcome, record: execution } = await call(instance, LIFECYCLE_FUNCTIONS.healthCheck);
  const { report, isHealthy } = readHealthReport(outcome.output);
  const { durationMs } = execution;
  if (outcome.failure) {
    const { code, detail } = outcome.failure;
    return { ...shown, status: "unhealthy", report: null, code, detail, durationMs };
  }
  return { ...shown, status: isHealthy ? "healthy" : "unhealthy", report, durationMs };
}
