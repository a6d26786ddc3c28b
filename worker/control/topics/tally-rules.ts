/** What a batch of messages adds to the counts of each topic. */
export interface TopicTally {
  readonly tenantId: string;
  readonly topic: string;
  published: number;
  delivered: number;
  failed: number;
  deadLettered: number;
  /** Milliseconds since the epoch. */
  lastPublishedAt: number;
}

export type Tally = Map<string, TopicTally>;

export function emptyTally(): Tally {
  return new Map();
}

export function addTally(
  tally: Tally,
  message: { readonly tenantId: string; readonly topic: string; readonly publishedAt: number },
  counted: Partial<Record<"published" | "delivered" | "failed" | "deadLettered", number>>,
): void {
  const { tenantId, topic, publishedAt } = message;
  const key = `${tenantId} ${topic}`;
  const known = tally.get(key);
  const row = known ?? { tenantId, topic, published: 0, delivered: 0, failed: 0, deadLettered: 0, lastPublishedAt: 0 };
  row.published += counted.published ?? 0;
  row.delivered += counted.delivered ?? 0;
  row.failed += counted.failed ?? 0;
  row.deadLettered += counted.deadLettered ?? 0;
  row.lastPublishedAt = Math.max(row.lastPublishedAt, publishedAt);
  if (!known) tally.set(key, row);
}
