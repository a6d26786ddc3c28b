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
  readonly title: string;
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
    title: "a version was uploaded",
    severity: "info",
    audience: "developer",
    data: v.strictObject({ version: text, packageDigest: text, verdict: text }),
  },
  "package.validated": {
    title: "an uploaded version passed every check and may be installed",
    severity: "info",
    audience: "developer",
    data: v.strictObject({ version: text, rewriterVersion: text, functions: count, findings: count }),
  },
  "package.refused": {
    title: "the security scan refused an upload",
    severity: "warning",
    audience: "security",
    data: v.strictObject({ version: text, code: text, findings: count }),
  },

  "package.yanked": {
    title: "a version was withdrawn by its owner; what is installed runs on",
    severity: "warning",
    audience: "developer",
    data: v.strictObject({ version: text, reason: text }),
  },
  "package.unyanked": {
    title: "a version that was withdrawn may be installed again",
    severity: "notice",
    audience: "developer",
    data: v.strictObject({ version: text }),
  },
  "package.rewritten": {
    title: "a version was metered again by a newer rewriter",
    severity: "info",
    audience: "developer",
    data: v.strictObject({ version: text, from: text, to: text }),
  },

  "plugin.installed": { title: "a plugin was installed", severity: "info", audience: "operator", data: move },
  "plugin.activated": { title: "an install began to take calls", severity: "info", audience: "operator", data: move },
  "plugin.deactivated": {
    title: "an install stopped taking calls",
    severity: "notice",
    audience: "operator",
    data: move,
  },
  "plugin.updated": {
    title: "version, configuration or limits of an install changed",
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ ...install, changed: text, previousVersion: text }),
  },
  "plugin.failed": { title: "an install moved to error", severity: "error", audience: "operator", data: move },
  "plugin.recovered": { title: "an install left error", severity: "notice", audience: "operator", data: move },
  "plugin.quarantined": { title: "an install was quarantined", severity: "error", audience: "security", data: move },
  "plugin.released": { title: "an install left quarantine", severity: "warning", audience: "security", data: move },
  "plugin.uninstalled": { title: "an install was removed", severity: "notice", audience: "operator", data: move },
  "plugin.data-deleted": {
    title: "everything that a removed install had stored is deleted",
    severity: "info",
    audience: "operator",
    data: v.strictObject({ installId: text, removedAt: time }),
  },
  "plugin.data-not-deleted": {
    title: "what a removed install had stored could not be deleted yet; it is tried again",
    severity: "error",
    audience: "operator",
    data: v.strictObject({ installId: text, removedAt: time, failures: count }),
  },

  "plugin.restarted": {
    title: "an install went on in new isolates",
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ ...install, generation: count, reason: v.optional(text) }),
  },
  "plugin.safe-mode-entered": {
    title: "an install went on without capabilities and with half its limits",
    severity: "warning",
    audience: "operator",
    data: v.strictObject({ ...install, reason: text }),
  },
  "plugin.safe-mode-left": {
    title: "an install has its capabilities and limits again",
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ ...install, reason: text }),
  },
  "healing.ended": {
    title: "a remedy was tried on an install",
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
    title: "the instance of an install moved to another state of its lifecycle",
    severity: "info",
    audience: "operator",
    data: v.strictObject({ ...install, from: v.optional(text), to: text }),
  },
  "instance.failed": {
    title: "a lifecycle function failed, and the instance moved to error",
    severity: "warning",
    audience: "operator",
    data: v.strictObject({ ...install, from: text, to: text, functionName: text, code: text }),
  },

  "config.changed": {
    title: "the configuration of an install changed",
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ installId: text, revision: count, changed: text, reason: v.optional(text) }),
  },
  "config.template-changed": {
    title: "a template for configurations was saved or deleted",
    severity: "info",
    audience: "operator",
    data: v.strictObject({ template: text, change: text }),
  },
  "settings.changed": {
    title: "settings of the platform were changed",
    severity: "warning",
    audience: "operator",
    data: v.strictObject({ revision: count, changed: text }),
  },
  "mode.changed": {
    title: "the platform entered another mode",
    severity: "error",
    audience: "operator",
    data: v.strictObject({ from: text, to: text, cause: text, reason: text }),
  },
  "backup.requested": {
    title: "a backup is wanted because the platform entered emergency mode",
    severity: "warning",
    audience: "operator",
    data: v.strictObject({ reason: text }),
  },
  "environment.changed": {
    title: "the platform runs in a deployment that was not seen before",
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ digest: text, changed: text, dangers: count }),
  },
  "grant.changed": {
    title: "an install was given or refused a capability",
    severity: "warning",
    audience: "security",
    data: v.strictObject({ installId: text, capability: text, change: text, hosts: v.optional(text) }),
  },
  "consent.requested": {
    title: "a version that asks for more than the installed one waits for consent",
    severity: "notice",
    audience: "security",
    data: v.strictObject({ ...install, capabilities: text }),
  },
  "consent.refused": {
    title: "an admin did not consent, and the install stays in its version",
    severity: "notice",
    audience: "operator",
    data: v.strictObject(install),
  },
  "upgrade.started": {
    title: "an install began to move to another version",
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ ...upgrade, forced: v.boolean(), steps: count }),
  },
  "upgrade.gated": {
    title: "recorded calls were replayed against the version that an install is to move to",
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
    title: "the version that an install is to move to was given a larger share of the calls",
    severity: "info",
    audience: "operator",
    data: v.strictObject({ ...upgrade, step: count, share: count }),
  },
  "upgrade.promoted": {
    title: "the version that an install was to move to has all its calls",
    severity: "notice",
    audience: "operator",
    data: v.strictObject(upgrade),
  },
  "upgrade.returned": {
    title: "a version failed too often on its share of the calls and was taken back",
    severity: "error",
    audience: "operator",
    data: v.strictObject({ ...upgrade, reason: v.optional(text) }),
  },
  "upgrade.aborted": {
    title: "somebody stopped an upgrade, and the installed version has all calls again",
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ ...upgrade, reason: v.optional(text) }),
  },
  "upgrade.rolled-back": {
    title: "an install went back to a version that it had",
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
    title: "plugins ran for a hook",
    severity: "info",
    audience: "operator",
    data: v.strictObject({ hook: text, plugins: count, failed: count, durationMs: count, traceId: v.optional(text) }),
  },

  "middleware.refused": {
    title: "middleware refused a request",
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
    title: "executions of a plugin began",
    severity: "info",
    audience: "operator",
    data: v.strictObject(executions),
  },
  "execution.completed": {
    title: "executions of a plugin ended, failed ones among them",
    severity: "info",
    audience: "operator",
    data: v.strictObject({ ...executions, failed: count, durationMs: count, slowestMs: count, fuel: count }),
  },
  "execution.failed": {
    title: "an execution failed",
    severity: "warning",
    audience: "developer",
    data: v.strictObject({ ...install, executionId: text, functionName: text, code: text, durationMs: count }),
  },
  "security.violated": {
    title: "a plugin reached for something it may not use",
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
    title: "a plugin raised a finding",
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
    title: "the health of an install was checked",
    severity: "info",
    audience: "operator",
    data: v.strictObject({ installId: text, status: text, reason: v.optional(text) }),
  },
  "health.threshold-exceeded": {
    title: "an install fails more often than it may",
    severity: "error",
    audience: "operator",
    data: v.strictObject({ installId: text, failed: count, calls: count, windowMs: count, code: v.optional(text) }),
  },
  "breaker.opened": {
    title: "an install's calls are refused, because it failed too often",
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
    title: "single calls of an install are let through, to see whether it recovered",
    severity: "notice",
    audience: "operator",
    data: v.strictObject(install),
  },
  "breaker.closed": {
    title: "an install's calls are no longer refused",
    severity: "notice",
    audience: "operator",
    /** `probes-succeeded` or `reset`. */
    data: v.strictObject({ ...install, cause: text }),
  },
  "breaker.forced": {
    title: "an operator ordered whether an install's calls are refused, or took the order back",
    severity: "warning",
    audience: "operator",
    /** `open`, `closed`, or `automatic` where the order was taken back. */
    data: v.strictObject({ installId: text, state: text, reason: text }),
  },
  "audit-log.broken": {
    title: "the audit log is not as it was sealed: a row was changed, moved, added or deleted",
    severity: "error",
    audience: "security",
    /** The first row concerned, and what is wrong, as a verification names it. */
    data: v.strictObject({ sequence: v.number(), fault: text }),
  },

  "audit.started": {
    title: "an audit began",
    severity: "info",
    audience: "operator",
    data: v.strictObject({ ...audit, installs: count }),
  },
  "audit.finished": {
    title: "an audit looked at every install it was about",
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
    title: "an install has as many open critical findings as make an emergency",
    severity: "error",
    audience: "operator",
    data: v.strictObject({ auditId: text, installId: text, critical: count }),
  },
  "finding.opened": {
    title: "an audit found something wrong, for the first time or again",
    severity: "warning",
    audience: "operator",
    data: v.strictObject({ ...finding, auditId: text }),
  },
  "finding.fixed": {
    title: "an audit looked for a finding and did not find it any more",
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ ...finding, auditId: text }),
  },
  "finding.acknowledged": {
    title: "somebody acknowledged a finding",
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ ...finding, reason: text }),
  },
  "finding.reopened": {
    title: "somebody opened a finding again",
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ ...finding, reason: text }),
  },
  "anomaly.detected": {
    title: "calls of a plugin differ from what is usual for it",
    severity: "warning",
    audience: "operator",
    data: v.strictObject({ ...anomaly, expected: v.number(), observed: v.number() }),
  },
  "anomaly.ended": {
    title: "calls of a plugin are as usual again, or have become usual",
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ ...anomaly, durationMs: count }),
  },

  "message.dead-lettered": {
    title: "a message was given up for a subscriber and kept as a dead letter",
    severity: "error",
    audience: "operator",
    data: v.strictObject({ ...message, deadLetterId: text, code: text, attempts: count }),
  },
  "message.redriven": {
    title: "a dead letter was sent again",
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ ...message, deadLetterId: text }),
  },
  "message.discarded": {
    title: "a dead letter was deleted",
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ ...message, deadLetterId: text }),
  },

  "webhook.created": {
    title: "a webhook was created",
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ ...webhook, host: text }),
  },
  "webhook.updated": {
    title: "a webhook was changed",
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ ...webhook, changed: text }),
  },
  "webhook.deleted": {
    title: "a webhook was deleted",
    severity: "notice",
    audience: "operator",
    data: v.strictObject(webhook),
  },
  "webhook.failed": {
    title: "an event could not be delivered to a webhook and was given up",
    severity: "error",
    audience: "operator",
    webhooks: false,
    data: v.strictObject({ ...webhook, deliveryId: text, eventId: text, attempts: count, code: text }),
  },
  "plugin-webhook.failed": {
    title: "what a plugin sent could not be delivered and was given up",
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
    title: "an alert fires, or fires still",
    severity: "warning",
    audience: "operator",
    data: v.strictObject({ ...alert, notification: count }),
  },
  "alert.resolved": {
    title: "what an alert was about is over",
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ ...alert, resolvedAt: time }),
  },
  "alert.acknowledged": {
    title: "somebody looks after an alert, so that nobody is reminded of it",
    severity: "info",
    audience: "operator",
    data: v.strictObject({ alertId: text, ruleId: text, rule: text }),
  },
  "alert.rule-changed": {
    title: "a rule of alerts was created, changed or deleted",
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ ruleId: text, rule: text, change: text }),
  },
  "alert.silence-changed": {
    title: "a silence of alerts was begun or ended",
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ silenceId: text, change: text, until: time }),
  },
  "alert.email-changed": {
    title: "an address for alerts was added, confirmed or deleted",
    severity: "notice",
    audience: "operator",
    data: v.strictObject({ emailId: text, change: text }),
  },
  "alert.email-failed": {
    title: "an alert could not be mailed and was given up",
    severity: "error",
    audience: "operator",
    data: v.strictObject({ emailId: text, deliveryId: text, eventId: text, attempts: count, code: text }),
  },
  "tenant.erased": {
    title: "a tenant was erased, and nothing of it was found any more",
    severity: "warning",
    audience: "operator",
    data: v.strictObject({ tenantId: text, rows: count, objects: count }),
  },
  "tenant.not-erased": {
    title: "the erasure of a tenant fails again and again, or finds what it cannot delete; it is tried on",
    severity: "error",
    audience: "operator",
    data: v.strictObject({ tenantId: text, reason: text }),
  },
  "backup.verified": {
    title: "a trial restore of a backup was equal to what was backed up",
    severity: "info",
    audience: "operator",
    data: v.strictObject({ backupId: text, scope: text, rows: count, bytes: count }),
  },
  "backup.failed": {
    title: "a backup or a restore failed",
    severity: "error",
    audience: "operator",
    data: v.strictObject({ backupId: text, scope: text, reason: text, restoreId: v.optional(text) }),
  },
  "backup.corrupted": {
    title: "a backup is damaged and cannot be restored",
    severity: "error",
    audience: "operator",
    data: v.strictObject({ backupId: text, scope: text, reason: text }),
  },
  "backup.restored": {
    title: "a backup was restored",
    severity: "warning",
    audience: "operator",
    data: v.strictObject({ backupId: text, scope: text, restoreId: text, rows: count, installs: count }),
  },

  "install.secret-changed": {
    title: "a secret that the platform uses for an install was set, rotated or deleted",
    severity: "warning",
    audience: "security",
    data: v.strictObject({ installId: text, kind: text, name: v.optional(text), change: text }),
  },
} as const satisfies Record<string, EventSpec>;

export type EventType = keyof typeof EVENTS;
export const EVENT_TYPES = Object.keys(EVENTS) as EventType[]; // Object.keys loses the key type

/** Data of an event of the type. */
export type EventDataOf<Type extends EventType> = v.InferOutput<(typeof EVENTS)[Type]["data"]>;
