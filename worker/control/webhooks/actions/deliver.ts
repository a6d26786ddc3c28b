import { SIGNATURE_HEADER, signWebhook } from "../../../../sdk/contract/webhook-signature.ts";
import type { Deps } from "../../../deps.ts";
import type { NewEvent } from "../../events/store.ts";
import { outgoingRequest, type OutgoingDeps } from "../../plugin-webhooks/actions/send.ts";
import { mailRequest } from "../../alerts/actions/emails.ts";
import { errorText } from "../../../lib/error-text.ts";
import { logError } from "../../../lib/json-log.ts";
import { newEvent, SYSTEM_SUBJECT } from "../../events/rules.ts";
import { describeEvent } from "../../events/schema.ts";
import { listEvents } from "../../events/store.ts";
import { claimDelivery, getDelivery, settleDelivery } from "../delivery-store.ts";
import { ATTEMPT_LEASE_MS, openWebhookSecret, WEBHOOK_ATTEMPTS, WEBHOOK_TIMEOUT_MS, webhookBackoff } from "../rules.ts";
import { namedDestination } from "../../../execution/capabilities/http/grant.ts";
import { getWebhook } from "../store.ts";
import { postWebhook, type Sending, type SendResult } from "./post.ts";
import type { Webhook, WebhookBell, WebhookDelivery } from "../webhook-record.ts";

export type SendDeps = Pick<Deps, "clock"> & {
  readonly env: Pick<Env, "CONFIG_KEYS">;
  readonly capabilities: Pick<Deps["capabilities"], "egress">;
};
export type DeliverDeps = SendDeps & OutgoingDeps & Pick<Deps, "db" | "newId" | "randomBytes" | "email">;

/** Requests under way at once; a worker may have six connections open. */
const LANES = 4;
/** A bell may ring a little early. Milliseconds. */
const EARLY_MS = 2_000;
const PLATFORM_DELAY = 30;
const BYTE = 256;

