import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { Deps } from "../../../deps.ts";
import { namedDestination } from "../../../execution/capabilities/http/grant.ts";
import type { Actor } from "../../../lib/actor.ts";
import { toHex } from "../../../lib/hex.ts";
import { auditRow, type AuditedChange, type NewAuditRow } from "../../audit-log/rules.ts";
import { newEvent } from "../../events/rules.ts";
import { getDelivery, listDeliveries, reviveDelivery } from "../delivery-store.ts";
import { sealWebhookSecret, WEBHOOKS } from "../rules.ts";
import type { WebhookInput, WebhookUpdate } from "../schema.ts";
import { deleteWebhook, getWebhook, insertWebhook, listWebhooks, updateWebhook } from "../store.ts";
import type { DeliveryState, Webhook, WebhookDelivery } from "../webhook-record.ts";
import { sendWebhook, type SendDeps } from "./deliver.ts";
import { ringAll, type DispatchDeps } from "./dispatch.ts";
import type { SendResult } from "./post.ts";

export type WebhookDeps = Pick<Deps, "db" | "clock" | "newId" | "randomBytes"> & {
  readonly env: Pick<Env, "CONFIG_KEYS">;
};

const SECRET_BYTES = 32;

/**
 * @returns the webhook and its secret, which is shown this once
 * @throws {PlatformError} REQUEST_INVALID where the URL is none that may be sent to; QUOTA_EXCEEDED
 */
export async function createWebhook(
  deps: WebhookDeps,
  actor: Actor,
  { url, types, secret = `whsec_${toHex(deps.randomBytes(SECRET_BYTES))}` }: WebhookInput,
): Promise<{ readonly webhook: Webhook; readonly secret: string }> {
  const { host } = requireUrl(url);
  const now = deps.clock.now();
  const owner = { id: deps.newId(), tenantId: actor.tenantId };
  const sealed = await sealWebhookSecret(deps.env.CONFIG_KEYS, owner, secret, deps.randomBytes);
  const times = { createdBy: actor.subject, createdAt: now, updatedAt: now };
  const row = { ...owner, url, types, secret: sealed, active: true, ...times };
  const event = newEvent({
    ...eventOf(deps, actor),
    type: "webhook.created",
    data: { webhookId: owner.id, host },
  });
  const audit = auditOf(deps, actor, { action: "webhook.create", resourceId: owner.id, after: auditedState(row) });
  if (!(await insertWebhook(deps.db, row, event, WEBHOOKS, audit))) {
    throw new PlatformError("QUOTA_EXCEEDED", `The tenant has ${WEBHOOKS} webhooks, which is as many as it may have.`, {
      limit: { name: "webhooks", used: WEBHOOKS, allowed: WEBHOOKS },
    });
  }
  return { webhook: { ...row, position: 0 }, secret };
}

export function listAll(deps: Pick<Deps, "db">, actor: Actor): Promise<Webhook[]> {
  return listWebhooks(deps.db, actor.tenantId);
}

/** @throws {PlatformError} WEBHOOK_NOT_FOUND, the same for those of other tenants */
export async function readWebhook(deps: Pick<Deps, "db">, actor: Actor, id: string): Promise<Webhook> {
  const webhook = await getWebhook(deps.db, actor.tenantId, id);
  if (!webhook) throw webhookNotFound(id);
  return webhook;
}

/** @throws {PlatformError} WEBHOOK_NOT_FOUND; REQUEST_INVALID */
export async function changeWebhook(
  deps: WebhookDeps,
  actor: Actor,
  id: string,
  change: WebhookUpdate,
): Promise<Webhook> {
  if (change.url !== undefined) requireUrl(change.url);
  const webhook = await readWebhook(deps, actor, id);
  const set = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
  const changed = Object.keys(set).sort().join(",");
  const event = newEvent({ ...eventOf(deps, actor), type: "webhook.updated", data: { webhookId: id, changed } });
  const states = { before: auditedState(webhook), after: { ...auditedState({ ...webhook, ...set }), changed } };
  const audit = auditOf(deps, actor, { action: "webhook.update", resourceId: id, ...states });
  if (!(await updateWebhook(deps.db, webhook, { ...set, updatedAt: deps.clock.now() }, event, audit)))
    throw webhookNotFound(id);
  return readWebhook(deps, actor, id);
}

