import { defineRoute, type Route } from "../../http/route.ts";
import { PluginParams } from "../installs/schema.ts";
import { listClients, putClient, removeClient } from "./actions.ts";
import { describeClient, OAuthClientAnswer, OAuthClientBody, OAuthClientsAnswer, ProviderParams } from "./schema.ts";

const administered = { mount: "plugins", tag: "OAuth", permission: "plugins:grant" } as const;

export const oauthRoutes: readonly Route[] = [
  defineRoute({
    ...administered,
    method: "get",
    path: "/:id/oauth",
    operationId: "listOAuthClients",
    summary: "OAuth clients that an install may get tokens of",
    params: PluginParams,
    answers: { 200: { description: "Every client, without secrets", schema: OAuthClientsAnswer } },
    errors: ["INSTALL_NOT_FOUND"],
    handler: async (context, { params }) => {
      const items = await listClients(context.get("deps"), context.get("actor"), params.id);
      return context.json({ items: items.map(describeClient) });
    },
  }),
  defineRoute({
    ...administered,
    method: "put",
    path: "/:id/oauth/:provider",
    operationId: "putOAuthClient",
    summary: "Register an OAuth client for an install",
    params: ProviderParams,
    body: OAuthClientBody,
    answers: { 200: { description: "The client, without secrets", schema: OAuthClientAnswer } },
    errors: ["INSTALL_NOT_FOUND", "QUOTA_EXCEEDED", "STATE_CONFLICT"],
    handler: async (context, { params: { id, provider }, body }) =>
      context.json(describeClient(await putClient(context.get("deps"), context.get("actor"), id, provider, body))),
  }),
  defineRoute({
    ...administered,
    method: "delete",
    path: "/:id/oauth/:provider",
    operationId: "deleteOAuthClient",
    summary: "Delete an OAuth client; no more tokens are given out",
    params: ProviderParams,
    answers: { 204: { description: "It is gone" } },
    errors: ["INSTALL_NOT_FOUND", "OAUTH_CLIENT_NOT_FOUND"],
    handler: async (context, { params: { id, provider } }) => {
      await removeClient(context.get("deps"), context.get("actor"), id, provider);
      return context.body(null, 204);
    },
  }),
];
