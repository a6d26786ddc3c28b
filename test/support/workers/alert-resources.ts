import { env } from "cloudflare:workers";
import { openDatabase } from "../../../worker/db/client.ts";
import { alertEmails, alertRules, alerts, alertSilences, webhookDeliveries } from "../../../worker/db/schema.ts";
import type { Resources } from "./resources.ts";

const db = openDatabase(env.DB);

/** A rule that fires, its alert, a silence, and an address with a mail that was given up. */
export function insertAlerts(resources: Resources, createdAt: number) {
  const { tenantId, pluginId, subject, alertRuleId, alertId, silenceId, alertEmailId, webhookId } = resources;
  const made = { tenantId, createdBy: subject, createdAt };
  const severity = "warning" as const;
  const pauses = { forMinutes: 0, holdMinutes: 5, repeatMinutes: 240 };
  // Absence that lasts, so that an evaluation leaves the alert as it is.
  const condition = { kind: "absence", types: ["plugin.recovered"], windowMinutes: 10_080 } as const;
  const times = { startedAt: createdAt, firedAt: createdAt, lastNotifiedAt: createdAt };
  return [
    db.insert(alertRules).values({
      ...made,
      ...pauses,
      id: alertRuleId,
      name: `rule of ${tenantId}`,
      condition,
      pluginId,
      per: "plugin",
      severity,
      channels: [{ kind: "webhook", id: webhookId }],
      enabled: true,
      updatedAt: createdAt,
    }),
    db.insert(alerts).values({
      ...times,
      id: alertId,
      tenantId,
      ruleId: alertRuleId,
      ruleName: `rule of ${tenantId}`,
      scope: pluginId,
      severity,
      state: "firing",
      evidence: { value: 1, threshold: 1, windowMinutes: 10_080, summary: `secret of ${tenantId}` },
      notifications: 1,
      revision: 1,
    }),
    db.insert(alertSilences).values({
      ...made,
      id: silenceId,
      ruleId: alertRuleId,
      from: createdAt,
      until: createdAt + 3_600_000,
      reason: `reason of ${tenantId}`,
    }),
    db.insert(alertEmails).values({
      ...made,
      id: alertEmailId,
      address: `alerts@${tenantId}.example.com`,
      confirmedAt: createdAt,
      updatedAt: createdAt,
    }),
    db.insert(webhookDeliveries).values({
      id: resources.mailedId,
      tenantId,
      webhookId: alertEmailId,
      eventId: `event-of-${tenantId}`,
      eventType: "alert.firing",
      sequence: 1_000_000,
      state: "dead",
      attempts: 8,
      status: 503,
      errorCode: "EMAIL_REFUSED",
      dueAt: createdAt,
      createdAt,
      updatedAt: createdAt,
      channel: "email",
    }),
  ] as const;
}
