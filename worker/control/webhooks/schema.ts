import * as v from "valibot";
import { EVENT_TYPES } from "../../../sdk/contract/events.ts";
import { ULID_PATTERN } from "../../../sdk/contract/identifiers.ts";
import { DELIVERY_STATES, type Webhook, type WebhookDelivery } from "./webhook-record.ts";

const id = v.pipe(v.string(), v.regex(ULID_PATTERN, "must be an id"));
export const WebhookParams = v.object({ id });
export const DeliveryParams = v.object({ id, delivery: id });

const url = v.pipe(
  v.string(),
  v.maxLength(2_048, "must be at most 2048 characters"),
  v.description("Where events are sent: https, a public host. Redirects are not followed."),
);
const types = v.pipe(
  v.array(v.picklist(EVENT_TYPES, `must be one of ${EVENT_TYPES.join(", ")}`)),
  v.maxLength(EVENT_TYPES.length),
  v.transform((list) => [...new Set(list)]),
  v.description("Types to send; empty: all"),
);

export const WebhookBody = v.strictObject({
  url,
  types: v.optional(types, []),
  secret: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^[\x21-\x7e]{32,128}$/, "must be 32 to 128 visible ASCII characters"),
      v.description("Signs what is sent; absent: one is made"),
    ),
  ),
});

export const WebhookChange = v.pipe(
  v.strictObject({ url: v.optional(url), types: v.optional(types), active: v.optional(v.boolean()) }),
  v.check((body) => Object.values(body).some((value) => value !== undefined), "must name url, types or active"),
);

export type WebhookInput = v.InferOutput<typeof WebhookBody>;
export type WebhookUpdate = v.InferOutput<typeof WebhookChange>;

const time = v.pipe(v.number(), v.integer(), v.description("Milliseconds since the epoch"));

export const WebhookAnswer = v.object({
  id: v.string(),
  url: v.string(),
  types: v.array(v.string()),
  active: v.boolean(),
  createdBy: v.string(),
  createdAt: time,
  updatedAt: time,
});
export const NewWebhookAnswer = v.object({
  ...WebhookAnswer.entries,
  secret: v.pipe(v.string(), v.description("Shown once")),
});
export const WebhooksAnswer = v.object({ items: v.array(WebhookAnswer) });

const status = v.pipe(
  v.nullable(v.number()),
  v.description("HTTP status of the last answer; null where there was none"),
);
const errorCode = v.pipe(v.nullable(v.string()), v.description("Why the last attempt failed"));

export const TestAnswer = v.object({
  delivered: v.boolean(),
  status,
  errorCode,
  durationMs: v.pipe(v.number(), v.integer()),
});

export const DeliveryFilter = v.object({
  state: v.optional(v.picklist(DELIVERY_STATES, `must be one of ${DELIVERY_STATES.join(", ")}`)),
});

export const DeliveryAnswer = v.object({
  id: v.string(),
  eventId: v.string(),
  eventType: v.string(),
  sequence: v.pipe(v.number(), v.integer()),
  state: v.picklist(DELIVERY_STATES),
  attempts: v.pipe(v.number(), v.integer()),
  status,
  errorCode,
  dueAt: v.pipe(v.nullable(time), v.description("When it is tried next; null where it is not")),
  createdAt: time,
  updatedAt: time,
});

/** The webhook without its secret. */
export function describeWebhook(webhook: Webhook): v.InferInput<typeof WebhookAnswer> {
  const { tenantId: _own, secret: _secret, position: _position, types: list, ...shown } = webhook;
  return { ...shown, types: [...list] };
}

export function describeDelivery(delivery: WebhookDelivery): v.InferInput<typeof DeliveryAnswer> {
  const { tenantId: _own, webhookId: _webhook, outgoing: _content, channel: _channel, dueAt, ...shown } = delivery;
  return { ...shown, dueAt: delivery.state === "pending" ? dueAt : null };
}
