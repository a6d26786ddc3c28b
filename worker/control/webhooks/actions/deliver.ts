import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { SIGNATURE_HEADER, signWebhook } from "../../../../sdk/contract/webhook-signature.ts";
import type { Deps } from "../../../deps.ts";
import { errorText } from "../../../lib/error-text.ts";
import { logError } from "../../../lib/json-log.ts";
import { newEvent, SYSTEM_SUBJECT } from "../../events/rules.ts";
import { describeEvent } from "../../events/schema.ts";
import { listEvents } from "../../events/store.ts";
import { claimDelivery, getDelivery, settleDelivery } from "../delivery-store.ts";
import {
  ATTEMPT_LEASE_MS,
  failureOf,
  openWebhookSecret,
  WEBHOOK_ATTEMPTS,
  WEBHOOK_TIMEOUT_MS,
  webhookBackoff,
  webhookDestination,
} from "../rules.ts";
import { getWebhook } from "../store.ts";
import type { Webhook, WebhookBell, WebhookDelivery } from "../webhook-record.ts";

export type SendDeps = Pick<Deps, "clock"> & {
  readonly env: Pick<Env, "CONFIG_KEYS">;
  readonly capabilities: Pick<Deps["capabilities"], "egress">;
};
export type DeliverDeps = SendDeps & Pick<Deps, "db" | "newId" | "randomBytes">;

/** Requests under way at once; a worker may have six connections open. */
const LANES = 4;
/** A bell may ring a little early. Milliseconds. */
const EARLY_MS = 2_000;
const PLATFORM_DELAY = 30;
const BYTE = 256;

export interface SendResult {
  /** Null where there was no answer. */
  readonly status: number | null;
  /** Null where the receiver took it. */
  readonly errorCode: string | null;
}

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
  const content = await contentOf(deps, delivery);
  if (!content) {
    await settleDelivery(deps.db, delivery, { ...unanswered(delivery), state: "dropped", updatedAt: now });
    message.ack();
    return false;
  }
  if (!(await claimDelivery(deps.db, delivery, now + ATTEMPT_LEASE_MS))) {
    message.ack(); // somebody else is at it, and the cron job is behind them
    return false;
  }
  const result = await sendWebhook(deps, content.webhook, {
    id: delivery.id,
    type: delivery.eventType,
    body: content.body,
  });
  return settle(deps, message, delivery, result);
}

async function settle(
  deps: DeliverDeps,
  message: Message<WebhookBell>,
  delivery: WebhookDelivery,
  result: SendResult,
): Promise<boolean> {
  const now = deps.clock.now();
  const attempts = delivery.attempts + 1;
  if (result.errorCode === null) {
    await settleDelivery(deps.db, delivery, { ...result, state: "delivered", dueAt: now, updatedAt: now });
    message.ack();
    return false;
  }
  if (attempts < WEBHOOK_ATTEMPTS) {
    const delaySeconds = webhookBackoff(attempts, (deps.randomBytes(1)[0] ?? 0) / BYTE);
    const dueAt = now + delaySeconds * 1000;
    await settleDelivery(deps.db, delivery, { ...result, state: "pending", dueAt, updatedAt: now });
    message.retry({ delaySeconds });
    return false;
  }
  const { tenantId, webhookId, eventId, id: deliveryId } = delivery;
  const event = newEvent({
    id: deps.newId(),
    tenantId,
    pluginId: null,
    type: "webhook.failed",
    data: { webhookId, deliveryId, eventId, attempts, code: result.errorCode },
    subject: SYSTEM_SUBJECT,
    createdAt: now,
  });
  await settleDelivery(deps.db, delivery, { ...result, state: "dead", dueAt: now, updatedAt: now }, event);
  message.ack();
  return true;
}

function unanswered({ status, errorCode, dueAt }: WebhookDelivery) {
  return { status, errorCode, dueAt };
}

/** @returns undefined where the webhook was switched off, or the event is past its retention */
async function contentOf(
  { db }: DeliverDeps,
  { tenantId, webhookId, sequence }: WebhookDelivery,
): Promise<{ readonly webhook: Webhook; readonly body: string } | undefined> {
  const [webhook, events] = await Promise.all([
    getWebhook(db, tenantId, webhookId),
    listEvents(db, tenantId, { after: sequence - 1, before: sequence + 1 }, { limit: 1, order: "oldest" }),
  ]);
  const [event] = events;
  if (!webhook?.active || !event) return undefined;
  return { webhook, body: JSON.stringify({ ...describeEvent(event), tenantId }) };
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
  try {
    const response = await deps.capabilities.egress.send(webhookDestination(webhook.url), {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "user-agent": "Patchbay-Webhooks/1",
        "patchbay-delivery": content.id,
        "patchbay-event": content.type,
        [SIGNATURE_HEADER]: await signWebhook(secret, seconds, content.body),
      },
      body: content.body,
      signal: AbortSignal.timeout(timeoutMs),
    });
    await response.body?.cancel(); // what a receiver says is nobody's business
    return { status: response.status, errorCode: failureOf(response.status) ?? null };
  } catch (error) {
    if (error instanceof PlatformError) return { status: null, errorCode: error.code };
    throw error;
  }
}