/** @throws {PlatformError} WEBHOOK_NOT_FOUND */
export async function removeWebhook(deps: WebhookDeps, actor: Actor, id: string): Promise<void> {
  const webhook = await readWebhook(deps, actor, id);
  const event = newEvent({ ...eventOf(deps, actor), type: "webhook.deleted", data: { webhookId: id } });
  const audit = auditOf(deps, actor, { action: "webhook.delete", resourceId: id, before: auditedState(webhook) });
  if (!(await deleteWebhook(deps.db, webhook, event, audit))) throw webhookNotFound(id);
}

/**
 * Sends a request that says it is a test, at once, and tells what came of it.
 *
 * @throws {PlatformError} WEBHOOK_NOT_FOUND
 */
export async function testWebhook(
  deps: SendDeps & Pick<Deps, "db" | "newId">,
  actor: Actor,
  id: string,
): Promise<SendResult & { readonly durationMs: number }> {
  const webhook = await readWebhook(deps, actor, id);
  const began = deps.clock.now();
  const test = { id: deps.newId(), type: "webhook.test", tenantId: actor.tenantId, subject: actor.subject };
  const body = JSON.stringify({ ...test, createdAt: began });
  const result = await sendWebhook(deps, webhook, { id: test.id, type: test.type, body });
  return { ...result, durationMs: deps.clock.now() - began };
}

/** Newest first, one more than `limit` where there are more. @throws {PlatformError} WEBHOOK_NOT_FOUND */
export async function listWebhookDeliveries(
  deps: Pick<Deps, "db">,
  actor: Actor,
  id: string,
  filter: { readonly state?: DeliveryState | undefined },
  page: { readonly limit: number; readonly before?: string | undefined },
): Promise<WebhookDelivery[]> {
  const webhook = await readWebhook(deps, actor, id);
  return listDeliveries(deps.db, webhook, filter, { ...page, limit: page.limit + 1 });
}

/**
 * Sends what was given up again.
 *
 * @throws {PlatformError} WEBHOOK_NOT_FOUND, DELIVERY_NOT_FOUND; STATE_CONFLICT where it is on its way or was delivered
 */
export async function redriveDelivery(
  deps: DispatchDeps,
  actor: Actor,
  webhookId: string,
  deliveryId: string,
): Promise<WebhookDelivery> {
  await readWebhook(deps, actor, webhookId);
  const bell = { tenantId: actor.tenantId, deliveryId };
  const delivery = await getDelivery(deps.db, bell);
  if (delivery?.webhookId !== webhookId) {
    throw new PlatformError("DELIVERY_NOT_FOUND", `The webhook has no delivery "${deliveryId}".`);
  }
  const now = deps.clock.now();
  const { eventId, eventType, state, errorCode } = delivery;
  const before = { deliveryId, eventId, eventType, state, errorCode };
  const audit = auditOf(deps, actor, { action: "webhook.redrive", resourceId: webhookId, before });
  if (!(await reviveDelivery(deps.db, delivery, now, audit))) {
    throw new PlatformError("STATE_CONFLICT", `The delivery is ${delivery.state}; only one given up is sent again.`);
  }
  await ringAll(deps, [bell]);
  return { ...delivery, state: "pending", attempts: 0, dueAt: now, updatedAt: now };
}

function requireUrl(url: string): URL {
  try {
    return namedDestination(url).url;
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    const message = error.message.replace(/^url: /, "").replace(/^The request was not sent: /, "");
    throw new PlatformError("REQUEST_INVALID", "The URL is none that a webhook may have.", {
      issues: [{ path: "/url", message }],
    });
  }
}

function auditOf(deps: Pick<WebhookDeps, "newId" | "clock">, actor: Actor, audit: AuditedChange): NewAuditRow {
  return auditRow(actor, audit, deps.newId(), deps.clock.now());
}

/** A webhook as the log shows it: of the URL only the host, since the rest may be a secret. */
function auditedState({ url, types, active }: Pick<Webhook, "url" | "types" | "active">) {
  return { host: new URL(url).host, types, active };
}

function eventOf(deps: WebhookDeps, { tenantId, subject }: Actor) {
  return { id: deps.newId(), tenantId, pluginId: null, subject, createdAt: deps.clock.now() };
}

function webhookNotFound(id: string): PlatformError {
  return new PlatformError("WEBHOOK_NOT_FOUND", `There is no webhook "${id}".`);
}
