import { evaluateAll } from "./control/alerts/actions/evaluate.ts";
import { deleteSilencesBefore } from "./control/alerts/rule-store.ts";
import { deleteAlertsBefore } from "./control/alerts/store.ts";
import { keepBackups } from "./control/backups/actions/manage.ts";
import { checkAuditLogs, sealAuditLogs } from "./control/audit-log/actions.ts";
import { continueErasures } from "./control/erasures/actions/run.ts";
import { compileStaleSnapshots } from "./control/compile.ts";
import { detectAnomalies } from "./control/anomalies/actions.ts";
import { deleteAnomaliesBefore } from "./control/anomalies/store.ts";
import { runDueAudits } from "./control/audits/actions/start.ts";
import { deleteFixedBefore } from "./control/audits/finding-store.ts";
import { deleteRunsBefore } from "./control/audits/store.ts";
import { deleteDeadLettersBefore } from "./control/dead-letters/store.ts";
import { followRecentEvents } from "./control/events/actions/follow.ts";
import { tendSystem } from "./control/modes/actions.ts";
import { deleteEventsBefore } from "./control/events/store.ts";
import { deleteExecutionsBefore } from "./control/executions/store.ts";
import { rewriteOutdatedVersions } from "./control/packages/actions/rewrite-again.ts";
import { healSickInstalls } from "./control/healing/actions/run.ts";
import { deleteHealingBefore } from "./control/healing/store.ts";
import { dayOf } from "./control/grants/report-rules.ts";
import { USAGE_RETENTION_DAYS } from "./control/grants/report-schema.ts";
import { deleteUsageBefore } from "./control/grants/usage-store.ts";
import { queueDueChecks } from "./control/health/actions/check.ts";
import { deleteChecksBefore } from "./control/health/store.ts";
import { deleteMetricsBefore } from "./control/metrics/store.ts";
import { clearRemovedInstalls } from "./control/removals/actions.ts";
import { sweepIncoming } from "./control/packages/store.ts";
import { deleteDeliveriesBefore } from "./control/webhooks/delivery-store.ts";
import { applyUpdatePolicies, forgetOutlivedStorage, judgeRunningUpgrades } from "./control/upgrades/actions/watch.ts";
import {
  ANOMALY_SERIES_RETENTION_MS,
  AUDIT_RETENTION_MS,
  DEAD_LETTER_RETENTION_MS,
  EVENT_RETENTION_MS,
  EXECUTION_RETENTION_MS,
  FIXED_FINDING_RETENTION_MS,
  HEALTH_CHECK_RETENTION_MS,
  HOUR_METRICS_RETENTION_MS,
  MINUTE_METRICS_RETENTION_MS,
} from "./control/retention-rules.ts";
import type { Deps } from "./deps.ts";
import { RECORDING_RETENTION_MS } from "./execution/recording/capture-rules.ts";
import { errorText } from "./lib/error-text.ts";
import { logError } from "./lib/json-log.ts";

/** Rows deleted in one run, so that a run ends well within a query's time. */
const DELETIONS_PER_RUN = 10_000;
/** Listings of up to 1,000 recordings in one run. */
const RECORDING_PAGES_PER_RUN = 100;

export interface Job {
  readonly name: string;
  run(deps: Deps): Promise<unknown>;
}

