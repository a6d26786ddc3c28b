import type { Context } from "hono";
import { defineRoute, type AppEnv, type Route } from "../../http/route.ts";
import { checkHealth, runAll } from "./actions.ts";
import type { LifecyclePhase } from "./rules.ts";
import { HealthCheckAnswer, LifecycleAnswer, LifecycleParams } from "./schema.ts";

function phaseRoute(phase: LifecyclePhase, operationId: string, summary: string, description: string): Route {
  return defineRoute({
    method: "post",
    mount: "plugins",
    path: `/lifecycle/${phase}`,
    operationId,
    summary,
    description,
    tag: "Installs",
    permission: "plugins:operate",
    answers: { 200: { description: "How each plugin is afterwards", schema: LifecycleAnswer } },
    errors: ["SNAPSHOT_UNAVAILABLE"],
    handler: async (context) => {
      const items = await runAll(context.get("deps"), context.get("actor"), phase, context.get("traceId"));
      return context.json({ items: [...items] });
    },
  });
}

export function lifecycleCaller(context: Context<AppEnv>) {
  const { tenantId, subject } = context.get("actor");
  return { tenantId, subject, traceId: context.get("traceId") };
}

export const lifecycleRoutes: readonly Route[] = [
  phaseRoute(
    "start",
    "startPlugins",
    "Start every active plugin that does not run",
    "Calls `initialize` and `start`, where they are exported, in order of class, priority and plugin id.",
  ),
  phaseRoute(
    "stop",
    "stopPlugins",
    "Stop every plugin that runs",
    "Calls `stop`, where it is exported, in reverse order. Installs stay active and go on taking calls.",
  ),
  defineRoute({
    method: "get",
    mount: "plugins",
    path: "/:id/health_check",
    operationId: "checkPluginHealth",
    summary: "Ask a plugin how it is",
    tag: "Installs",
    permission: "plugins:operate",
    params: LifecycleParams,
    answers: { 200: { description: "What the plugin says", schema: HealthCheckAnswer } },
    errors: ["INSTALL_NOT_FOUND", "PLUGIN_INACTIVE", "SNAPSHOT_UNAVAILABLE"],
    handler: async (context, { params }) =>
      context.json({
        ...(await checkHealth(context.get("deps"), context.get("actor"), params.id, context.get("traceId"))),
      }),
  }),
];
