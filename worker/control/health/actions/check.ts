import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { LIFECYCLE_FUNCTIONS } from "../../../../sdk/contract/manifest-offers.ts";
import { commit } from "../../../db/client.ts";
import type { Deps } from "../../../deps.ts";
import { invoke, type InvokeDeps } from "../../../execution/invoke.ts";
import type { Snapshot, SnapshotInstall } from "../../../execution/snapshot.ts";
import { errorText } from "../../../lib/error-text.ts";
import { logError } from "../../../lib/json-log.ts";
import { newEvent, SYSTEM_SUBJECT } from "../../events/rules.ts";
import { recordEvent } from "../../events/store.ts";
import { readSettings } from "../../settings/store.ts";
import { readHealthReport } from "../../lifecycle/report-rules.ts";
import { lifecycleTimeout } from "../../lifecycle/rules.ts";
import { errorRate, latencyOf, scoreVersion, versionOf } from "../answer-rules.ts";
import type { DueChecks } from "../check-record.ts";
import type { CheckStatus } from "../score-rules.ts";
import { getLastCheck, insertCheck, listDueInstalls, type HealthCheckRow } from "../store.ts";
import { askHealth, type HealthDeps } from "./read.ts";

export type CheckDeps = HealthDeps & InvokeDeps & Pick<Deps, "newId">;

/** Installs that one run of the cron job queues, and those of one tenant that one message names. */
const DUE_PER_RUN = 500;
const PER_MESSAGE = 10;
/** Most messages of one call to a queue. */
const BATCH = 100;
const LOG_LEVEL_INFO = 2;

/** How often the health of an active install is checked, in milliseconds. */
async function checkPeriod(deps: Pick<Deps, "db">): Promise<number> {
  return (await readSettings(deps.db)).migration.healthCheckMinutes * 60_000;
}

/** Queues the installs whose check is due, so that many consumers share the work. */
export async function queueDueChecks(
  deps: Pick<Deps, "db" | "clock"> & { readonly env: Pick<Env, "HEALTH_CHECKS"> },
): Promise<number> {
  const due = await listDueInstalls(deps.db, deps.clock.now() - (await checkPeriod(deps)), DUE_PER_RUN);
  const messages: DueChecks[] = [];
  for (const [tenantId, installs] of Map.groupBy(due, (install) => install.tenantId)) {
    const pluginIds = installs.map(({ pluginId }) => pluginId);
    for (let start = 0; start < pluginIds.length; start += PER_MESSAGE) {
      messages.push({ tenantId, pluginIds: pluginIds.slice(start, start + PER_MESSAGE) });
    }
  }
  for (let start = 0; start < messages.length; start += BATCH) {
    await deps.env.HEALTH_CHECKS.sendBatch(messages.slice(start, start + BATCH).map((body) => ({ body })));
  }
  return due.length;
}

/** Checks what messages name. An install that cannot be checked now is due again at the next run, so no message comes back. */
export async function checkDue(deps: CheckDeps, { messages }: MessageBatch<DueChecks>): Promise<void> {
  const every = await checkPeriod(deps);
  for (const message of messages) {
    for (const pluginId of message.body.pluginIds) {
      const { tenantId } = message.body;
      await checkInstall(deps, tenantId, pluginId, every).catch((error: unknown) =>
        logError("health.not-checked", { tenantId, pluginId, error: errorText(error) }),
      );
    }
    message.ack();
  }
}

/**
 * Takes one sample: what the health object knows, and what the plugin says of itself. The log is told where the status is
 * another than last time.
 *
 * @param every  milliseconds between two samples
 * @returns undefined where the install is not active, or was checked a moment ago
 */
export async function checkInstall(
  deps: CheckDeps,
  tenantId: string,
  pluginId: string,
  every: number,
): Promise<HealthCheckRow | undefined> {
  const snapshot = await deps.snapshots.read(tenantId);
  const install = snapshot && Object.hasOwn(snapshot.installs, pluginId) ? snapshot.installs[pluginId] : undefined;
  if (!snapshot || snapshot.status !== "active" || install?.state !== "active") return undefined;
  const last = await getLastCheck(deps.db, tenantId, install.installId);
  if (last && deps.clock.now() - last.checkedAt < every) return undefined;
  const { selfCheck, selfCheckCode } = await askPlugin(deps, snapshot, install);
  const row = await sample(deps, tenantId, install, { selfCheck, selfCheckCode });
  const { status, checkedAt } = row;
  if (last?.status === status) {
    await commit(deps.db, insertCheck(deps.db, row));
    return row;
  }
  const reason = reasonOf(row);
  const data = { installId: install.installId, status, ...(reason === undefined ? {} : { reason }) };
  const shared = { id: deps.newId(), tenantId, pluginId, subject: SYSTEM_SUBJECT, createdAt: checkedAt };
  const event = newEvent({ ...shared, type: "health.checked", data });
  await commit(deps.db, insertCheck(deps.db, row), recordEvent(deps.db, event));
  return row;
}

type SelfCheck = Pick<HealthCheckRow, "selfCheck" | "selfCheckCode">;

async function sample(
  deps: CheckDeps,
  tenantId: string,
  { installId, pluginId, version, limits }: SnapshotInstall,
  self: SelfCheck,
): Promise<HealthCheckRow> {
  const checkedAt = deps.clock.now();
  const description = await askHealth(deps, installId);
  const current = versionOf(description, version, checkedAt);
  const { status, value } = scoreVersion(description, current, limits.wallClock, self.selfCheck);
  const { hour } = current.windows;
  return {
    id: deps.newId(),
    tenantId,
    installId,
    pluginId,
    version,
    status,
    score: value,
    breaker: current.verdict.state,
    calls: hour.calls,
    errorRate: errorRate(hour),
    p95Ms: latencyOf(hour, 0.95),
    uptime: description.uptime.day,
    ...self,
    checkedAt,
  };
}

/** The plugin's own `health_check`. One that returns is healthy, unless its JSON says `healthy: false`. */
async function askPlugin(deps: CheckDeps, snapshot: Snapshot, install: SnapshotInstall): Promise<SelfCheck> {
  const functionName = LIFECYCLE_FUNCTIONS.healthCheck;
  if (!install.functions.includes(functionName)) return { selfCheck: "unchecked", selfCheckCode: null };
  try {
    const { outcome } = await invoke(deps, snapshot, {
      pluginId: install.pluginId,
      functionName,
      input: new Uint8Array(),
      options: { logLevel: LOG_LEVEL_INFO, timeoutMs: lifecycleTimeout(install) },
      subject: SYSTEM_SUBJECT,
      roles: [],
      traceId: traceIdOf(deps),
    });
    if (outcome.failure) return { selfCheck: "unhealthy", selfCheckCode: outcome.failure.code };
    const status: CheckStatus = readHealthReport(outcome.output).isHealthy ? "healthy" : "unhealthy";
    return { selfCheck: status, selfCheckCode: null };
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    return { selfCheck: "unhealthy", selfCheckCode: error.code };
  }
}

function traceIdOf({ randomBytes }: Pick<CheckDeps, "randomBytes">): string {
  return Array.from(randomBytes(16), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function reasonOf({ breaker, selfCheck, selfCheckCode, errorRate: rate }: HealthCheckRow): string | undefined {
  if (breaker !== "closed") return `its breaker is ${breaker}`;
  if (selfCheck === "unhealthy") return `its health_check ${selfCheckCode ? `failed: ${selfCheckCode}` : "says so"}`;
  return rate ? `${(100 * rate).toFixed(1)} % of its calls failed in an hour` : undefined;
}
