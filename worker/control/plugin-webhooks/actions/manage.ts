import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { newStandardSecret } from "../../../../sdk/contract/standard-webhooks.ts";
import type { Actor } from "../../../lib/actor.ts";
import { auditRow } from "../../audit-log/rules.ts";
import { newEvent } from "../../events/rules.ts";
import { requireInstall, type InstallDeps } from "../../installs/actions/change.ts";
import { sealContent } from "../../install-secrets/content-store.ts";
import { putSecret } from "../../install-secrets/store.ts";
import { ringAll, type DispatchDeps } from "../../webhooks/actions/dispatch.ts";
import { getDelivery, listDeliveries, reviveDelivery } from "../../webhooks/delivery-store.ts";
import type { DeliveryState, WebhookDelivery } from "../../webhooks/webhook-record.ts";
import type { SignedBy, SigningSecret } from "../signing-record.ts";
import { requireSigning, signingPlace, type SigningDeps } from "./signing.ts";

type SecretDeps = InstallDeps & SigningDeps;

/** How long the secret before signs along with the new one. Milliseconds. */
export const PREVIOUS_SECRET_MS = 24 * 3_600_000;

/** @throws {PlatformError} INSTALL_NOT_FOUND */
export async function showSigningSecret(deps: SecretDeps, actor: Actor, pluginId: string): Promise<SignedBy> {
  const { id: installId } = await requireInstall(deps, actor, pluginId);
  return requireSigning(deps, { tenantId: actor.tenantId, installId });
}

/** @throws {PlatformError} INSTALL_NOT_FOUND; STATE_CONFLICT where somebody else did the same meanwhile */
export async function rotateSigningSecret(deps: SecretDeps, actor: Actor, pluginId: string): Promise<SignedBy> {
  const { row, secret } = await showSigningSecret(deps, actor, pluginId);
  const place = signingPlace(row);
  const now = deps.clock.now();
  const previous = { secret: secret.current, until: now + PREVIOUS_SECRET_MS };
  const next: SigningSecret = { current: newStandardSecret(deps.randomBytes), previous };
  const sealed = await sealContent(deps.capabilities.values, place, next);
  const revision = row.revision + 1;
  const fresh = { ...place, sealed, detail: {}, revision, updatedBy: actor.subject, updatedAt: now };
  const event = newEvent({
    id: deps.newId(),
    tenantId: actor.tenantId,
    pluginId,
    type: "install.secret-changed",
    data: { installId: row.installId, kind: place.kind, change: "rotated" },
    subject: actor.subject,
    createdAt: now,
  });
  const change = { before: { revision: row.revision }, after: { revision, previousSignsUntil: previous.until } };
  const audited = { action: "webhook-signing.rotate", resourceId: pluginId, ...change } as const;
  const audit = auditRow(actor, audited, deps.newId(), now);
  if (await putSecret(deps.db, fresh, { event, audit })) return { row: fresh, secret: next };
  throw new PlatformError("STATE_CONFLICT", "The secret was rotated by somebody else meanwhile.");
}

/** Newest first, one more than `limit` where there are more. @throws {PlatformError} INSTALL_NOT_FOUND */
export async function listOutgoing(
  deps: InstallDeps,
  actor: Actor,
  pluginId: string,
  filter: { readonly state?: DeliveryState | undefined },
  page: { readonly limit: number; readonly before?: string | undefined },
): Promise<WebhookDelivery[]> {
  const { id } = await requireInstall(deps, actor, pluginId);
  return listDeliveries(deps.db, { tenantId: actor.tenantId, id }, filter, { ...page, limit: page.limit + 1 });
}

/**
 * Sends what was given up again, with all its attempts before it.
 *
 * @throws {PlatformError} INSTALL_NOT_FOUND, DELIVERY_NOT_FOUND; STATE_CONFLICT where it is on its way or was delivered
 */
export async function redriveOutgoing(
  deps: InstallDeps & DispatchDeps,
  actor: Actor,
  pluginId: string,
  deliveryId: string,
): Promise<WebhookDelivery> {
  const install = await requireInstall(deps, actor, pluginId);
  const bell = { tenantId: actor.tenantId, deliveryId };
  const delivery = await getDelivery(deps.db, bell);
  if (delivery?.webhookId !== install.id) {
    throw new PlatformError("DELIVERY_NOT_FOUND", `The plugin has no delivery "${deliveryId}".`);
  }
  const now = deps.clock.now();
  const { eventId: messageId, eventType: event, state, attempts, errorCode } = delivery;
  const before = { deliveryId, messageId, event, state, attempts, errorCode };
  const audited = { action: "plugin-webhook.redrive", resourceId: pluginId, before } as const;
  if (!(await reviveDelivery(deps.db, delivery, now, auditRow(actor, audited, deps.newId(), now)))) {
    throw new PlatformError("STATE_CONFLICT", `The delivery is ${state}; only one given up is sent again.`);
  }
  await ringAll(deps, [bell]);
  return { ...delivery, state: "pending", attempts: 0, dueAt: now, updatedAt: now };
}
