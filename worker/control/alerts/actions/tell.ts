import type { Settings } from "../../../../sdk/contract/settings.ts";
import { newEvent, SYSTEM_SUBJECT, type NewEvent } from "../../events/rules.ts";
import { newDelivery, ringAll, type DispatchDeps } from "../../webhooks/actions/dispatch.ts";
import type { Alert, KnownRule, Silence } from "../alert-record.ts";
import { tellsOf } from "../built-in-rules.ts";
import type { Observation } from "../condition-rules.ts";
import { advance, silenceFor, told, type Step } from "../state-rules.ts";
import { saveAlert } from "../store.ts";

export type AlertDeps = DispatchDeps;

/** What decides whether anybody is told of a tenant's alerts. */
export interface Quiet {
  readonly settings: Settings;
  readonly silences: readonly Silence[];
}

/**
 * Moves the alerts of a rule on to what was observed, and tells whoever is to be told.
 *
 * @param open  the tenant's open alerts
 */
export async function applyObservations(
  deps: AlertDeps,
  tenantId: string,
  rule: KnownRule,
  observations: readonly Observation[],
  open: readonly Alert[],
  quiet: Quiet,
): Promise<void> {
  const now = deps.clock.now();
  for (const observation of observations) {
    const before = open.find(({ ruleId, scope }) => ruleId === rule.id && scope === observation.scope);
    const step = advance(rule, before, observation, now, { id: deps.newId(), tenantId });
    if (step) await take(deps, rule, before, step, quiet);
  }
}

async function take(
  deps: AlertDeps,
  rule: KnownRule,
  before: Alert | undefined,
  { alert, tell }: Step,
  { settings, silences }: Quiet,
): Promise<void> {
  const now = deps.clock.now();
  const silence = tell && silenceFor(alert, silences, now);
  const muted = rule.builtIn && !tellsOf(settings, alert.severity);
  if (!tell || silence || muted) {
    const quietly = silence ? { ...alert, silenceId: silence.id } : alert;
    if (before && isSame(before, quietly)) return;
    await saveAlert(deps.db, before, quietly, undefined);
    return;
  }
  const after = told(alert, now);
  const event = alertEvent(deps.newId(), after, tell, now);
  const deliveries = rule.channels.map(({ kind, id }) =>
    newDelivery(deps.newId(), { id, tenantId: alert.tenantId }, { ...event, sequence: 0 }, now, kind),
  );
  if (!(await saveAlert(deps.db, before, after, { event, deliveries }))) return;
  await ringAll(
    deps,
    deliveries.map(({ tenantId, id }) => ({ tenantId, deliveryId: id })),
  );
}

/** What was found may differ: it is kept when something else changes. */
function isSame(left: Alert, right: Alert): boolean {
  return (["state", "clearedAt", "silenceId", "lastNotifiedAt"] as const).every((name) => left[name] === right[name]);
}

function alertEvent(id: string, alert: Alert, tell: "firing" | "resolved", now: number): NewEvent {
  const { value, threshold, windowMinutes, summary } = alert.evidence;
  const { id: alertId, ruleId, ruleName: rule, severity, startedAt, notifications, tenantId } = alert;
  const shared = { id, tenantId, pluginId: alert.scope || null, subject: SYSTEM_SUBJECT, createdAt: now };
  const data = { alertId, ruleId, rule, severity, summary, value, threshold, windowMinutes, startedAt };
  return tell === "firing"
    ? newEvent({ ...shared, type: "alert.firing", data: { ...data, notification: notifications } })
    : newEvent({ ...shared, type: "alert.resolved", data: { ...data, resolvedAt: alert.resolvedAt ?? now } });
}
