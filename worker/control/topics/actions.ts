import type * as v from "valibot";
import { PlatformError } from "../../../sdk/contract/errors.ts";
import type { Deps } from "../../deps.ts";
import type { Published } from "../../execution/bus/publisher.ts";
import type { Actor } from "../../lib/actor.ts";
import { describeTopics } from "./rules.ts";
import type { PublishInput, TopicAnswer } from "./schema.ts";
import { listCounts } from "./store.ts";

/**
 * Publishes a message in the name of the caller.
 *
 * @throws {PlatformError} MESSAGE_TOO_LARGE, BUS_UNAVAILABLE, SNAPSHOT_UNAVAILABLE
 */
export async function publishMessage(
  deps: Pick<Deps, "snapshots" | "bus">,
  actor: Actor,
  topic: string,
  { data, id }: PublishInput,
  traceId: string,
): Promise<Published> {
  const snapshot = await deps.snapshots.read(actor.tenantId);
  if (!snapshot) throw new PlatformError("SNAPSHOT_UNAVAILABLE", "The tenant has no snapshot yet.");
  const source = { kind: "subject", id: actor.subject } as const;
  return deps.bus.publish(snapshot, { topic, data, id, source, traceId });
}

export async function listTopics(
  deps: Pick<Deps, "db" | "snapshots">,
  actor: Actor,
): Promise<v.InferInput<typeof TopicAnswer>[]> {
  const [snapshot, counts] = await Promise.all([
    deps.snapshots.read(actor.tenantId),
    listCounts(deps.db, actor.tenantId),
  ]);
  return describeTopics(snapshot, counts);
}
