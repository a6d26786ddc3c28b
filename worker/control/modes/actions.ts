import type { InferInput } from "valibot";
import { systemModeOf } from "../../../durable-objects/system-mode/client.ts";
import {
  GOOD_PROBES,
  PROBE_PAUSE_MS,
  type ModeMove,
  type ModeState,
} from "../../../durable-objects/system-mode/rules.ts";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import type { Deps } from "../../deps.ts";
import { isToldEvent } from "../../execution/outcome-reporter.ts";
import { drainOutcomes } from "../../execution/spilled-outcomes.ts";
import type { Actor } from "../../lib/actor.ts";
import { errorText } from "../../lib/error-text.ts";
import { logError } from "../../lib/json-log.ts";
import { auditRow, type NewAuditRow } from "../audit-log/rules.ts";
import { judgeEnvironment } from "../environment/actions.ts";
import { listErasedAmong } from "../erasures/store.ts";
import { newEvent, SYSTEM_SUBJECT, type NewEvent } from "../events/rules.ts";
import { storeOutcomes } from "../executions/actions.ts";
import { readSettings } from "../settings/store.ts";
import { judgeUpgrades, takeBackStopped } from "../upgrades/actions/watch.ts";
import { probeSystem } from "../system-health/probes.ts";
import type { ModeAnswer, ModeBody, ProbesAnswer, StatusAnswer } from "./schema.ts";
import { recordMove } from "./store.ts";

export type ModeDeps = Pick<Deps, "db" | "modes" | "clock" | "newId" | "pause" | "env" | "defer">;

export function describeMode(state: ModeState): InferInput<typeof ModeAnswer> {
  const { mode, since, reason, cause, lost, threshold, autoRecovery } = state;
  return { mode, since, reason, cause, lost: [...lost], threshold, autoRecovery };
}

/** Mode and deployment. Answers while the database is away. */
export async function describeStatus(deps: ModeDeps, region: string | null): Promise<InferInput<typeof StatusAnswer>> {
  const environment = await judgeEnvironment(deps).catch((error: unknown) => {
    logError("environment.unjudged", { error: errorText(error) });
    return null;
  });
  const state = await deps.modes.refresh();
  const unrecorded = await systemModeOf(deps.env.SYSTEM_MODE)
    .untold()
    .catch(() => []);
  return { ...describeMode(state), region, environment, unrecorded: unrecorded.length };
}

/** Every probe of the platform, now. */
export async function describeProbes(deps: ModeDeps): Promise<InferInput<typeof ProbesAnswer>> {
  const probes = await probeSystem(deps);
  const worst = (["down", "degraded"] as const).find((status) => probes.some((probe) => probe.status === status));
  return { mode: deps.modes.known.mode, status: worst ?? "ok", probes: [...probes] };
}

/** An operator decides on the mode. Works while the database is away: the trace is then recorded once it is back. */
export async function changeMode(
  deps: ModeDeps,
  actor: Actor,
  choice: ModeBody,
): Promise<InferInput<typeof ModeAnswer>> {
  const { tenantId, subject, roles, traceId } = actor;
  const by = { tenantId, subject, roles, ...(traceId === undefined ? {} : { traceId }) };
  const state = await deps.modes.change((object, moment) => object.choose(choice, by, moment));
  await recordMoves(deps).catch((error: unknown) => logError("mode.not-recorded", { error: errorText(error) }));
  return describeMode(state);
}

/** Records the changes of mode that are not recorded yet, in order, each once. */
export async function recordMoves(deps: Pick<ModeDeps, "db" | "env" | "newId">): Promise<void> {
  const object = systemModeOf(deps.env.SYSTEM_MODE);
  const moves = await object.untold();
  for (const moved of moves) {
    await recordMove(deps.db, moved.id, eventsOf(moved, deps.newId), auditOf(moved, deps.newId));
    await object.told([moved.id]);
  }
}

function eventsOf({ id, from, to, at, reason, cause, by }: ModeMove, newId: ModeDeps["newId"]): NewEvent[] {
  const told = { tenantId: PLATFORM_TENANT, pluginId: null, subject: by?.subject ?? SYSTEM_SUBJECT, createdAt: at };
  const changed = newEvent({ ...told, id, type: "mode.changed", data: { from, to, cause, reason } });
  if (to !== "emergency") return [changed];
  return [newEvent({ ...told, id: newId(), type: "backup.requested", data: { reason } }), changed];
}

function auditOf({ from, to, at, reason, by }: ModeMove, newId: ModeDeps["newId"]): NewAuditRow[] {
  if (!by) return [];
  const [before, after] = [{ mode: from }, { mode: to, reason }];
  const change = { action: "mode.change", resourceId: "platform", before, after, tenantId: PLATFORM_TENANT } as const;
  return [auditRow(by, change, newId(), at)];
}

/**
 * What the cron job does every minute: probes the stores, ends a mode that may end, holds the deployment against the data,
 * records changes of mode, stores outcomes that waited in R2, and tells the mode object of the settings.
 */
export async function tendSystem(deps: Deps): Promise<void> {
  let state = await deps.modes.refresh();
  for (let probes = 0; probes === 0 || (probes <= GOOD_PROBES && state.mode !== "normal"); probes++) {
    if (probes > 0) await deps.pause(PROBE_PAUSE_MS);
    state = await deps.modes.probe();
  }
  if (state.lost.includes("database")) return;
  const { migration } = await readSettings(deps.db);
  const { emergencyErrorThreshold: threshold, autoRecovery } = migration;
  if (threshold !== state.threshold || autoRecovery !== state.autoRecovery) {
    await deps.modes.change((object) => object.learn({ threshold, autoRecovery }));
  }
  await judgeEnvironment(deps, "always");
  await recordMoves(deps);
  await drainOutcomes(deps.env.STORE, async (waiting) => {
    const erased = await listErasedAmong(deps.db, [...new Set(waiting.map(({ tenantId }) => tenantId))]);
    const outcomes = waiting.filter(({ tenantId }) => !erased.has(tenantId));
    await judgeUpgrades(deps, await storeOutcomes(deps, outcomes));
    await takeBackStopped(deps, outcomes.filter(isToldEvent));
  });
}
