/**
 * The capabilities a manifest may ask for, once, with the names other systems use for the same thing. What a plugin
 * imports is mapped to these; what it asks for is compared with that.
 */
export interface CapabilitySpec {
  readonly title: string;
  readonly aliases: readonly string[];
  /** Imports that need it, as `module.name`; a trailing `*` matches any rest. */
  readonly imports: readonly string[];
}

export const CAPABILITIES = {
  http: {
    title: "outgoing HTTP requests",
    aliases: ["network"],
    imports: ["extism:host/env.http_request", "env.extism_http_request", "extism:host/user.http_*"],
  },
  storage: { title: "encrypted key-value storage", aliases: ["kv"], imports: ["extism:host/user.storage_*"] },
  database: { title: "a SQL database of its own", aliases: ["db", "sql"], imports: ["extism:host/user.database_*"] },
  cache: { title: "a cache with expiry", aliases: [], imports: ["extism:host/user.cache_*"] },
  files: { title: "files under a prefix of its own", aliases: ["filesystem"], imports: ["extism:host/user.files_*"] },
  crypto: {
    title: "digests, signatures and keys held by the host",
    aliases: [],
    imports: ["extism:host/user.crypto_*"],
  },
  events: { title: "publish to topics", aliases: ["bus"], imports: ["extism:host/user.events_*"] },
  analytics: { title: "custom metrics", aliases: ["metrics"], imports: ["extism:host/user.analytics_*"] },
  webhooks: { title: "outgoing and incoming webhooks", aliases: [], imports: ["extism:host/user.webhooks_*"] },
  oauth: { title: "short-lived tokens from the token broker", aliases: [], imports: ["extism:host/user.oauth_*"] },
  security: { title: "read own audit events, raise findings", aliases: [], imports: ["extism:host/user.security_*"] },
  services: { title: "call services of other plugins", aliases: [], imports: ["extism:host/user.services_*"] },
} as const satisfies Record<string, CapabilitySpec>;

export type Capability = keyof typeof CAPABILITIES;
export const CAPABILITY_NAMES = Object.keys(CAPABILITIES) as Capability[]; // Object.keys loses the key type

/** @returns the capability for a name or an alias, or undefined */
export function capabilityNamed(name: string): Capability | undefined {
  return CAPABILITY_NAMES.find((id) => id === name || (CAPABILITIES[id].aliases as readonly string[]).includes(name));
}

/** @returns the capability that an import needs, or undefined where it needs none */
export function capabilityForImport(module: string, name: string): Capability | undefined {
  const full = `${module}.${name}`;
  return CAPABILITY_NAMES.find((id) =>
    CAPABILITIES[id].imports.some((pattern) =>
      pattern.endsWith("*") ? full.startsWith(pattern.slice(0, -1)) : full === pattern,
    ),
  );
}
