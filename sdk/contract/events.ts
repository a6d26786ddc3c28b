import * as v from "valibot";

/**
 * Catalogue of events: what is kept in a tenant's log, streamed and sent to webhooks. Ids are public and stable: never
 * rename, never reuse. Data is flat, and holds names, ids, codes and counts: never configuration, input or output.
 */

/** How much attention an event asks for. */
export type Severity = "info" | "notice" | "warning" | "error";

/** Whose business it is first; every event can be read by everybody who may read plugins. */
export type Audience = "operator" | "developer" | "security";

export type EventValue = string | number | boolean | null;

export interface EventSpec {
  readonly severity: Severity;
  readonly audience: Audience;
  /** False where a webhook must not be told, because being told is what failed. */
  readonly webhooks?: false;
  readonly data: v.GenericSchema<Readonly<Record<string, EventValue | undefined>>>;
}

const text = v.string();
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const time = v.pipe(v.number(), v.integer());

const install = { installId: text, version: text };
const move = v.strictObject({
  ...install,
  from: v.optional(text),
  to: v.optional(text),
  /** Why, where the move was somebody's decision. */
  reason: v.optional(text),
});
/** Executions of one plugin that were recorded together. */
const executions = { count, firstExecutionId: text, lastExecutionId: text, firstStartedAt: time, lastStartedAt: time };
const message = { messageId: text, topic: text, installId: text, functionName: text };
const webhook = { webhookId: text };
const audit = { auditId: text, trigger: text, scope: text };
const finding = { findingId: text, installId: text, rule: text, key: text, severity: text, remedy: text };
const anomaly = { anomalyId: text, installId: text, metric: text, direction: text };
const alert = {
  alertId: text,
  ruleId: text,
  rule: text,
  severity: text,
  /** What was found and what was asked for, in words. */
  summary: text,
  value: v.number(),
  threshold: v.number(),
  windowMinutes: count,
  startedAt: time,
};
const upgrade = { installId: text, upgradeId: text, fromVersion: text, version: text };

