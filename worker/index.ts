import { createApp } from "./app.ts";
import { createDeps } from "./deps.ts";
import { consume, type QueueMessage } from "./queues.ts";
import { routes } from "./routes.ts";
import { runSchedule } from "./schedule.ts";

export { NestedCalls } from "./nested-calls.ts";
export { BackupScratch } from "../durable-objects/backup-scratch/object.ts";
export { EventStream } from "../durable-objects/event-stream/object.ts";
export { IdempotencyKey } from "../durable-objects/idempotency/object.ts";
export { MessageInbox } from "../durable-objects/message-inbox/object.ts";
export { PluginDatabase } from "../durable-objects/plugin-database/object.ts";
export { PluginFiles } from "../durable-objects/plugin-files/object.ts";
export { PluginStorage } from "../durable-objects/plugin-storage/object.ts";
export { SystemMode } from "../durable-objects/system-mode/object.ts";
export { PluginHealth } from "../durable-objects/plugin-health/object.ts";
export { BackupRun } from "./workflows.ts";

const app = createApp(routes);
/** Folders of files: the reference page's, and the client's. All other paths are the application's, which is asked first (wrangler.toml). */
const ASSETS = ["/swagger/", "/sdk/"];
const CLIENT_PAGE = "/sdk";

/** Looks at the path without parsing the whole URL, which each request would pay for. */
function isAsset(url: string): boolean {
  const path = url.slice(url.indexOf("/", "https://".length));
  return path === CLIENT_PAGE || ASSETS.some((folder) => path.startsWith(folder));
}

export default {
  fetch: (request, env, context) =>
    isAsset(request.url) ? env.ASSETS.fetch(request) : app.fetch(request, env, context),
  queue: (batch, env, context) => consume(createDeps(env, context), batch),
  scheduled: (controller, env, context) => runSchedule(createDeps(env, context), controller.cron),
} satisfies ExportedHandler<Env, QueueMessage>;
