import type { Deps } from "../../../deps.ts";
import type { Actor } from "../../../lib/actor.ts";
import type { PluginEvent } from "../../events/rules.ts";
import { sendWebhook, type SendDeps } from "../../webhooks/actions/deliver.ts";
import { getWebhook } from "../../webhooks/store.ts";
import type { Channel } from "../alert-record.ts";
import { getEmail } from "../email-store.ts";
import { alertMail } from "../mail-rules.ts";
import { readRule } from "./manage.ts";

export interface ChannelResult extends Channel {
  readonly delivered: boolean;
  readonly status: number | null;
  readonly errorCode: string | null;
}

type TestDeps = SendDeps & Pick<Deps, "db" | "newId" | "email">;

/**
 * Sends what says that it is a test over each channel of a rule, at once, and tells what came of it. Nothing is recorded.
 *
 * @throws {PlatformError} ALERT_RULE_NOT_FOUND; CONFIG_KEY_UNKNOWN, CONFIG_UNREADABLE
 */
export async function testRule(deps: TestDeps, actor: Actor, id: string): Promise<ChannelResult[]> {
  const rule = await readRule(deps, actor, id);
  const now = deps.clock.now();
  const event: PluginEvent = {
    id: deps.newId(),
    sequence: 0,
    pluginId: rule.pluginId,
    type: "alert.firing",
    subject: actor.subject,
    createdAt: now,
    data: {
      alertId: "test",
      ruleId: rule.id,
      rule: `TEST ${rule.name}`,
      severity: rule.severity,
      summary: `A test that ${actor.subject} asked for; nothing happened.`,
      value: 0,
      threshold: 0,
      windowMinutes: 0,
      startedAt: now,
      notification: 0,
    },
  };
  return Promise.all(
    rule.channels.map(async (channel): Promise<ChannelResult> => {
      const { status, errorCode } = await (channel.kind === "webhook"
        ? testWebhook(deps, actor.tenantId, channel.id, event)
        : testEmail(deps, actor.tenantId, channel.id, event));
      return { ...channel, delivered: errorCode === null, status, errorCode };
    }),
  );
}

interface Result {
  readonly status: number | null;
  readonly errorCode: string | null;
}

async function testWebhook(deps: TestDeps, tenantId: string, id: string, event: PluginEvent): Promise<Result> {
  const webhook = await getWebhook(deps.db, tenantId, id);
  if (!webhook) return { status: null, errorCode: "WEBHOOK_NOT_FOUND" };
  const body = JSON.stringify({ ...event, type: "alert.test", severity: event.data["severity"], tenantId });
  return sendWebhook(deps, webhook, { id: event.id, type: "alert.test", body });
}

async function testEmail(deps: TestDeps, tenantId: string, id: string, event: PluginEvent): Promise<Result> {
  const email = await getEmail(deps.db, tenantId, id);
  if (!email) return { status: null, errorCode: "EMAIL_NOT_FOUND" };
  if (email.confirmedAt === null) return { status: null, errorCode: "EMAIL_UNCONFIRMED" };
  if (!deps.email) return { status: null, errorCode: "EMAIL_NOT_CONFIGURED" };
  return deps.email.send({ id: deps.newId(), to: email.address, ...alertMail(tenantId, event) });
}
