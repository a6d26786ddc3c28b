import { defineRoute, type Route } from "../../http/route.ts";
import { listTopics, publishMessage } from "./actions.ts";
import { PublishAnswer, PublishBody, TopicParams, TopicsAnswer } from "./schema.ts";

export const topicRoutes: readonly Route[] = [
  defineRoute({
    method: "get",
    mount: "plugins",
    path: "/topics",
    operationId: "listTopics",
    summary: "Topics of the message bus, with who publishes, who subscribes and what went over them",
    tag: "Messages",
    permission: "plugins:read",
    answers: { 200: { description: "Every topic, by name", schema: TopicsAnswer } },
    errors: [],
    handler: async (context) => context.json({ items: await listTopics(context.get("deps"), context.get("actor")) }),
  }),
  defineRoute({
    method: "post",
    mount: "plugins",
    path: "/topics/:topic",
    operationId: "publishMessage",
    summary: "Publish a message",
    tag: "Messages",
    permission: "plugins:execute",
    params: TopicParams,
    body: PublishBody,
    answers: { 202: { description: "The message is on its way", schema: PublishAnswer } },
    errors: ["MESSAGE_TOO_LARGE", "BUS_UNAVAILABLE"],
    handler: async (context, { params: { topic }, body }) => {
      const traceId = context.get("traceId");
      const published = await publishMessage(context.get("deps"), context.get("actor"), topic, body, traceId);
      return context.json({ ...published, topic }, 202);
    },
  }),
];
