import { PlatformError } from "../../../sdk/contract/errors.ts";
import { topicMatches } from "../../../sdk/contract/topics.ts";
import type { Snapshot, SnapshotInstall } from "../snapshot.ts";

/** Limits of a message. */
export const MESSAGE_LIMITS = {
  /** Data as JSON in UTF-8, in bytes: a queue message holds 128 KB. */
  dataBytes: 64 * 1024,
  /** Messages in a row that caused one another: two plugins that answer each other come to an end. */
  hops: 8,
} as const;

/** Who published: a person, an API key or a plugin of the tenant. */
export interface MessageSource {
  readonly kind: "subject" | "plugin";
  /** Token subject or key id; plugin id. */
  readonly id: string;
}

export interface NewMessage {
  readonly topic: string;
  /** A JSON value. */
  readonly data: unknown;
  readonly source: MessageSource;
  readonly traceId: string;
  /** The publisher's own id, so that publishing again does not run a subscriber again; absent: a fresh one. */
  readonly id?: string | undefined;
  /** How many messages led to this one; 0 where no message did. */
  readonly hops?: number | undefined;
}

/** A message for one subscriber, as the queue carries it. */
export interface Delivery {
  readonly kind: "delivery";
  readonly tenantId: string;
  readonly messageId: string;
  readonly topic: string;
  readonly data: unknown;
  readonly source: MessageSource;
  readonly traceId: string;
  readonly hops: number;
  /** Milliseconds since the epoch. */
  readonly publishedAt: number;
  readonly installId: string;
  readonly pluginId: string;
  readonly functionName: string;
  /** True for one delivery of each message, which stands for the message where messages are counted. */
  readonly counts: boolean;
}

/** Says that a message had no subscriber, so that it is counted all the same. */
export interface Unrouted {
  readonly kind: "unrouted";
  readonly tenantId: string;
  readonly topic: string;
  readonly publishedAt: number;
}

export type BusMessage = Delivery | Unrouted;

export interface Subscriber {
  readonly installId: string;
  readonly pluginId: string;
  readonly functionName: string;
}

/** Functions of active installs that subscribe to the topic, each once, however many of its filters match. */
export function subscribersOf(snapshot: Snapshot, topic: string): readonly Subscriber[] {
  const active = Object.values(snapshot.installs).filter(({ state }) => state === "active");
  return active.flatMap(({ installId, pluginId, topics }) => {
    const matching = (topics?.subscribes ?? []).filter(({ filter }) => topicMatches(filter, topic));
    const names = new Set(matching.map(({ functionName }) => functionName));
    return [...names].map((functionName) => ({ installId, pluginId, functionName }));
  });
}

/** True where the plugin's manifest declares that it publishes there, and its grant does not narrow that away. */
export function mayPublish({ topics, grants }: Pick<SnapshotInstall, "topics" | "grants">, topic: string): boolean {
  const within = (filters: readonly string[]): boolean => filters.some((filter) => topicMatches(filter, topic));
  return within(topics?.publishes ?? []) && within(grants.events?.topics ?? [topic]);
}

/**
 * The messages for the queue.
 *
 * @throws {PlatformError} MESSAGE_TOO_LARGE; MESSAGE_HOPS_EXCEEDED
 */
export function deliveriesOf(snapshot: Snapshot, message: NewMessage & { id: string }, now: number): BusMessage[] {
  const { topic, data, source, traceId, id: messageId, hops = 0 } = message;
  const { tenantId } = snapshot;
  requireSmall(data);
  if (hops > MESSAGE_LIMITS.hops) {
    throw new PlatformError(
      "MESSAGE_HOPS_EXCEEDED",
      `The message to "${topic}" is number ${hops} in a row of messages that caused one another; ${MESSAGE_LIMITS.hops} are allowed.`,
      { limit: { name: "messageHops", used: hops, allowed: MESSAGE_LIMITS.hops } },
    );
  }
  const shared = {
    kind: "delivery",
    tenantId,
    messageId,
    topic,
    data,
    source,
    traceId,
    hops,
    publishedAt: now,
  } as const;
  const deliveries = subscribersOf(snapshot, topic).map((subscriber, index): BusMessage => ({
    ...shared,
    ...subscriber,
    counts: index === 0,
  }));
  return deliveries.length > 0 ? deliveries : [{ kind: "unrouted", tenantId, topic, publishedAt: now }];
}

function requireSmall(data: unknown): void {
  const used = sizeOf(data);
  const allowed = MESSAGE_LIMITS.dataBytes;
  if (used <= allowed) return;
  throw new PlatformError("MESSAGE_TOO_LARGE", `The data has ${used} bytes as JSON; ${allowed} are allowed.`, {
    limit: { name: "messageData", used, allowed },
  });
}

/** Bytes of a value as JSON in UTF-8. */
export function sizeOf(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).byteLength;
}

/** What the subscriber's function gets as its input, JSON in UTF-8. */
export function envelopeOf(delivery: Delivery, attempt: number): Uint8Array {
  const { messageId: id, topic, data, source, publishedAt, hops } = delivery;
  const envelope = { id, topic, data, source, publishedAt: new Date(publishedAt).toISOString(), attempt, hops };
  return new TextEncoder().encode(JSON.stringify(envelope));
}

/**
 * Groups messages so that none of the groups is more than the queue takes at once.
 *
 * @param limit  most messages and most bytes of a group; one message larger than that is a group of its own
 */
export function batchesOf<T>(messages: readonly T[], limit: { readonly count: number; readonly bytes: number }): T[][] {
  const batches: T[][] = [];
  let bytes = 0;
  for (const message of messages) {
    const size = sizeOf(message);
    const batch = batches.at(-1);
    if (batch && batch.length < limit.count && bytes + size <= limit.bytes) {
      batch.push(message);
      bytes += size;
    } else {
      batches.push([message]);
      bytes = size;
    }
  }
  return batches;
}
