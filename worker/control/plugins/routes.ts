import * as v from "valibot";
import { PLUGIN_ID_PATTERN } from "../../../sdk/contract/identifiers.ts";
import { decodeCursor, pageOf, pageQuery, toPage } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { EventPosition } from "../events/routes.ts";
import { describeEvent, EventAnswer, EventFilter } from "../events/schema.ts";
import { PluginParams } from "../installs/schema.ts";
import { listPluginEvents, listVisiblePlugins, readPlugin } from "./actions.ts";
import { PluginDetail, PluginFilter, PluginSummary } from "./schema.ts";

const PluginPosition = v.tuple([v.pipe(v.string(), v.regex(PLUGIN_ID_PATTERN))]);
const read = { method: "get", mount: "plugins", tag: "Plugins", permission: "plugins:read" } as const;

export const pluginRoutes: readonly Route[] = [
  defineRoute({
    ...read,
    path: "/",
    operationId: "listPlugins",
    summary: "Plugins the tenant sees: its own and the built-ins, by id",
    query: v.object({ ...pageQuery, ...PluginFilter.entries }),
    answers: { 200: { description: "A page of plugins", schema: pageOf(PluginSummary) } },
    errors: [],
    handler: async (context, { query }) => {
      const { limit, cursor, ...filter } = query;
      const page = { limit, after: decodeCursor(cursor, PluginPosition)?.[0] };
      const rows = await listVisiblePlugins(context.get("deps"), context.get("actor"), filter, page);
      return context.json(toPage(rows, limit, (row) => [row.id]));
    },
  }),
  defineRoute({
    ...read,
    path: "/:id",
    operationId: "getPlugin",
    summary: "One plugin with its manifest, versions and install",
    params: PluginParams,
    answers: { 200: { description: "The plugin", schema: PluginDetail } },
    errors: ["PLUGIN_NOT_FOUND"],
    handler: async (context, { params }) =>
      context.json(await readPlugin(context.get("deps"), context.get("actor"), params.id)),
  }),
  defineRoute({
    ...read,
    path: "/:id/events",
    operationId: "listPluginEvents",
    summary: "What happened to a plugin at this tenant, newest first",
    params: PluginParams,
    query: v.object({ ...pageQuery, ...EventFilter.entries }),
    answers: { 200: { description: "A page of events", schema: pageOf(EventAnswer) } },
    errors: ["PLUGIN_NOT_FOUND"],
    handler: async (context, { params, query }) => {
      const { limit, cursor, ...filter } = query;
      const page = { limit, before: decodeCursor(cursor, EventPosition)?.[0] };
      const rows = await listPluginEvents(context.get("deps"), context.get("actor"), params.id, filter, page);
      return context.json(toPage(rows.map(describeEvent), limit, (row) => [row.sequence]));
    },
  }),
];
