import type { Alert, AlertRule, Silence } from "./alert-record.ts";
import type { Observation } from "./condition-rules.ts";

const MINUTE_MS = 60_000;

/** An alert as it is to be, and whether somebody is to be told. */
export interface Step {
  readonly alert: Alert;
  readonly tell: "firing" | "resolved" | undefined;
}

/**
 * What an observation makes of the open alert of a rule and scope: pending, then firing, then resolved. An alert whose
 * condition is over waits `holdMinutes` before it is resolved, so that one that comes and goes is one alert.
 *
 * @param open  undefined where none is open
 * @param made  identity of an alert that has to be made
 * @returns undefined where nothing changes
 */
export function advance(
  rule: AlertRule,
  open: Alert | undefined,
  { scope, holds, evidence }: Observation,
  now: number,
  made: { readonly id: string; readonly tenantId: string },
): Step | undefined {
  if (!open && !holds) return undefined;
  const alert: Alert = open ?? {
    ...made,
    ruleId: rule.id,
    ruleName: rule.name,
    scope,
    severity: rule.severity,
    state: "pending",
    evidence,
    startedAt: now,
    firedAt: null,
    clearedAt: null,
    resolvedAt: null,
    notifications: 0,
    lastNotifiedAt: null,
    silenceId: null,
    acknowledgedBy: null,
    acknowledgedAt: null,
    note: null,
    revision: 0,
  };
  const step = holds ? ongoing(rule, alert, now) : ending(rule, alert, now);
  if (open && step.alert === open && !step.tell) return undefined;
  return { ...step, alert: { ...step.alert, evidence: holds ? evidence : step.alert.evidence } };
}

function ongoing(rule: AlertRule, open: Alert, now: number): Step {
  let alert = open.clearedAt === null ? open : { ...open, clearedAt: null };
  if (alert.state === "pending") {
    if (now - alert.startedAt < rule.forMinutes * MINUTE_MS) return { alert, tell: undefined };
    alert = { ...alert, state: "firing", firedAt: now };
  }
  return { alert, tell: isDue(rule, alert, now) ? "firing" : undefined };
}

/** Once when it fires, again after each interval until somebody looks after it. */
function isDue({ repeatMinutes }: AlertRule, alert: Alert, now: number): boolean {
  if (alert.acknowledgedAt !== null) return false;
  if (alert.lastNotifiedAt === null) return true;
  return repeatMinutes > 0 && now - alert.lastNotifiedAt >= repeatMinutes * MINUTE_MS;
}

function ending(rule: AlertRule, alert: Alert, now: number): Step {
  const clearedAt = alert.clearedAt ?? now;
  const held = now - clearedAt >= rule.holdMinutes * MINUTE_MS;
  if (alert.state === "pending" || held) {
    const heard = alert.notifications > 0;
    return { alert: { ...alert, clearedAt, state: "resolved", resolvedAt: now }, tell: heard ? "resolved" : undefined };
  }
  return { alert: alert.clearedAt === null ? { ...alert, clearedAt } : alert, tell: undefined };
}

/** The alert after somebody was told. */
export function told(alert: Alert, now: number): Alert {
  return { ...alert, notifications: alert.notifications + 1, lastNotifiedAt: now, silenceId: null };
}

/** The first silence that holds for the alert now. */
export function silenceFor(alert: Alert, silences: readonly Silence[], now: number): Silence | undefined {
  return silences.find(
    ({ from, until, ruleId, pluginId, severity }) =>
      from <= now &&
      now < until &&
      (ruleId === null || ruleId === alert.ruleId) &&
      (pluginId === null || pluginId === alert.scope) &&
      (severity === null || severity === alert.severity),
  );
}
