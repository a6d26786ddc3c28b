import * as v from "valibot";
import { PluginParams } from "../installs/schema.ts";
import { DeliveryAnswer, DeliveryParams, describeDelivery } from "../webhooks/schema.ts";
import type { WebhookDelivery } from "../webhooks/webhook-record.ts";
import type { SignedBy } from "./signing-record.ts";

export const OutgoingParams = v.object({ ...PluginParams.entries, delivery: DeliveryParams.entries.delivery });

const time = v.pipe(v.number(), v.integer(), v.description("Milliseconds since the epoch"));

export const SigningAnswer = v.object({
  secret: v.pipe(v.string(), v.description("Verifies `webhook-signature`: `whsec_` and base64")),
  updatedAt: time,
  previous: v.pipe(
    v.nullable(v.object({ secret: v.string(), until: time })),
    v.description("Signs too until then, after a rotation"),
  ),
});

const { eventId: _event, eventType: _type, sequence: _sequence, ...shared } = DeliveryAnswer.entries;

export const OutgoingAnswer = v.object({
  ...shared,
  messageId: v.pipe(v.string(), v.description("The plugin's own, `webhook-id` of the request")),
  event: v.string(),
  url: v.string(),
});

export function describeSigning({ row, secret }: SignedBy): v.InferInput<typeof SigningAnswer> {
  return { secret: secret.current, updatedAt: row.updatedAt, previous: secret.previous };
}

/** The delivery without what is sent. */
export function describeOutgoing(delivery: WebhookDelivery): v.InferInput<typeof OutgoingAnswer> {
  const { eventId: messageId, eventType: event, sequence: _none, ...shown } = describeDelivery(delivery);
  return { ...shown, messageId, event, url: delivery.outgoing?.url ?? "" };
}
