/** Bindings and variables of wrangler.toml, and the secrets. */
interface Env {
  DB: D1Database;
  STORE: R2Bucket;
  LOADER: WorkerLoader;
  OUTCOMES: Queue<import("./execution/settle.ts").ExecutionRecord>;
  PLUGIN_HEALTH: DurableObjectNamespace<import("../durable-objects/plugin-health/object.ts").PluginHealth>;
  ASSETS: Fetcher;
  /** JSON: trusted issuers, see worker/http/authentication. */
  AUTH_ISSUERS: string;
  /** Comma-separated `tenant/plugin` that must be active before /readyz answers 200; may be empty. */
  READY_INSTALLS: string;
}