/** What each cron expression of wrangler.toml runs, in order. */
export const SCHEDULE: Readonly<Record<string, readonly Job[]>> = {
  "* * * * *": [
    { name: "tend-system", run: (deps) => tendSystem(deps) },
    { name: "evaluate-alerts", run: (deps) => evaluateAll(deps) },
    { name: "step-canaries", run: (deps) => judgeRunningUpgrades(deps) },
    { name: "queue-health-checks", run: (deps) => queueDueChecks(deps) },
    { name: "seal-audit-logs", run: (deps) => sealAuditLogs(deps) },
    { name: "follow-events", run: (deps) => followRecentEvents(deps) },
    { name: "clear-removed-installs", run: (deps) => clearRemovedInstalls(deps) },
    { name: "detect-anomalies", run: (deps) => detectAnomalies(deps) },
    { name: "run-due-audits", run: (deps) => runDueAudits(deps) },
    { name: "heal-sick-installs", run: (deps) => healSickInstalls(deps) },
    { name: "keep-backups", run: (deps) => keepBackups(deps) },
    { name: "continue-erasures", run: (deps) => continueErasures(deps) },
  ],
  "*/15 * * * *": [
    { name: "rewrite-outdated-versions", run: (deps) => rewriteOutdatedVersions(deps) },
    { name: "check-audit-logs", run: (deps) => checkAuditLogs(deps) },
    { name: "forget-storage-of-upgrades", run: (deps) => forgetOutlivedStorage(deps) },
    { name: "apply-update-policies", run: (deps) => applyUpdatePolicies(deps) },
    { name: "compile-stale-snapshots", run: (deps) => compileStaleSnapshots(deps) },
    { name: "sweep-incoming-uploads", run: (deps) => sweepIncoming(deps) },
    {
      name: "delete-old-executions",
      run: (deps) => deleteExecutionsBefore(deps.db, deps.clock.now() - EXECUTION_RETENTION_MS, DELETIONS_PER_RUN),
    },
    {
      name: "delete-old-events",
      run: (deps) => deleteEventsBefore(deps.db, deps.clock.now() - EVENT_RETENTION_MS, DELETIONS_PER_RUN),
    },
    {
      name: "delete-old-webhook-deliveries",
      run: (deps) => deleteDeliveriesBefore(deps.db, deps.clock.now() - DEAD_LETTER_RETENTION_MS, DELETIONS_PER_RUN),
    },
    {
      name: "delete-old-healing-events",
      run: (deps) => deleteHealingBefore(deps.db, deps.clock.now() - EVENT_RETENTION_MS, DELETIONS_PER_RUN),
    },
    {
      name: "delete-old-dead-letters",
      run: (deps) => deleteDeadLettersBefore(deps.db, deps.clock.now() - DEAD_LETTER_RETENTION_MS, DELETIONS_PER_RUN),
    },
    {
      name: "delete-old-health-checks",
      run: (deps) => deleteChecksBefore(deps.db, deps.clock.now() - HEALTH_CHECK_RETENTION_MS, DELETIONS_PER_RUN),
    },
    {
      name: "delete-old-capability-usage",
      run: (deps) => deleteUsageBefore(deps.db, dayOf(deps.clock.now()) - USAGE_RETENTION_DAYS, DELETIONS_PER_RUN),
    },
    {
      name: "delete-old-metrics",
      run: (deps) => {
        const now = deps.clock.now();
        const before = { minute: now - MINUTE_METRICS_RETENTION_MS, hour: now - HOUR_METRICS_RETENTION_MS };
        return deleteMetricsBefore(deps.db, before, DELETIONS_PER_RUN);
      },
    },
    {
      name: "delete-old-alerts",
      run: (deps) => deleteAlertsBefore(deps.db, deps.clock.now() - EVENT_RETENTION_MS, DELETIONS_PER_RUN),
    },
    {
      name: "delete-old-silences",
      run: (deps) => deleteSilencesBefore(deps.db, deps.clock.now() - EVENT_RETENTION_MS),
    },
    {
      name: "delete-old-audits",
      run: (deps) => deleteRunsBefore(deps.db, deps.clock.now() - AUDIT_RETENTION_MS, DELETIONS_PER_RUN),
    },
    {
      name: "delete-old-anomalies",
      run: (deps) => {
        const now = deps.clock.now();
        const before = { anomalies: now - EVENT_RETENTION_MS, series: now - ANOMALY_SERIES_RETENTION_MS };
        return deleteAnomaliesBefore(deps.db, before, DELETIONS_PER_RUN);
      },
    },
    {
      name: "delete-fixed-findings",
      run: (deps) => deleteFixedBefore(deps.db, deps.clock.now() - FIXED_FINDING_RETENTION_MS, DELETIONS_PER_RUN),
    },
    {
      name: "delete-old-recordings",
      run: (deps) => deps.recordings.deleteBefore(deps.clock.now() - RECORDING_RETENTION_MS, RECORDING_PAGES_PER_RUN),
    },
  ],
};

/** Runs the jobs of one trigger. A job that fails stops no other; the run as a whole is then reported as failed. */
export async function runSchedule(deps: Deps, cron: string): Promise<void> {
  const failed: string[] = [];
  for (const job of SCHEDULE[cron] ?? []) {
    await job.run(deps).catch((error: unknown) => {
      failed.push(job.name);
      logError("job.failed", { job: job.name, error: errorText(error) });
    });
  }
  deps.breakers.catchUp(true);
  if (failed.length > 0) throw new Error(`Scheduled jobs failed: ${failed.join(", ")}`);
}
