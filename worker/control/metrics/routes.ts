import { defineRoute, type Route } from "../../http/route.ts";
import { PluginParams } from "../installs/schema.ts";
import { readMetrics } from "./actions.ts";
import { MetricsAnswer, MetricsQuery } from "./schema.ts";

export const metricRoutes: readonly Route[] = [
  defineRoute({
    mount: "plugins",
    method: "get",
    path: "/:id/metrics",
    operationId: "getPluginMetrics",
    summary: "What a plugin recorded of itself",
    tag: "Metrics",
    permission: "plugins:read",
    params: PluginParams,
    query: MetricsQuery,
    answers: { 200: { description: "Every series of the period", schema: MetricsAnswer } },
    errors: ["INSTALL_NOT_FOUND"],
    handler: async (context, { params, query }) =>
      context.json(await readMetrics(context.get("deps"), context.get("actor"), params.id, query)),
  }),
];
