import * as v from "valibot";
import { TOPIC_LENGTH, TOPIC_PATTERN } from "../../../sdk/contract/topics.ts";

const topic = v.pipe(
  v.string(),
  v.maxLength(TOPIC_LENGTH, `must be at most ${TOPIC_LENGTH} characters`),
  v.regex(TOPIC_PATTERN, "must be a topic such as orders.created, without `*`"),
);

export const TopicParams = v.object({ topic });

export const PublishBody = v.strictObject({
  data: v.pipe(v.unknown(), v.description("Any JSON value, at most 64 KiB")),
  id: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^[\x21-\x7e]{1,128}$/, "must be 1 to 128 visible ASCII characters"),
      v.description("The publisher's own id: published again within a day, a subscriber that ran is not run again"),
    ),
  ),
});

export type PublishInput = v.InferOutput<typeof PublishBody>;

export const PublishAnswer = v.object({
  id: v.pipe(v.string(), v.description("The message's id, the publisher's own where it gave one")),
  topic: v.string(),
  subscribers: v.pipe(v.number(), v.integer(), v.description("Functions that will get the message")),
});

const count = v.pipe(v.number(), v.integer());

export const TopicAnswer = v.object({
  topic: v.pipe(v.string(), v.description("A topic that messages were published to, or a filter of a manifest")),
  subscribers: v.array(v.object({ pluginId: v.string(), functionName: v.string(), filter: v.string() })),
  publishers: v.pipe(v.array(v.string()), v.description("Plugins that declare that they publish here")),
  counts: v.pipe(
    v.nullable(
      v.object({
        published: count,
        delivered: count,
        failed: v.pipe(count, v.description("Attempts that failed")),
        deadLettered: count,
        lastPublishedAt: v.pipe(count, v.description("Milliseconds since the epoch")),
      }),
    ),
    v.description("Null where nothing was published"),
  ),
});

export const TopicsAnswer = v.object({ items: v.array(TopicAnswer) });
