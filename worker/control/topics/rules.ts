import type * as v from "valibot";
import { topicMatches } from "../../../sdk/contract/topics.ts";
import type { Snapshot } from "../../execution/snapshot.ts";
import type { TopicAnswer } from "./schema.ts";
import type { TopicTally } from "./tally-rules.ts";

type Topic = v.InferInput<typeof TopicAnswer>;

/**
 * What the tenant's topics are: those that something was published to, and those that active plugins name in their
 * manifests. By name.
 */
export function describeTopics(snapshot: Snapshot | undefined, counts: readonly TopicTally[]): Topic[] {
  const active = Object.values(snapshot?.installs ?? {}).filter(({ state }) => state === "active");
  const declared = active.flatMap(({ topics }) => [
    ...(topics?.publishes ?? []),
    ...(topics?.subscribes ?? []).map(({ filter }) => filter),
  ]);
  const byName = new Map(counts.map((row) => [row.topic, row]));
  const names = [...new Set([...byName.keys(), ...declared])].sort();
  return names.map((topic) => ({
    topic,
    subscribers: active.flatMap(({ pluginId, topics }) =>
      (topics?.subscribes ?? [])
        .filter(({ filter }) => filter === topic || topicMatches(filter, topic))
        .map(({ filter, functionName }) => ({ pluginId, functionName, filter })),
    ),
    publishers: active
      .filter(({ topics }) => topics?.publishes.some((filter) => filter === topic || topicMatches(filter, topic)))
      .map(({ pluginId }) => pluginId),
    counts: countsOf(byName.get(topic)),
  }));
}

function countsOf(row: TopicTally | undefined): Topic["counts"] {
  if (!row) return null;
  const { published, delivered, failed, deadLettered, lastPublishedAt } = row;
  return { published, delivered, failed, deadLettered, lastPublishedAt };
}
