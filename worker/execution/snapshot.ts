import { PlatformError } from "../../sdk/contract/errors.ts";
import type { Grants } from "../../sdk/contract/grants.ts";
import type { Limits } from "../../sdk/contract/limits.ts";
import type { Fallback, PriorityClass } from "../../sdk/contract/hooks.ts";
import type { IncomingScheme } from "../../sdk/contract/manifest-offers.ts";
import type { Validation } from "../../sdk/contract/payloads/validate-payload.ts";
import type { Offers } from "../../sdk/contract/offers.ts";
import type { PluginParts } from "../../sdk/contract/plugin-parts.ts";
import type { SealedValue } from "../../sdk/contract/config/sealed-value.ts";
import type { Role } from "../../sdk/contract/roles.ts";

/**
 * What execution knows of a tenant: compiled by the control plane, immutable, read from R2 or memory. Everything a call
 * needs is here, so that no call touches D1.
 */
export interface Snapshot {
  readonly format: typeof SNAPSHOT_FORMAT;
  readonly tenantId: string;
  readonly status: "active" | "suspended";
  /** Grows with each change; a writer never replaces a newer one. */
  readonly revision: number;
  readonly compiledAt: number;
  /** By plugin id. Installs that may not run are listed too, so that the refusal can say why. */
  readonly installs: Readonly<Record<string, SnapshotInstall>>;
  /** API keys by id; expired and revoked ones are left out by the compiler, expiry is checked again on use. */
  readonly keys: Readonly<Record<string, SnapshotKey>>;
  /** Roles of members whose tokens carry none, by subject. */
  readonly members: Readonly<Record<string, readonly Role[]>>;
  /** Present where an install has a canary: such a snapshot is checked more often. */
  readonly canaries?: true;
  /** Where active installs take part in what others do; absent: nowhere. */
  readonly offers?: Offers;
}

export interface SnapshotInstall {
  readonly installId: string;
  readonly pluginId: string;
  readonly version: string;
  readonly state: "installed" | "active" | "inactive" | "error" | "quarantined";
  readonly rewrittenDigest: string;
  readonly rewriterVersion: string;
  readonly moduleBytes: number;
  /** Functions a caller may run, and the one that runs when none is named. */
  readonly functions: readonly string[];
  readonly defaultFunction: string | undefined;
  readonly suspends: boolean;
  /** Present where it reads input and writes output piece by piece. */
  readonly streams?: true;
  /** What the plugin consists of beside its main module; absent where there is nothing. */
  readonly parts?: PluginParts;
  readonly limits: Limits;
  /** What `config_get` answers, by name, but for secrets. */
  readonly config: Readonly<Record<string, string>>;
  /** Names of `config` whose text is JSON rather than the string itself; absent: none. */
  readonly configJsonNames?: readonly string[];
  readonly configRevision?: number;
  /** Secrets by their JSON pointer into the configuration, each sealed; absent: none. */
  readonly secrets?: Readonly<Record<string, SealedValue>>;
  /**
   * Present where calls may share an instance (sdk/contract/reuse.ts). The revision grows with every change of the install, and no
   * instance outlives one.
   */
  readonly warm?: { readonly revision: number };
  /** Present while it runs without capabilities and with half its limits; grants and limits here are those. */
  readonly safeMode?: true;
  /** The isolate generation that calls begin with; absent: the first. */
  readonly generation?: number;
  /** What stands in where a plain call fails; absent: nothing. */
  readonly fallback?: Fallback;
  /** Present where inputs or outputs are held against what the manifest says of them. */
  readonly validation?: Validation;
  /** Present where the plugin's variables outlive a call. */
  readonly persistVariables?: true;
  /** Capabilities it may use and how far. Whatever is not here is refused. */
  readonly grants: Grants;
  /** What lists of plugins show of it while the database is away; absent in snapshots written before there was any. */
  readonly listing?: SnapshotListing;
  /** Absent: none. */
  readonly topics?: SnapshotTopics;
  /** When its lifecycle functions are called; absent where the manifest says nothing. */
  readonly lifecycle?: SnapshotLifecycle;
  /** Webhooks of other services that it takes; absent: none. */
  readonly incoming?: readonly IncomingWebhook[];
  /** Present while an upgrade proves itself on a share of the calls. */
  readonly canary?: SnapshotCanary;
}

/** A version that takes a share of an install's calls (execution/canary.ts). */
export interface SnapshotCanary {
  readonly candidate: SnapshotInstall;
  /** Basis points of the calls: 0 to 10,000. */
  readonly share: number;
  /** Of this upgrade alone, so that no caller is always among the first. */
  readonly salt: string;
  readonly assignBy: "call" | "subject";
}

export interface SnapshotListing {
  readonly ownerTenantId: string;
  readonly name: string;
  readonly description: string;
  readonly type: string;
  readonly category: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** What a version's manifest says of topics, as filters. */
export interface SnapshotTopics {
  /** Where the plugin may publish. */
  readonly publishes: readonly string[];
  readonly subscribes: readonly { readonly filter: string; readonly functionName: string }[];
}

export interface SnapshotLifecycle {
  readonly class?: PriorityClass;
  readonly priority?: number;
  /** Milliseconds for each function. */
  readonly timeoutMs?: number;
}

export interface IncomingWebhook {
  readonly name: string;
  readonly functionName: string;
  readonly scheme: IncomingScheme;
  /** Name of the configuration's secret that signs. */
  readonly secret: string;
  /** Carries the signature where the scheme does not say which does, in lower case. */
  readonly header?: string;
  readonly toleranceSeconds?: number;
  /** Request headers passed on beside the usual ones, in lower case. */
  readonly headers?: readonly string[];
}

export interface SnapshotKey {
  readonly secretHash: string;
  readonly roles: readonly Role[];
  readonly expiresAt: number | null;
}

export const SNAPSHOT_FORMAT = 1;

export function snapshotKey(tenantId: string): string {
  return `snapshots/${tenantId}.json`;
}

/**
 * A stored snapshot. The compiler is the only writer, so form and owner are checked, not every field; an install that was
 * written before there were grants has none.
 *
 * @throws {PlatformError} SNAPSHOT_UNAVAILABLE
 */
export function parseSnapshot(value: unknown, tenantId: string): Snapshot {
  const snapshot = value as StoredSnapshot; // checked below
  if (snapshot.format !== SNAPSHOT_FORMAT || snapshot.tenantId !== tenantId) {
    throw new PlatformError(
      "SNAPSHOT_UNAVAILABLE",
      `The snapshot has format ${String(snapshot.format)}; this worker reads format ${SNAPSHOT_FORMAT}.`,
    );
  }
  const installs = Object.entries(snapshot.installs).map(([id, install]): [string, SnapshotInstall] => [
    id,
    { ...install, grants: install.grants ?? {} },
  ]);
  return { ...snapshot, installs: Object.fromEntries(installs) };
}

type StoredInstall = Omit<SnapshotInstall, "grants"> & Partial<Pick<SnapshotInstall, "grants">>;
type StoredSnapshot = Omit<Snapshot, "installs"> & { readonly installs: Readonly<Record<string, StoredInstall>> };
