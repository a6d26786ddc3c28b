/** Names of the built-in tenants and the shape of identifiers. Plugin ids: `name` for built-ins, `publisher.name` for everyone else. */

export const PLUGIN_ID_PATTERN = /^[a-z0-9][a-z0-9-]{1,38}(\.[a-z0-9][a-z0-9-]{1,38})?$/;
export const TENANT_ID_PATTERN = /^[a-z0-9][a-z0-9-]{1,38}$/;
export const FUNCTION_NAME_PATTERN = /^[A-Za-z_$][A-Za-z0-9_.$:/-]{0,127}$/;
/** ULID in Crockford base 32 (https://github.com/ulid/spec). */
export const ULID_PATTERN = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;
export const SHA256_PATTERN = /^[0-9a-f]{64}$/;

/** Owner of the built-in plugins; its packages are visible to every tenant. Only its admins administer tenants. */
export const PLATFORM_TENANT = "patchbay";

/** First path segments of the API: a plugin with such an id could never be reached. */
export const RESERVED_PLUGIN_IDS: ReadonlySet<string> = new Set([
  "admin",
  "alerts",
  "analytics",
  "audit-logs",
  "dead-letters",
  "events",
  "execute",
  "executions",
  "health",
  "hooks",
  "hooks-in",
  "install",
  "lifecycle",
  "load",
  "marketplace",
  "migration-proof",
  "performance",
  "publishers",
  "repair",
  "reports",
  "restart",
  "run",
  "safe-mode",
  "sdk",
  "self-debug",
  "stats",
  "topics",
  "uninstall",
  "unload",
  "upload",
  "v1",
  "webhooks",
  "workflows",
]);

export type ModuleDigest = string;
