import * as v from "valibot";
import { decodeCursor, pageOf, pageQuery, toPage } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { createKey, revokeApiKey } from "./actions.ts";
import { describeKey } from "./rules.ts";
import { KeyAnswer, KeyBody, KeyParams, NewKeyAnswer } from "./schema.ts";
import { listKeys } from "./store.ts";

const administered = { mount: "admin", tag: "API keys", permission: "tenant:admin" } as const;
const Position = v.tuple([v.string()]);

export const keyRoutes: readonly Route[] = [
  defineRoute({
    ...administered,
    method: "get",
    path: "/keys",
    operationId: "listKeys",
    summary: "List the tenant's API keys",
    query: v.object(pageQuery),
    answers: { 200: { description: "A page of keys, newest first", schema: pageOf(KeyAnswer) } },
    errors: [],
    handler: async (context, { query }) => {
      const [before] = decodeCursor(query.cursor, Position) ?? [];
      const { db, clock } = context.get("deps");
      const keys = await listKeys(db, context.get("actor").tenantId, query.limit + 1, before);
      const answers = keys.map((key) => describeKey(key, clock.now()));
      return context.json(toPage(answers, query.limit, (key) => [key.id]));
    },
  }),
  defineRoute({
    ...administered,
    method: "post",
    path: "/keys",
    operationId: "createKey",
    summary: "Make an API key",
    body: KeyBody,
    answers: { 201: { description: "The key; its text is shown this once", schema: NewKeyAnswer } },
    errors: ["QUOTA_EXCEEDED", "SNAPSHOT_UNAVAILABLE"],
    handler: async (context, { body }) =>
      context.json(await createKey(context.get("deps"), context.get("actor"), body), 201),
  }),
  defineRoute({
    ...administered,
    method: "delete",
    path: "/keys/:keyId",
    operationId: "revokeKey",
    summary: "Revoke an API key",
    params: KeyParams,
    answers: { 204: { description: "The key is revoked" } },
    errors: ["KEY_NOT_FOUND", "SNAPSHOT_UNAVAILABLE"],
    handler: async (context, { params }) => {
      await revokeApiKey(context.get("deps"), context.get("actor"), params.keyId);
      return context.body(null, 204);
    },
  }),
];
