import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { standardHeaders } from "../../../../sdk/contract/standard-webhooks.ts";
import type { Deps } from "../../../deps.ts";
import { destinationOf } from "../../../execution/capabilities/http/grant.ts";
import type { OutgoingMessage } from "../../../execution/capabilities/services.ts";
import { ringAll, type DispatchDeps } from "../../webhooks/actions/dispatch.ts";
import { postWebhook, type PostDeps, type Sending } from "../../webhooks/actions/post.ts";
import { planOutgoing } from "../../webhooks/delivery-store.ts";
import type { OutgoingContent, WebhookDelivery } from "../../webhooks/webhook-record.ts";
import { requireSigning, signingSecrets, type SigningDeps } from "./signing.ts";

/**
 * Writes down what a plugin sends, and rings for it. It is sent once it is written, whether the bell rings or not.
 *
 * @param most  deliveries that the install may have on their way
 */
export async function queueOutgoing(
  deps: DispatchDeps,
  message: OutgoingMessage,
  most: number,
): Promise<"queued" | "known" | "full"> {
  const { tenantId, installId, pluginId, id: eventId, event: eventType, url, contentType, body } = message;
  const now = deps.clock.now();
  const delivery: WebhookDelivery = {
    id: deps.newId(),
    tenantId,
    webhookId: installId,
    eventId,
    eventType,
    sequence: 0,
    state: "pending",
    attempts: 0,
    status: null,
    errorCode: null,
    dueAt: now,
    createdAt: now,
    updatedAt: now,
    outgoing: { pluginId, url, contentType, body },
    channel: "webhook",
  };
  const planned = await planOutgoing(deps.db, delivery, most);
  if (planned === "queued") await ringAll(deps, [{ tenantId, deliveryId: delivery.id }]);
  return planned;
}

export type OutgoingDeps = SigningDeps & PostDeps & Pick<Deps, "snapshots">;

/** Decides again what was decided when it was queued: the install may be gone, or its grant smaller. */
export async function outgoingRequest(
  deps: OutgoingDeps,
  delivery: WebhookDelivery,
  { pluginId, url, contentType, body }: OutgoingContent,
): Promise<Sending> {
  const { tenantId, webhookId: installId, eventId } = delivery;
  const { egress } = deps.capabilities;
  const snapshot = await deps.snapshots.read(tenantId);
  const install = snapshot && Object.hasOwn(snapshot.installs, pluginId) ? snapshot.installs[pluginId] : undefined;
  if (snapshot?.status !== "active" || install?.installId !== installId) return { dropped: "INSTALL_NOT_FOUND" };
  if (install.state === "quarantined") return { dropped: "PLUGIN_INACTIVE" };
  const grant = install.grants.webhooks;
  if (!grant) return { dropped: "GRANT_MISSING" };
  const allow = () => destinationOf(url, { capability: "webhooks", grant, privateHosts: egress.privateHosts });
  try {
    allow();
  } catch (error) {
    if (error instanceof PlatformError) return { dropped: error.code };
    throw error;
  }
  const now = deps.clock.now();
  const { secret } = await requireSigning(deps, { tenantId, installId });
  const seconds = Math.floor(now / 1000);
  const bytes = new TextEncoder().encode(body);
  const signed = await standardHeaders(signingSecrets(secret, now), eventId, seconds, bytes);
  const headers = { "content-type": contentType, "user-agent": `Patchbay (${pluginId})`, ...signed };
  return { send: () => postWebhook(deps, allow, headers, body) };
}
