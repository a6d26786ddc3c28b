import type { EventType } from "../../../sdk/contract/events.ts";

/** A secret as the database holds it. */
export interface SealedSecret {
  /** Id of the key of the ring that sealed it. */
  readonly key: string;
  /** Base64. */
  readonly sealed: string;
}

/** Where a tenant's events are sent. */
export interface Webhook {
  readonly id: string;
  readonly tenantId: string;
  readonly url: string;
  /** Empty: every type. */
  readonly types: EventType[];
  readonly secret: SealedSecret;
  readonly active: boolean;
  /** Number of the last event that was looked at for it. */
  readonly position: number;
  readonly createdBy: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export const DELIVERY_STATES = ["pending", "delivered", "dead", "dropped"] as const;
/**
 * `dead`: given up after every attempt. `dropped`: the webhook was switched off, or the event is past its retention; of what a
 * plugin sends: it may no longer send it.
 */
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** What a plugin sends, and where to. */
export interface OutgoingContent {
  readonly pluginId: string;
  readonly url: string;
  readonly contentType: string;
  readonly body: string;
}

/** One event on its way to one webhook or address, or what a plugin sends. */
export interface WebhookDelivery {
  readonly id: string;
  readonly tenantId: string;
  readonly webhookId: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly sequence: number;
  readonly state: DeliveryState;
  /** Attempts begun. */
  readonly attempts: number;
  /** HTTP status of the last answer. */
  readonly status: number | null;
  /** Why the last attempt failed. */
  readonly errorCode: string | null;
  /** While pending: not before this time. Milliseconds since the epoch. */
  readonly dueAt: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Null where it is an event. */
  readonly outgoing: OutgoingContent | null;
  /** By e-mail it has its address as webhook. */
  readonly channel: "webhook" | "email";
}

/** What the queue carries: a bell, no more. The rows are what counts. */
export interface WebhookBell {
  readonly tenantId: string;
  readonly deliveryId: string;
}
