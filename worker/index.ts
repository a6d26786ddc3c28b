import { createApp } from "./app.ts";
import { createDeps } from "./deps.ts";
import type { ExecutionRecord } from "./execution/settle.ts";
import { consume } from "./queues.ts";
import { routes } from "./routes.ts";
import { runSchedule } from "./schedule.ts";

export { IdempotencyKey } from "../durable-objects/idempotency/object.ts";
export { PluginHealth } from "../durable-objects/plugin-health/object.ts";

const app = createApp(routes);

export default {
  fetch: (request, env, context) => app.fetch(request, env, context),
  queue: (batch, env, context) => consume(createDeps(env, context), batch),
  scheduled: (controller, env, context) => runSchedule(createDeps(env, context), controller.cron),
} satisfies ExportedHandler<Env, ExecutionRecord>;
