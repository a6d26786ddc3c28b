import * as v from "valibot";
import { ULID_PATTERN } from "../../../sdk/contract/identifiers.ts";
import { decodeCursor, pageOf, pageQuery, toPage } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { PluginParams } from "../installs/schema.ts";
import { readAnomalies } from "./actions.ts";
import { AnomalyAnswer, AnomalyFilter } from "./schema.ts";

const Position = v.tuple([v.pipe(v.string(), v.regex(ULID_PATTERN))]);

export const anomalyRoutes: readonly Route[] = [
  defineRoute({
    mount: "plugins",
    method: "get",
    path: "/:id/anomalies",
    operationId: "listAnomalies",
    summary: "When calls of a plugin were unlike what is usual for it, newest first",
    tag: "Metrics",
    permission: "plugins:read",
    params: PluginParams,
    query: v.object({ ...pageQuery, ...AnomalyFilter.entries }),
    answers: { 200: { description: "A page of anomalies", schema: pageOf(AnomalyAnswer) } },
    errors: ["INSTALL_NOT_FOUND"],
    handler: async (context, { params, query }) => {
      const { limit, cursor, ...filter } = query;
      const page = { limit, before: decodeCursor(cursor, Position)?.[0] };
      const rows = await readAnomalies(context.get("deps"), context.get("actor"), params.id, filter, page);
      const shown = rows.map(({ tenantId: _own, ...anomaly }) => anomaly);
      return context.json(toPage(shown, limit, ({ id }) => [id]));
    },
  }),
];
