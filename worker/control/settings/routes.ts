import * as v from "valibot";
import { decodeCursor, pageOf, pageQuery, toPage } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { etagOf } from "../config/precondition-rules.ts";
import { describeSettings, updateSettings } from "./actions.ts";
import { SettingsAnswer, SettingsBody, SettingsRevision } from "./schema.ts";
import { listSettings } from "./store.ts";

const Position = v.tuple([v.pipe(v.number(), v.integer(), v.minValue(1))]);
const administered = { mount: "admin", tag: "Settings", permission: "platform:admin" } as const;

export const settingsRoutes: readonly Route[] = [
  defineRoute({
    ...administered,
    method: "get",
    path: "/settings",
    operationId: "getSettings",
    summary: "Settings of the platform, with an entity tag",
    answers: { 200: { description: "Every setting with its value", schema: SettingsAnswer } },
    errors: [],
    handler: async (context) => {
      const settings = await describeSettings(context.get("deps"));
      context.header("etag", etagOf(settings.revision));
      return context.json(settings);
    },
  }),
  defineRoute({
    ...administered,
    method: "put",
    path: "/settings",
    operationId: "updateSettings",
    summary: "Change settings of the platform while it runs",
    description: "What is left out stays. Jobs see the change at the start of their next run.",
    headers: { "If-Match": { description: "The `ETag` of the settings that the change is about", required: false } },
    body: SettingsBody,
    answers: { 200: { description: "The settings after the change", schema: SettingsAnswer } },
    errors: ["PRECONDITION_FAILED", "STATE_CONFLICT"],
    handler: async (context, { body }) => {
      const [deps, actor, header] = [context.get("deps"), context.get("actor"), context.req.header("if-match")];
      const settings = await updateSettings(deps, actor, body, header);
      context.header("etag", etagOf(settings.revision));
      return context.json(settings);
    },
  }),
  defineRoute({
    ...administered,
    method: "get",
    path: "/settings/history",
    operationId: "listSettingsRevisions",
    summary: "Every change of the platform's settings, newest first",
    query: v.object(pageQuery),
    answers: { 200: { description: "A page of revisions", schema: pageOf(SettingsRevision) } },
    errors: [],
    handler: async (context, { query }) => {
      const before = decodeCursor(query.cursor, Position)?.[0];
      const revisions = await listSettings(context.get("deps").db, { limit: query.limit + 1, before });
      const rows = revisions.map(({ settings, changed, ...rest }) => ({ ...rest, ...settings, changed: [...changed] }));
      return context.json(toPage(rows, query.limit, ({ revision }) => [revision]));
    },
  }),
];
