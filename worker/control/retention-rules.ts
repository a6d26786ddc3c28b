import { RECORDING_RETENTION_MS } from "../execution/recording/capture-rules.ts";
import { USAGE_RETENTION_DAYS } from "./grants/report-schema.ts";

export const DAY_MS = 24 * 3_600_000;

/** How long execution records are kept. */
export const EXECUTION_RETENTION_MS = 30 * DAY_MS;
/** What is usual of an install's calls, since they stopped. */
export const ANOMALY_SERIES_RETENTION_MS = 7 * DAY_MS;
/** Audits, and findings after they were fixed. */
export const AUDIT_RETENTION_MS = 30 * DAY_MS;
export const FIXED_FINDING_RETENTION_MS = 90 * DAY_MS;
/** How long events, anomalies, and alerts and silences that are over, are kept. */
export const EVENT_RETENTION_MS = 90 * DAY_MS;
/** How long dead letters and deliveries to webhooks and addresses are kept. */
export const DEAD_LETTER_RETENTION_MS = 30 * DAY_MS;
/** How long metrics of plugins are kept. */
export const MINUTE_METRICS_RETENTION_MS = 2 * DAY_MS;
export const HOUR_METRICS_RETENTION_MS = 90 * DAY_MS;

/** Kinds of data and how many days each is kept; null: as long as the tenant is there. */
export const RETENTION: readonly { readonly data: string; readonly days: number | null }[] = [
  { data: "audit log", days: null },
  { data: "execution records", days: EXECUTION_RETENTION_MS / DAY_MS },
  { data: "audits", days: AUDIT_RETENTION_MS / DAY_MS },
  { data: "findings after they were fixed", days: FIXED_FINDING_RETENTION_MS / DAY_MS },
  { data: "recordings of failed calls", days: RECORDING_RETENTION_MS / DAY_MS },
  { data: "events, anomalies, alerts and silences that are over", days: EVENT_RETENTION_MS / DAY_MS },
  { data: "dead letters; deliveries to webhooks and addresses", days: DEAD_LETTER_RETENTION_MS / DAY_MS },
  { data: "use of capabilities, by day", days: USAGE_RETENTION_DAYS },
  { data: "plugins' metrics by minute", days: MINUTE_METRICS_RETENTION_MS / DAY_MS },
  { data: "plugins' metrics by hour", days: HOUR_METRICS_RETENTION_MS / DAY_MS },
];
/** How long samples of installs' health are kept. */
export const HEALTH_CHECK_RETENTION_MS = 7 * DAY_MS;
