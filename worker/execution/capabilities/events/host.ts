import * as v from "valibot";
import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { TOPIC_LENGTH, TOPIC_PATTERN } from "../../../../sdk/contract/topics.ts";
import { mayPublish, sizeOf } from "../../bus/rules.ts";
import { hostCall, type HostContext } from "../capability.ts";

const PublishRequest = v.strictObject({
  topic: v.pipe(
    v.string(),
    v.maxLength(TOPIC_LENGTH),
    v.regex(TOPIC_PATTERN, "must be a topic such as orders.created"),
  ),
  id: v.optional(v.pipe(v.string(), v.regex(/^[\x21-\x7e]{1,100}$/, "must be 1 to 100 visible ASCII characters"))),
  /** Left out where the body is the data. */
  data: v.optional(v.unknown()),
});

/**
 * `events_publish`: publishes to a topic that the manifest names and the grant leaves. Data is the body as JSON, or `data`. Answers
 * `{ id, subscribers }` once the queue holds the message. A plugin's own ids are its own: no other plugin's message has one of them.
 */
export const eventsPublish = hostCall("events", PublishRequest, async (context, { topic, id, data }, body) => {
  const { call, quotas, reach, services, note } = context;
  note(topic);
  requireTopic(context, topic);
  const message = body === undefined ? (data ?? null) : parse(body);
  quotas.within("events", "messageBytes", sizeOf(message));
  quotas.take("events", "messages");
  const published = await services.bus.publish(reach.snapshot, {
    topic,
    data: message,
    source: { kind: "plugin", id: call.pluginId },
    traceId: call.traceId,
    hops: call.hops ?? 0,
    ...(id === undefined ? {} : { id: `${call.pluginId}/${id}` }),
  });
  return { value: { id: published.id, subscribers: published.subscribers } };
});

function requireTopic({ call, grant, reach: { snapshot } }: HostContext, topic: string): void {
  const install = Object.hasOwn(snapshot.installs, call.pluginId) ? snapshot.installs[call.pluginId] : undefined;
  const grants = { events: grant };
  if (install && mayPublish({ grants, ...(install.topics ? { topics: install.topics } : {}) }, topic)) return;
  throw new PlatformError("GRANT_MISSING", `The plugin may not publish to the topic "${topic}".`);
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(body));
  } catch (cause) {
    throw new PlatformError("HOST_REQUEST_INVALID", "The body of events_publish is not JSON in UTF-8.", { cause });
  }
}