export const EVENTS = {
  "package.uploaded": {
    severity: "info",
    audience: "developer",
    data: v.strictObject({ version: text, packageDigest: text, verdict: text }),
  },
  "package.validated": {
    severity: "info",
    audience: "developer",
    data: v.strictObject({ version: text, rewriterVersion: text, functions: count, findings: count }),
  },
  "package.refused": {
    severity: "warning",
    audience: "security",
    data: v.strictObject({ version: text, code: text, findings: count }),
  },

  "package.yanked": {
    severity: "warning",
    audience: "developer",
    data: v.strictObject({ version: text, reason: text }),
  },
  "package.unyanked": {
    severity: "notice",
    audience: "developer",
    data: v.strictObject({ version: text }),
  },
  "package.rewritten": {
    severity: "info",
    audience: "developer",
    data: v.strictObject({ version: text, from: text, to: text }),
  },

  "plugin.installed": { severity: "info", audience: "operator", data: move },
  "plugin.activated": { severity: "info", audience: "operator", data: move },
  "plugin.deactivated": {
    severity: "notice",
    audience: "operator",
    data: move,
  },
  "plugin.updated": {
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ ...install, changed: text, previousVersion: text }),
  },
  "plugin.failed": { severity: "error", audience: "operator", data: move },
  "plugin.recovered": { severity: "notice", audience: "operator", data: move },
  "plugin.quarantined": { severity: "error", audience: "security", data: move },
  "plugin.released": { severity: "warning", audience: "security", data: move },
  "plugin.uninstalled": { severity: "notice", audience: "operator", data: move },
  "plugin.data-deleted": {
    severity: "info",
    audience: "operator",
    data: v.strictObject({ installId: text, removedAt: time }),
  },
  "plugin.data-not-deleted": {
    severity: "error",
    audience: "operator",
    data: v.strictObject({ installId: text, removedAt: time, failures: count }),
  },

  "plugin.restarted": {
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ ...install, generation: count, reason: v.optional(text) }),
  },
  "plugin.safe-mode-entered": {
    severity: "warning",
    audience: "operator",
    data: v.strictObject({ ...install, reason: text }),
  },
  "plugin.safe-mode-left": {
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ ...install, reason: text }),
  },
  "healing.ended": {
    severity: "warning",
    audience: "operator",
    data: v.strictObject({
      ...install,
      healingId: text,
      remedy: text,
      cause: text,
      code: v.optional(text),
      outcome: text,
      reason: text,
    }),
  },

  "instance.moved": {
    severity: "info",
    audience: "operator",
    data: v.strictObject({ ...install, from: v.optional(text), to: text }),
  },
  "instance.failed": {
    severity: "warning",
    audience: "operator",
    data: v.strictObject({ ...install, from: text, to: text, functionName: text, code: text }),
  },

  "config.changed": {
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ installId: text, revision: count, changed: text, reason: v.optional(text) }),
  },
  "config.template-changed": {
    severity: "info",
    audience: "operator",
    data: v.strictObject({ template: text, change: text }),
  },
  "settings.changed": {
    severity: "warning",
    audience: "operator",
    data: v.strictObject({ revision: count, changed: text }),
  },
  "mode.changed": {
    severity: "error",
    audience: "operator",
    data: v.strictObject({ from: text, to: text, cause: text, reason: text }),
  },
  "backup.requested": {
    severity: "warning",
    audience: "operator",
    data: v.strictObject({ reason: text }),
  },
  "environment.changed": {
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ digest: text, changed: text, dangers: count }),
  },
  "grant.changed": {
    severity: "warning",
    audience: "security",
    data: v.strictObject({ installId: text, capability: text, change: text, hosts: v.optional(text) }),
  },
  "consent.requested": {
    severity: "notice",
    audience: "security",
    data: v.strictObject({ ...install, capabilities: text }),
  },
  "consent.refused": {
    severity: "notice",
    audience: "operator",
    data: v.strictObject(install),
  },
  "upgrade.started": {
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ ...upgrade, forced: v.boolean(), steps: count }),
  },
  "upgrade.gated": {
    severity: "notice",
    audience: "developer",
    data: v.strictObject({
      ...upgrade,
      outcome: text,
      replayed: count,
      same: count,
      fixed: count,
      different: count,
      notComparable: count,
    }),
  },
  "upgrade.canary-stepped": {
    severity: "info",
    audience: "operator",
    data: v.strictObject({ ...upgrade, step: count, share: count }),
  },
  "upgrade.promoted": {
    severity: "notice",
    audience: "operator",
    data: v.strictObject(upgrade),
  },
  "upgrade.returned": {
    severity: "error",
    audience: "operator",
    data: v.strictObject({ ...upgrade, reason: v.optional(text) }),
  },
  "upgrade.aborted": {
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ ...upgrade, reason: v.optional(text) }),
  },
  "upgrade.rolled-back": {
    severity: "warning",
    audience: "operator",
    data: v.strictObject({
      installId: text,
      fromVersion: text,
      version: text,
      reason: v.optional(text),
      storageRestored: v.boolean(),
    }),
  },
  "hook.fired": {
    severity: "info",
    audience: "operator",
    data: v.strictObject({ hook: text, plugins: count, failed: count, durationMs: count, traceId: v.optional(text) }),
  },

  "middleware.refused": {
    severity: "notice",
    audience: "security",
    data: v.strictObject({
      point: text,
      kind: text,
      /** Plugin that was called; of a hook its path. */
      called: text,
      functionName: v.optional(text),
      status: count,
      /** The middleware's own code. */
      reason: v.optional(text),
      traceId: text,
    }),
  },

  "execution.started": {
    severity: "info",
    audience: "operator",
    data: v.strictObject(executions),
  },
  "execution.completed": {
    severity: "info",
    audience: "operator",
    data: v.strictObject({ ...executions, failed: count, durationMs: count, slowestMs: count, fuel: count }),
  },
  "execution.failed": {
    severity: "warning",
    audience: "developer",
    data: v.strictObject({ ...install, executionId: text, functionName: text, code: text, durationMs: count }),
  },
  "security.violated": {
    severity: "error",
    audience: "security",
    data: v.strictObject({
      ...install,
      executionId: text,
      functionName: text,
      /** Where the refusal ended the execution. */
      code: v.optional(text),
      capabilities: text,
      refused: count,
      /** Errors of the refused calls, whether or not the plugin went on after them. */
      codes: v.optional(text),
    }),
  },
  "security.finding": {
    severity: "warning",
    audience: "security",
    data: v.strictObject({
      installId: text,
      version: text,
      executionId: text,
      severity: text,
      title: text,
      detail: v.optional(text),
    }),
  },
  "health.checked": {
    severity: "info",
    audience: "operator",
    data: v.strictObject({ installId: text, status: text, reason: v.optional(text) }),
  },
  "health.threshold-exceeded": {
    severity: "error",
    audience: "operator",
    data: v.strictObject({ installId: text, failed: count, calls: count, windowMs: count, code: v.optional(text) }),
  },
  "breaker.opened": {
    severity: "error",
    audience: "operator",
    data: v.strictObject({
      ...install,
      /** What decided: `faults`, `fault-share` or `probe-failed`. */
      cause: text,
      /** Error codes with their counts, most frequent first: `PLUGIN_TRAPPED 4, FUEL_EXHAUSTED 1`. */
      codes: text,
      faults: count,
      calls: count,
      windowMs: count,
      configRevision: count,
      /** The latest execution that failed. */
      executionId: v.optional(text),
      nextProbeAt: v.optional(time),
    }),
  },
  "breaker.half-opened": {
    severity: "notice",
    audience: "operator",
    data: v.strictObject(install),
  },
  "breaker.closed": {
    severity: "notice",
    audience: "operator",
    /** `probes-succeeded` or `reset`. */
    data: v.strictObject({ ...install, cause: text }),
  },
  "breaker.forced": {
    severity: "warning",
    audience: "operator",
    /** `open`, `closed`, or `automatic` where the order was taken back. */
    data: v.strictObject({ installId: text, state: text, reason: text }),
  },
  "audit-log.broken": {
    severity: "error",
    audience: "security",
    /** The first row concerned, and what is wrong, as a verification names it. */
    data: v.strictObject({ sequence: v.number(), fault: text }),
  },

  "audit.started": {
    severity: "info",
    audience: "operator",
    data: v.strictObject({ ...audit, installs: count }),
  },
  "audit.finished": {
    severity: "info",
    audience: "operator",
    data: v.strictObject({
      ...audit,
      installs: count,
      failed: count,
      critical: count,
      high: count,
      medium: count,
      low: count,
      info: count,
    }),
  },
  "audit.emergency": {
    severity: "error",
    audience: "operator",
    data: v.strictObject({ auditId: text, installId: text, critical: count }),
  },
  "finding.opened": {
    severity: "warning",
    audience: "operator",
    data: v.strictObject({ ...finding, auditId: text }),
  },
  "finding.fixed": {
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ ...finding, auditId: text }),
  },
  "finding.acknowledged": {
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ ...finding, reason: text }),
  },
  "finding.reopened": {
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ ...finding, reason: text }),
  },
  "anomaly.detected": {
    severity: "warning",
    audience: "operator",
    data: v.strictObject({ ...anomaly, expected: v.number(), observed: v.number() }),
  },
  "anomaly.ended": {
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ ...anomaly, durationMs: count }),
  },

  "message.dead-lettered": {
    severity: "error",
    audience: "operator",
    data: v.strictObject({ ...message, deadLetterId: text, code: text, attempts: count }),
  },
  "message.redriven": {
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ ...message, deadLetterId: text }),
  },
  "message.discarded": {
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ ...message, deadLetterId: text }),
  },

  "webhook.created": {
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ ...webhook, host: text }),
  },
  "webhook.updated": {
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ ...webhook, changed: text }),
  },
  "webhook.deleted": {
    severity: "notice",
    audience: "operator",
    data: v.strictObject(webhook),
  },
  "webhook.failed": {
    severity: "error",
    audience: "operator",
    webhooks: false,
    data: v.strictObject({ ...webhook, deliveryId: text, eventId: text, attempts: count, code: text }),
  },
  "plugin-webhook.failed": {
    severity: "error",
    audience: "operator",
    data: v.strictObject({
      installId: text,
      deliveryId: text,
      messageId: text,
      event: text,
      attempts: count,
      code: text,
    }),
  },
  "alert.firing": {
    severity: "warning",
    audience: "operator",
    data: v.strictObject({ ...alert, notification: count }),
  },
  "alert.resolved": {
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ ...alert, resolvedAt: time }),
  },
  "alert.acknowledged": {
    severity: "info",
    audience: "operator",
    data: v.strictObject({ alertId: text, ruleId: text, rule: text }),
  },
  "alert.rule-changed": {
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ ruleId: text, rule: text, change: text }),
  },
  "alert.silence-changed": {
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ silenceId: text, change: text, until: time }),
  },
  "alert.email-changed": {
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ emailId: text, change: text }),
  },
  "alert.email-failed": {
    severity: "error",
    audience: "operator",
    data: v.strictObject({ emailId: text, deliveryId: text, eventId: text, attempts: count, code: text }),
  },
  "tenant.erased": {
    severity: "warning",
    audience: "operator",
    data: v.strictObject({ tenantId: text, rows: count, objects: count }),
  },
  "tenant.not-erased": {
    severity: "error",
    audience: "operator",
    data: v.strictObject({ tenantId: text, reason: text }),
  },
  "backup.verified": {
    severity: "info",
    audience: "operator",
    data: v.strictObject({ backupId: text, scope: text, rows: count, bytes: count }),
  },
  "backup.failed": {
    severity: "error",
    audience: "operator",
    data: v.strictObject({ backupId: text, scope: text, reason: text, restoreId: v.optional(text) }),
  },
  "backup.corrupted": {
    severity: "error",
    audience: "operator",
    data: v.strictObject({ backupId: text, scope: text, reason: text }),
  },
  "backup.restored": {
    severity: "warning",
    audience: "operator",
    data: v.strictObject({ backupId: text, scope: text, restoreId: text, rows: count, installs: count }),
  },

  "install.secret-changed": {
    severity: "warning",
    audience: "security",
    data: v.strictObject({ installId: text, kind: text, name: v.optional(text), change: text }),
  },
} as const satisfies Record<string, EventSpec>;

export type EventType = keyof typeof EVENTS;
export const EVENT_TYPES = Object.keys(EVENTS) as EventType[]; // Object.keys loses the key type

/** Data of an event of the type. */
export type EventDataOf<Type extends EventType> = v.InferOutput<(typeof EVENTS)[Type]["data"]>;
