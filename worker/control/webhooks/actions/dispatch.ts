import type { Deps } from "../../../deps.ts";
import { errorText } from "../../../lib/error-text.ts";
import { logError } from "../../../lib/json-log.ts";
import type { PluginEvent } from "../../events/rules.ts";
import { listEvents } from "../../events/store.ts";
import { listActiveWebhooks, listOverdue, listTenantsBehind, planDeliveries } from "../delivery-store.ts";
import { wantsEvent } from "../rules.ts";
import type { Webhook, WebhookBell, WebhookDelivery } from "../webhook-record.ts";

export type DispatchDeps = Pick<Deps, "db" | "clock" | "newId"> & { readonly env: Pick<Env, "WEBHOOKS"> };

/** Events looked at together, and times that more are looked at in one go. */
const PAGE = 50;
const PAGES = 20;
/** Bells in one message batch. */
const BATCH = 100;
/** A delivery due this long ago has lost its bell. Milliseconds. */
const OVERDUE_MS = 120_000;
const TENANTS_PER_RUN = 500;
const BELLS_PER_RUN = 1_000;

/**
 * Plans deliveries of the tenant's new events to its webhooks, and rings for each. The plan is in the database before any
 * bell rings, so whoever is cut off in between leaves nothing behind but a bell, which the cron job makes up for.
 */
export async function dispatchWebhooks(deps: DispatchDeps, tenantId: string): Promise<void> {
  for (let page = 0; page < PAGES; page++) {
    const webhooks = await listActiveWebhooks(deps.db, tenantId);
    if (webhooks.length === 0) return;
    const after = Math.min(...webhooks.map(({ position }) => position));
    const events = await listEvents(deps.db, tenantId, { after }, { limit: PAGE, order: "oldest" });
    const last = events.at(-1);
    if (!last) return;
    const behind = webhooks.filter(({ position }) => position < last.sequence);
    const deliveries = behind.flatMap((webhook) => deliveriesFor(deps, webhook, events));
    const planned = await planDeliveries(deps.db, behind, last.sequence, deliveries);
    if (planned) await ring(deps, deliveries);
    if (planned && events.length < PAGE) return;
  }
}

function deliveriesFor(deps: DispatchDeps, webhook: Webhook, events: readonly PluginEvent[]): WebhookDelivery[] {
  const now = deps.clock.now();
  const wanted = events.filter(({ sequence, type }) => sequence > webhook.position && wantsEvent(webhook, type));
  return wanted.map((event) => newDelivery(deps.newId(), webhook, event, now));
}

/**
 * A delivery that nobody tried yet.
 *
 * @param now  milliseconds since the epoch
 */
export function newDelivery(
  id: string,
  to: Pick<Webhook, "id" | "tenantId">,
  event: Pick<PluginEvent, "id" | "type" | "sequence">,
  now: number,
  channel: WebhookDelivery["channel"] = "webhook",
): WebhookDelivery {
  return {
    id,
    tenantId: to.tenantId,
    webhookId: to.id,
    eventId: event.id,
    eventType: event.type,
    sequence: event.sequence,
    state: "pending",
    attempts: 0,
    status: null,
    errorCode: null,
    dueAt: now,
    createdAt: now,
    updatedAt: now,
    outgoing: null,
    channel,
  };
}

async function ring(deps: DispatchDeps, deliveries: readonly WebhookDelivery[]): Promise<void> {
  await ringAll(
    deps,
    deliveries.map(({ tenantId, id }) => ({ tenantId, deliveryId: id })),
  );
}

/** A bell that cannot be rung is not lost: the delivery becomes overdue. */
export async function ringAll(deps: DispatchDeps, bells: readonly WebhookBell[]): Promise<void> {
  for (let start = 0; start < bells.length; start += BATCH) {
    const batch = bells.slice(start, start + BATCH).map((body) => ({ body }));
    await deps.env.WEBHOOKS.sendBatch(batch).catch((error: unknown) =>
      logError("webhooks.not-rung", { bells: batch.length, error: errorText(error) }),
    );
  }
}

/** Makes up for plans that nobody made and bells that were lost. */
export async function catchUpWebhooks(deps: DispatchDeps): Promise<void> {
  for (const tenantId of await listTenantsBehind(deps.db, TENANTS_PER_RUN)) await dispatchWebhooks(deps, tenantId);
  await ringAll(deps, await listOverdue(deps.db, deps.clock.now() - OVERDUE_MS, BELLS_PER_RUN));
}
