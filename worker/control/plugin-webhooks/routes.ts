import * as v from "valibot";
import { ULID_PATTERN } from "../../../sdk/contract/identifiers.ts";
import { decodeCursor, pageOf, pageQuery, toPage } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { PluginParams } from "../installs/schema.ts";
import { DeliveryFilter } from "../webhooks/schema.ts";
import { listOutgoing, redriveOutgoing, rotateSigningSecret, showSigningSecret } from "./actions/manage.ts";
import { describeOutgoing, describeSigning, OutgoingAnswer, OutgoingParams, SigningAnswer } from "./schema.ts";

const DeliveryPosition = v.tuple([v.pipe(v.string(), v.regex(ULID_PATTERN))]);
const owned = { mount: "plugins", tag: "Plugin webhooks" } as const;

export const pluginWebhookRoutes: readonly Route[] = [
  defineRoute({
    ...owned,
    method: "get",
    path: "/:id/webhooks/secret",
    operationId: "getPluginWebhookSecret",
    summary: "What signs the webhooks that an install sends",
    permission: "tenant:admin",
    params: PluginParams,
    answers: { 200: { description: "The secret", schema: SigningAnswer } },
    errors: ["INSTALL_NOT_FOUND", "VALUE_UNREADABLE"],
    handler: async (context, { params }) =>
      context.json(describeSigning(await showSigningSecret(context.get("deps"), context.get("actor"), params.id))),
  }),
  defineRoute({
    ...owned,
    method: "post",
    path: "/:id/webhooks/secret/rotate",
    operationId: "rotatePluginWebhookSecret",
    summary: "Sign the webhooks of an install with a new secret",
    permission: "tenant:admin",
    params: PluginParams,
    answers: { 200: { description: "The new secret", schema: SigningAnswer } },
    errors: ["INSTALL_NOT_FOUND", "STATE_CONFLICT", "VALUE_UNREADABLE"],
    handler: async (context, { params }) =>
      context.json(describeSigning(await rotateSigningSecret(context.get("deps"), context.get("actor"), params.id))),
  }),
  defineRoute({
    ...owned,
    method: "get",
    path: "/:id/webhooks/deliveries",
    operationId: "listPluginWebhookDeliveries",
    summary: "What an install sent to webhooks and what came of it, newest first",
    permission: "plugins:operate",
    params: PluginParams,
    query: v.object({ ...pageQuery, ...DeliveryFilter.entries }),
    answers: { 200: { description: "A page of deliveries", schema: pageOf(OutgoingAnswer) } },
    errors: ["INSTALL_NOT_FOUND"],
    handler: async (context, { params, query }) => {
      const { limit, cursor, ...filter } = query;
      const page = { limit, before: decodeCursor(cursor, DeliveryPosition)?.[0] };
      const rows = await listOutgoing(context.get("deps"), context.get("actor"), params.id, filter, page);
      return context.json(toPage(rows.map(describeOutgoing), limit, (row) => [row.id]));
    },
  }),
  defineRoute({
    ...owned,
    method: "post",
    path: "/:id/webhooks/deliveries/:delivery/redrive",
    operationId: "redrivePluginWebhookDelivery",
    summary: "Send again what was given up",
    permission: "plugins:operate",
    params: OutgoingParams,
    answers: { 202: { description: "It is on its way, with all its attempts before it", schema: OutgoingAnswer } },
    errors: ["INSTALL_NOT_FOUND", "DELIVERY_NOT_FOUND", "STATE_CONFLICT"],
    handler: async (context, { params: { id, delivery } }) => {
      const redriven = await redriveOutgoing(context.get("deps"), context.get("actor"), id, delivery);
      return context.json(describeOutgoing(redriven), 202);
    },
  }),
];
