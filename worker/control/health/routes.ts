import { defineRoute, type Route } from "../../http/route.ts";
import { forceInstall } from "./actions/force.ts";
import { healthSummary, readHealth } from "./actions/read.ts";
import { Breaker, BreakerOrder, HealthAnswer, HealthParams, HealthSummaryAnswer } from "./schema.ts";

const shared = { mount: "plugins", tag: "Health" } as const;

export const pluginHealthRoutes: readonly Route[] = [
  defineRoute({
    ...shared,
    method: "get",
    path: "/health",
    operationId: "listPluginHealth",
    summary: "List how the active plugins do",
    permission: "plugins:read",
    answers: { 200: { description: "Last known health", schema: HealthSummaryAnswer } },
    errors: [],
    handler: async (context) => context.json(await healthSummary(context.get("deps"), context.get("actor").tenantId)),
  }),
  defineRoute({
    ...shared,
    method: "get",
    path: "/:id/health",
    operationId: "getPluginHealth",
    summary: "Read how a plugin does, and why",
    permission: "plugins:read",
    params: HealthParams,
    answers: { 200: { description: "As its health object knows it now", schema: HealthAnswer } },
    errors: ["INSTALL_NOT_FOUND", "HEALTH_UNAVAILABLE", "SNAPSHOT_UNAVAILABLE"],
    handler: async (context, { params }) =>
      context.json(await readHealth(context.get("deps"), context.get("actor"), params.id)),
  }),
  defineRoute({
    ...shared,
    method: "put",
    path: "/:id/breaker",
    operationId: "forceBreaker",
    summary: "Order whether calls of a plugin are refused",
    permission: "plugins:operate",
    params: HealthParams,
    body: BreakerOrder,
    answers: { 200: { description: "The breaker afterwards", schema: Breaker } },
    errors: ["INSTALL_NOT_FOUND", "HEALTH_UNAVAILABLE"],
    handler: async (context, { params, body }) =>
      context.json(await forceInstall(context.get("deps"), context.get("actor"), params.id, body)),
  }),
];
