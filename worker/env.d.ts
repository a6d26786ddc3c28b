/** Bindings and variables of wrangler.toml. */
declare namespace Cloudflare {
  interface Env {
    DB: D1Database;
    /** Packages, modules and snapshots. */
    STORE: R2Bucket;
    LOADER: WorkerLoader;
    OUTCOMES: Queue<import("./execution/outcome-reporter.ts").Outcome>;
    /** Messages of the bus, one for each subscriber. */
    WEBHOOKS: Queue<import("./control/webhooks/webhook-record.ts").WebhookBell>;
    AUDITS: Queue<import("./control/audits/run-record.ts").AuditBell>;
    MESSAGES: Queue<import("./execution/bus/rules.ts").BusMessage>;
    /** Installs whose health is due to be checked. */
    HEALTH_CHECKS: Queue<import("./control/health/check-record.ts").DueChecks>;
    PLUGIN_HEALTH: DurableObjectNamespace<import("../durable-objects/plugin-health/object.ts").PluginHealth>;
    SYSTEM_MODE: DurableObjectNamespace<import("../durable-objects/system-mode/object.ts").SystemMode>;
    /** Which version of the worker runs; absent where the runtime does not say. */
    WORKER_VERSION?: WorkerVersionMetadata;
    IDEMPOTENCY: DurableObjectNamespace<import("../durable-objects/idempotency/object.ts").IdempotencyKey>;
    MESSAGE_INBOX: DurableObjectNamespace<import("../durable-objects/message-inbox/object.ts").MessageInbox>;
    EVENT_STREAM: DurableObjectNamespace<import("../durable-objects/event-stream/object.ts").EventStream>;
    ASSETS: Fetcher;
    /** JSON: trusted token issuers, see worker/http/authentication. */
    AUTH_ISSUERS: string;
    /** JSON: keys that seal recordings, see docs/recording.md. */
    RECORDING_KEYS: string;
    /** JSON: keys that seal secrets of configurations, see docs/configuration.md. */
    CONFIG_KEYS: string;
    /** JSON: keys that seal what plugins store, see docs/capabilities.md. */
    DATA_KEYS: string;
    BACKUP_SCRATCH: DurableObjectNamespace<import("../durable-objects/backup-scratch/object.ts").BackupScratch>;
    /** Runs backups and restores step by step. */
    BACKUP_RUNS: Workflow<import("./control/backups/actions/run.ts").Run>;
    /** JSON: keys that seal backups, see docs/backups.md. */
    BACKUP_KEYS: string;
    PLUGIN_DATABASE: DurableObjectNamespace<import("../durable-objects/plugin-database/object.ts").PluginDatabase>;
    PLUGIN_FILES: DurableObjectNamespace<import("../durable-objects/plugin-files/object.ts").PluginFiles>;
    PLUGIN_STORAGE: DurableObjectNamespace<import("../durable-objects/plugin-storage/object.ts").PluginStorage>;
    /** Which environment of the configurations holds here: development, staging or production; empty: production. */
    ENVIRONMENT: string;
    /** Comma-separated `tenant/plugin` that must be active before /readyz answers 200; may be empty. */
    READY_INSTALLS: string;
    /** Comma-separated `host:port` that plugins may reach although private or without TLS, where their grant names them. */
    PRIVATE_HOSTS: string;
    /** Who e-mail is from, `address` or `Name <address>`; empty: none is sent. See docs/alerts.md. */
    EMAIL_FROM: string;
    /** URL of an HTTP API that takes e-mail; may be empty. */
    EMAIL_ENDPOINT: string;
    /** The optional secret that the API asks for. */
    EMAIL_TOKEN?: string;
    /** The optional `send_email` binding. */
    EMAIL?: SendEmail;
  }
}
interface Env extends Cloudflare.Env {}