/** @returns whether a delivery was given up, which is an event */
export async function deliverWebhooks(
  deps: DeliverDeps,
  messages: readonly Message<WebhookBell>[],
): Promise<{ readonly deadLetters: boolean }> {
  const waiting = messages.values();
  let deadLetters = false;
  const lane = async (): Promise<void> => {
    for (const message of waiting) {
      try {
        deadLetters = (await answerBell(deps, message)) || deadLetters;
      } catch (error) {
        const { tenantId, deliveryId } = message.body;
        logError("webhooks.delivery-failed", { tenantId, deliveryId, error: errorText(error) });
        message.retry({ delaySeconds: PLATFORM_DELAY });
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return { deadLetters };
}

/** @returns true where the delivery was given up */
async function answerBell(deps: DeliverDeps, message: Message<WebhookBell>): Promise<boolean> {
  const now = deps.clock.now();
  const delivery = await getDelivery(deps.db, message.body);
  if (delivery?.state !== "pending") {
    message.ack();
    return false;
  }
  if (delivery.dueAt > now + EARLY_MS) {
    message.retry({ delaySeconds: Math.ceil((delivery.dueAt - now) / 1000) });
    return false;
  }
  const sending = await requestFor(deps, delivery);
  if ("later" in sending) {
    const { status, errorCode } = delivery;
    await settleDelivery(deps.db, delivery, {
      status,
      errorCode,
      state: "pending",
      dueAt: sending.later,
      updatedAt: now,
    });
    message.retry({ delaySeconds: Math.ceil((sending.later - now) / 1000) });
    return false;
  }
  if ("dropped" in sending) {
    const { status, dueAt } = delivery;
    const errorCode = sending.dropped ?? delivery.errorCode;
    await settleDelivery(deps.db, delivery, { status, errorCode, dueAt, state: "dropped", updatedAt: now });
    message.ack();
    return false;
  }
  if (!(await claimDelivery(deps.db, delivery, now + ATTEMPT_LEASE_MS))) {
    message.ack(); // somebody else is at it, and the cron job is behind them
    return false;
  }
  return settle(deps, message, delivery, await sending.send());
}

function requestFor(deps: DeliverDeps, delivery: WebhookDelivery): Promise<Sending> {
  if (delivery.channel === "email") return mailRequest(deps, delivery);
  return delivery.outgoing ? outgoingRequest(deps, delivery, delivery.outgoing) : eventRequest(deps, delivery);
}

async function settle(
  deps: DeliverDeps,
  message: Message<WebhookBell>,
  delivery: WebhookDelivery,
  { final = false, retryAfter = 0, ...result }: SendResult,
): Promise<boolean> {
  const now = deps.clock.now();
  const attempts = delivery.attempts + 1;
  if (result.errorCode === null) {
    await settleDelivery(deps.db, delivery, { ...result, state: "delivered", dueAt: now, updatedAt: now });
    message.ack();
    return false;
  }
  if (attempts < WEBHOOK_ATTEMPTS && !final) {
    const delaySeconds = Math.max(retryAfter, webhookBackoff(attempts, (deps.randomBytes(1)[0] ?? 0) / BYTE));
    const dueAt = now + delaySeconds * 1000;
    await settleDelivery(deps.db, delivery, { ...result, state: "pending", dueAt, updatedAt: now });
    message.retry({ delaySeconds });
    return false;
  }
  const event = failureEvent(deps, delivery, { attempts, code: result.errorCode, now });
  await settleDelivery(deps.db, delivery, { ...result, state: "dead", dueAt: now, updatedAt: now }, event);
  message.ack();
  return true;
}

function failureEvent(
  deps: DeliverDeps,
  { tenantId, webhookId, eventId, id: deliveryId, eventType, outgoing, channel }: WebhookDelivery,
  { attempts, code, now }: { readonly attempts: number; readonly code: string; readonly now: number },
): NewEvent {
  const shared = { id: deps.newId(), tenantId, subject: SYSTEM_SUBJECT, createdAt: now };
  if (channel === "email") {
    const data = { emailId: webhookId, deliveryId, eventId, attempts, code };
    return newEvent({ ...shared, pluginId: null, type: "alert.email-failed", data });
  }
  if (!outgoing) {
    const data = { webhookId, deliveryId, eventId, attempts, code };
    return newEvent({ ...shared, pluginId: null, type: "webhook.failed", data });
  }
  const data = { installId: webhookId, deliveryId, messageId: eventId, event: eventType, attempts, code };
  return newEvent({ ...shared, pluginId: outgoing.pluginId, type: "plugin-webhook.failed", data });
}

/** Dropped where the webhook was switched off, or the event is past its retention. */
async function eventRequest(
  deps: DeliverDeps,
  { id, tenantId, webhookId, sequence, eventType }: WebhookDelivery,
): Promise<Sending> {
  const { db } = deps;
  const [webhook, events] = await Promise.all([
    getWebhook(db, tenantId, webhookId),
    listEvents(db, tenantId, { after: sequence - 1, before: sequence + 1 }, { limit: 1, order: "oldest" }),
  ]);
  const [event] = events;
  if (!webhook?.active || !event) return { dropped: undefined };
  const content = { id, type: eventType, body: JSON.stringify({ ...describeEvent(event), tenantId }) };
  return { send: () => sendWebhook(deps, webhook, content) };
}

/**
 * Sends one signed request. Whatever the receiver does is a result, not a failure of ours.
 *
 * @throws {PlatformError} CONFIG_KEY_UNKNOWN, CONFIG_UNREADABLE, NOT_READY
 */
export async function sendWebhook(
  deps: SendDeps,
  webhook: Webhook,
  content: { readonly id: string; readonly type: string; readonly body: string },
  timeoutMs: number = WEBHOOK_TIMEOUT_MS,
): Promise<SendResult> {
  const secret = await openWebhookSecret(deps.env.CONFIG_KEYS, webhook, webhook.secret);
  const seconds = Math.floor(deps.clock.now() / 1000);
  const headers = {
    "content-type": "application/json",
    "patchbay-delivery": content.id,
    "patchbay-event": content.type,
    [SIGNATURE_HEADER]: await signWebhook(secret, seconds, content.body),
  };
  return postWebhook(deps, () => namedDestination(webhook.url), headers, content.body, timeoutMs);
}
