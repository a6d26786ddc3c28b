import * as v from "valibot";
import { ULID_PATTERN } from "../../../sdk/contract/identifiers.ts";
import { decodeCursor, pageOf, pageQuery, toPage } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import {
  changeWebhook,
  createWebhook,
  listAll,
  listWebhookDeliveries,
  readWebhook,
  redriveDelivery,
  removeWebhook,
  testWebhook,
} from "./actions/manage.ts";
import {
  DeliveryAnswer,
  DeliveryFilter,
  DeliveryParams,
  describeDelivery,
  describeWebhook,
  NewWebhookAnswer,
  TestAnswer,
  WebhookAnswer,
  WebhookBody,
  WebhookChange,
  WebhookParams,
  WebhooksAnswer,
} from "./schema.ts";

const DeliveryPosition = v.tuple([v.pipe(v.string(), v.regex(ULID_PATTERN))]);
const operated = { mount: "plugins", tag: "Webhooks", permission: "plugins:operate" } as const;
const one = { ...operated, path: "/webhooks/:id", params: WebhookParams } as const;

export const webhookRoutes: readonly Route[] = [
  defineRoute({
    ...operated,
    method: "get",
    path: "/webhooks",
    operationId: "listWebhooks",
    summary: "Where the tenant's events are sent",
    answers: { 200: { description: "Every webhook, without secrets", schema: WebhooksAnswer } },
    errors: [],
    handler: async (context) => {
      const items = await listAll(context.get("deps"), context.get("actor"));
      return context.json({ items: items.map(describeWebhook) });
    },
  }),
  defineRoute({
    ...operated,
    method: "post",
    path: "/webhooks",
    operationId: "createWebhook",
    summary: "Send the tenant's events to a URL",
    body: WebhookBody,
    answers: { 201: { description: "The webhook, with its secret", schema: NewWebhookAnswer } },
    errors: ["QUOTA_EXCEEDED"],
    handler: async (context, { body }) => {
      const { webhook, secret } = await createWebhook(context.get("deps"), context.get("actor"), body);
      return context.json({ ...describeWebhook(webhook), secret }, 201);
    },
  }),
  defineRoute({
    ...one,
    method: "get",
    operationId: "getWebhook",
    summary: "One webhook",
    answers: { 200: { description: "The webhook, without its secret", schema: WebhookAnswer } },
    errors: ["WEBHOOK_NOT_FOUND"],
    handler: async (context, { params }) =>
      context.json(describeWebhook(await readWebhook(context.get("deps"), context.get("actor"), params.id))),
  }),
  defineRoute({
    ...one,
    method: "patch",
    operationId: "updateWebhook",
    summary: "Change URL or types of a webhook, or switch it off and on",
    body: WebhookChange,
    answers: { 200: { description: "The webhook after the change", schema: WebhookAnswer } },
    errors: ["WEBHOOK_NOT_FOUND"],
    handler: async (context, { params, body }) =>
      context.json(describeWebhook(await changeWebhook(context.get("deps"), context.get("actor"), params.id, body))),
  }),
  defineRoute({
    ...one,
    method: "delete",
    operationId: "deleteWebhook",
    summary: "Delete a webhook, with what is on its way to it",
    answers: { 204: { description: "It is gone" } },
    errors: ["WEBHOOK_NOT_FOUND"],
    handler: async (context, { params }) => {
      await removeWebhook(context.get("deps"), context.get("actor"), params.id);
      return context.body(null, 204);
    },
  }),
  defineRoute({
    ...one,
    path: "/webhooks/:id/test",
    method: "post",
    operationId: "testWebhook",
    summary: "Send a test and say what came of it",
    answers: { 200: { description: "What the receiver answered", schema: TestAnswer } },
    errors: ["WEBHOOK_NOT_FOUND", "CONFIG_KEY_UNKNOWN", "CONFIG_UNREADABLE"],
    handler: async (context, { params }) => {
      const result = await testWebhook(context.get("deps"), context.get("actor"), params.id);
      return context.json({ delivered: result.errorCode === null, ...result });
    },
  }),
  defineRoute({
    ...one,
    path: "/webhooks/:id/deliveries",
    method: "get",
    operationId: "listWebhookDeliveries",
    summary: "What was sent to a webhook and what came of it, newest first",
    query: v.object({ ...pageQuery, ...DeliveryFilter.entries }),
    answers: { 200: { description: "A page of deliveries", schema: pageOf(DeliveryAnswer) } },
    errors: ["WEBHOOK_NOT_FOUND"],
    handler: async (context, { params, query }) => {
      const { limit, cursor, ...filter } = query;
      const page = { limit, before: decodeCursor(cursor, DeliveryPosition)?.[0] };
      const rows = await listWebhookDeliveries(context.get("deps"), context.get("actor"), params.id, filter, page);
      return context.json(toPage(rows.map(describeDelivery), limit, (row) => [row.id]));
    },
  }),
  defineRoute({
    ...operated,
    path: "/webhooks/:id/deliveries/:delivery/redrive",
    params: DeliveryParams,
    method: "post",
    operationId: "redriveWebhookDelivery",
    summary: "Send an event again that was given up",
    answers: { 202: { description: "It is on its way, with all its attempts before it", schema: DeliveryAnswer } },
    errors: ["WEBHOOK_NOT_FOUND", "DELIVERY_NOT_FOUND", "STATE_CONFLICT"],
    handler: async (context, { params: { id, delivery } }) => {
      const redriven = await redriveDelivery(context.get("deps"), context.get("actor"), id, delivery);
      return context.json(describeDelivery(redriven), 202);
    },
  }),
];
