import { describeHealth } from "../../../../durable-objects/plugin-health/client.ts";
import type { HealthDescription } from "../../../../durable-objects/plugin-health/report-rules.ts";
import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { DEFAULT_LIMITS } from "../../../../sdk/contract/limits.ts";
import type { Deps } from "../../../deps.ts";
import type { Actor } from "../../../lib/actor.ts";
import { getInstall } from "../../installs/store.ts";
import type { Install } from "../../installs/schema.ts";
import { breakerAnswer, historyAnswer, scoreVersion, versionOf, windowsAnswer } from "../answer-rules.ts";
import type { HealthAnswer, HealthSummary } from "../schema.ts";
import type { HealthStatus } from "../score-rules.ts";
import { getLastCheck, listLastChecks } from "../store.ts";

export type HealthDeps = Pick<Deps, "db" | "clock" | "recordings" | "snapshots"> & {
  readonly env: Pick<Env, "PLUGIN_HEALTH">;
};

/**
 * How an install does: its breaker and why, what became of its calls, its score with the parts.
 *
 * @throws {PlatformError} INSTALL_NOT_FOUND; HEALTH_UNAVAILABLE
 */
export async function readHealth(deps: HealthDeps, actor: Actor, pluginId: string): Promise<HealthAnswer> {
  const { tenantId } = actor;
  const install = await requireKnown(deps, tenantId, pluginId);
  const [description, check, snapshot] = await Promise.all([
    askHealth(deps, install.id),
    getLastCheck(deps.db, tenantId, install.id),
    deps.snapshots.read(tenantId),
  ]);
  const current = versionOf(description, install.version, deps.clock.now());
  const compiled = snapshot && Object.hasOwn(snapshot.installs, pluginId) ? snapshot.installs[pluginId] : undefined;
  const wallClock = compiled?.limits.wallClock ?? DEFAULT_LIMITS.wallClock;
  const { status, value, parts } = scoreVersion(description, current, wallClock, check?.selfCheck ?? "unchecked");
  const recording = await firstRecorded(deps, tenantId, current.verdict.why?.executionIds ?? []);
  return {
    pluginId,
    installId: install.id,
    version: install.version,
    state: install.state,
    status,
    score: { value, parts: [...parts] },
    breaker: breakerAnswer(current, recording),
    windows: windowsAnswer(current),
    selfCheck: check ? { status: check.selfCheck, code: check.selfCheckCode, checkedAt: check.checkedAt } : null,
    safeMode: install.safeMode,
    ...historyAnswer(description, install.version),
  };
}

/** @throws {PlatformError} HEALTH_UNAVAILABLE */
export async function askHealth({ env }: Pick<HealthDeps, "env">, installId: string): Promise<HealthDescription> {
  try {
    return await describeHealth(env.PLUGIN_HEALTH, installId);
  } catch (cause) {
    throw new PlatformError("HEALTH_UNAVAILABLE", "The install's health cannot be read.", { cause });
  }
}

/** @throws {PlatformError} INSTALL_NOT_FOUND */
export async function requireKnown(
  { db }: Pick<HealthDeps, "db">,
  tenantId: string,
  pluginId: string,
): Promise<Install> {
  const install = await getInstall(db, tenantId, pluginId);
  if (install && install.state !== "uninstalled") return install;
  throw new PlatformError("INSTALL_NOT_FOUND", `Plugin "${pluginId}" is not installed.`);
}

/** Last known health of the tenant's installs, worst first. Asks no health object. */
export async function healthSummary(
  { db }: Pick<HealthDeps, "db">,
  tenantId: string,
): Promise<{ readonly counts: Record<HealthStatus, number>; readonly items: HealthSummary[] }> {
  const items = await listLastChecks(db, tenantId);
  const counts = { healthy: 0, degraded: 0, failing: 0, unknown: 0 };
  for (const { status } of items) counts[status] += 1;
  return { counts, items: items.toSorted((one, other) => rank(one) - rank(other)) };
}

const WORST_FIRST: readonly HealthStatus[] = ["failing", "degraded", "unknown", "healthy"];

function rank({ status }: HealthSummary): number {
  return WORST_FIRST.indexOf(status);
}

async function firstRecorded(
  { recordings }: Pick<HealthDeps, "recordings">,
  tenantId: string,
  executionIds: readonly string[],
): Promise<string | null> {
  const found = await Promise.all(executionIds.map((executionId) => recordings.find({ tenantId, executionId })));
  return executionIds[found.findIndex((recording) => recording !== undefined)] ?? null;
}
