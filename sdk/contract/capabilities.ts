import type { LimitUnit } from "./limits.ts";

/**
 * The capabilities a manifest may ask for, once, with the names other systems use for the same thing. What a plugin
 * imports is mapped to these; what it asks for is compared with that.
 */
export interface CapabilitySpec {
  readonly title: string;
  readonly aliases: readonly string[];
  /** Imports that need it, as `module.name`; a trailing `*` matches any rest. */
  readonly imports: readonly string[];
  /** What a grant may narrow by listing names. */
  readonly scope?: "hosts" | "topics" | "services";
  /** What one install may use; a grant may lower a quota and never raise it over the maximum. */
  readonly quotas: Readonly<Record<string, QuotaSpec>>;
}

export interface QuotaSpec {
  readonly default: number;
  readonly maximum: number;
  readonly unit: LimitUnit;
  /** Counted for each call of a plugin, or held by the install for as long as it lives. */
  readonly per: "call" | "install";
  readonly title: string;
  /** Set where one call of the capability takes one from the quota, so that counting calls tells its use. */
  readonly measure?: "calls";
}

const KIB = 1024;
const MIB = 1024 * KIB;

function perCall(unit: LimitUnit, usual: number, maximum: number, title: string): QuotaSpec {
  return { default: usual, maximum, unit, per: "call", title };
}

/** One call of the capability takes one. */
function counted(usual: number, maximum: number, title: string): QuotaSpec {
  return { ...perCall("calls", usual, maximum, title), measure: "calls" };
}

function perInstall(unit: LimitUnit, usual: number, maximum: number, title: string): QuotaSpec {
  return { default: usual, maximum, unit, per: "install", title };
}

export const CAPABILITIES = {
  http: {
    title: "outgoing HTTP requests",
    aliases: ["network"],
    imports: ["extism:host/env.http_request", "env.extism_http_request", "extism:host/user.http_*"],
    scope: "hosts",
    quotas: {
      requests: counted(10, 100, "HTTP requests per call, redirects included"),
      requestBytes: perCall("bytes", 1 * MIB, 8 * MIB, "bytes sent per call"),
      responseBytes: perCall("bytes", 1 * MIB, 8 * MIB, "bytes of answers per call"),
    },
  },
  storage: {
    title: "encrypted key-value storage",
    aliases: ["kv"],
    imports: ["extism:host/user.storage_*"],
    quotas: {
      bytes: perInstall("bytes", 10 * MIB, 100 * MIB, "keys and values stored"),
      valueBytes: perInstall("bytes", 256 * KIB, 1 * MIB, "one value"),
    },
  },
  database: {
    title: "a SQL database of its own",
    aliases: ["db", "sql"],
    imports: ["extism:host/user.database_*"],
    quotas: {
      bytes: perInstall("bytes", 100 * MIB, 1024 * MIB, "size of the database"),
      rows: perCall("rows", 1_000, 10_000, "rows returned per statement"),
      rowsRead: perCall("rows", 100_000, 1_000_000, "rows read per call"),
    },
  },
  cache: {
    title: "a cache with expiry",
    aliases: [],
    imports: ["extism:host/user.cache_*"],
    quotas: {
      bytes: perInstall("bytes", 5 * MIB, 50 * MIB, "keys and values cached"),
      valueBytes: perInstall("bytes", 256 * KIB, 1 * MIB, "one value"),
    },
  },
  files: {
    title: "files under a prefix of its own",
    aliases: ["filesystem"],
    imports: ["extism:host/user.files_*"],
    quotas: {
      bytes: perInstall("bytes", 100 * MIB, 10_240 * MIB, "files stored"),
      files: perInstall("entries", 1_000, 100_000, "files stored"),
      fileBytes: perInstall("bytes", 8 * MIB, 25 * MIB, "one file"),
    },
  },
  crypto: {
    title: "digests, signatures and keys held by the host",
    aliases: [],
    imports: ["extism:host/user.crypto_*"],
    quotas: {
      operations: counted(100, 1_000, "operations per call"),
      keys: perInstall("entries", 20, 200, "keys held"),
    },
  },
  events: {
    title: "publish to topics",
    aliases: ["bus"],
    imports: ["extism:host/user.events_*"],
    scope: "topics",
    quotas: {
      messages: counted(20, 200, "messages published per call"),
      messageBytes: perCall("bytes", 64 * KIB, 64 * KIB, "one message"),
    },
  },
  analytics: {
    title: "custom metrics",
    aliases: ["metrics"],
    imports: ["extism:host/user.analytics_*"],
    quotas: {
      points: perCall("entries", 100, 1_000, "data points per call"),
      series: perInstall("entries", 100, 1_000, "metrics, each set of labels by itself"),
    },
  },
  webhooks: {
    title: "outgoing and incoming webhooks",
    aliases: [],
    imports: ["extism:host/user.webhooks_*"],
    scope: "hosts",
    quotas: {
      deliveries: counted(10, 100, "deliveries per call"),
      bodyBytes: perCall("bytes", 64 * KIB, 64 * KIB, "one body"),
      pending: perInstall("entries", 1_000, 10_000, "deliveries on their way"),
    },
  },
  oauth: {
    title: "short-lived tokens from the token broker",
    aliases: [],
    imports: ["extism:host/user.oauth_*"],
    quotas: { tokens: counted(10, 100, "tokens per call") },
  },
  security: {
    title: "read own audit events, raise findings",
    aliases: [],
    imports: ["extism:host/user.security_*"],
    quotas: {
      findings: perCall("calls", 10, 100, "findings raised per call"),
      reads: perCall("calls", 10, 100, "pages of events read per call"),
      hourly: perInstall("entries", 100, 1_000, "findings raised in an hour"),
    },
  },
  services: {
    title: "call services of other plugins",
    aliases: [],
    imports: ["extism:host/user.services_*"],
    scope: "services",
    quotas: { calls: counted(10, 50, "service calls per call, nested ones included") },
  },
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
