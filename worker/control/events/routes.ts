import * as v from "valibot";
import { decodeCursor, pageOf, pageQuery, toPage } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { readHistory } from "./actions/history.ts";
import { describeEvent, EventAnswer, EventHistoryFilter } from "./schema.ts";

export const EventPosition = v.tuple([v.pipe(v.number(), v.integer(), v.minValue(0))]);

export const eventRoutes: readonly Route[] = [
  defineRoute({
    method: "get",
    mount: "plugins",
    path: "/events",
    operationId: "listEvents",
    summary: "The tenant's event log",
    tag: "Events",
    permission: "plugins:read",
    query: v.object({ ...pageQuery, ...EventHistoryFilter.entries }),
    answers: { 200: { description: "A page of events", schema: pageOf(EventAnswer) } },
    errors: [],
    handler: async (context, { query }) => {
      const { limit, cursor, ...history } = query;
      const page = { limit, position: decodeCursor(cursor, EventPosition)?.[0] };
      const rows = await readHistory(context.get("deps"), context.get("actor"), history, page);
      return context.json(toPage(rows.map(describeEvent), limit, (row) => [row.sequence]));
    },
  }),
];
