import { eq, sql } from "drizzle-orm";
import type { Database } from "../../db/client.ts";
import { topicCounts } from "../../db/schema.ts";
import type { Tally, TopicTally } from "./tally-rules.ts";

/** Topics of one tenant that are counted; messages to further ones are delivered all the same. */
export const TOPICS_COUNTED = 1_000;

/** Adds what a batch counted, in one statement: a topic's name is the publisher's choice, so a tenant's are limited. */
export async function addCounts(db: Database, tally: Tally): Promise<void> {
  if (tally.size === 0) return;
  const rows = JSON.stringify([...tally.values()]);
  const fields = ["tenantId", "topic", "published", "delivered", "failed", "deadLettered", "lastPublishedAt"];
  const values = sql.raw(fields.map((name) => `json_extract(value, '$.${name}')`).join(", "));
  const room = sql`(SELECT count(*) FROM topic_counts AS c WHERE c.tenant_id = json_extract(value, '$.tenantId')) < ${TOPICS_COUNTED}`;
  const known = sql`EXISTS (SELECT 1 FROM topic_counts AS k WHERE k.tenant_id = json_extract(value, '$.tenantId') AND k.topic = json_extract(value, '$.topic'))`;
  await db
    .insert(topicCounts)
    .select(sql`SELECT ${values} FROM json_each(${rows}) WHERE ${known} OR ${room}`)
    .onConflictDoUpdate({
      target: [topicCounts.tenantId, topicCounts.topic],
      set: {
        published: sql`${topicCounts.published} + excluded.published`,
        delivered: sql`${topicCounts.delivered} + excluded.delivered`,
        failed: sql`${topicCounts.failed} + excluded.failed`,
        deadLettered: sql`${topicCounts.deadLettered} + excluded.dead_lettered`,
        lastPublishedAt: sql`max(${topicCounts.lastPublishedAt}, excluded.last_published_at)`,
      },
    });
}

/** Every topic of the tenant that was counted, by name. */
export async function listCounts(db: Database, tenantId: string): Promise<TopicTally[]> {
  return db.select().from(topicCounts).where(eq(topicCounts.tenantId, tenantId)).orderBy(topicCounts.topic);
}
