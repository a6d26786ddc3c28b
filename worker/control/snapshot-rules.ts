import { flatten } from "../../sdk/contract/config/flat-config.ts";
import type { JsonObject } from "../../sdk/contract/config/json-values.ts";
import type { Fallback, HookOverrides } from "../../sdk/contract/hooks.ts";
import { LIMITS, MODULE_LIMITS, type LimitName, type Limits } from "../../sdk/contract/limits.ts";
import type { Manifest } from "../../sdk/contract/manifest.ts";
import type { Validation } from "../../sdk/contract/payloads/validate-payload.ts";
import type { ValidationMode } from "../../sdk/contract/payloads/validation-modes.ts";
import type { PluginParts } from "../../sdk/contract/plugin-parts.ts";
import { PLANS, type Plan } from "../../sdk/contract/plans.ts";
import type { ReuseMode } from "../../sdk/contract/reuse.ts";
import type { Role } from "../../sdk/contract/roles.ts";
import {
  SNAPSHOT_FORMAT,
  type Snapshot,
  type SnapshotCanary,
  type SnapshotInstall,
  type SnapshotKey,
  type SnapshotListing,
} from "../execution/snapshot.ts";
import { offersOf, type OfferingManifest } from "./offer-rules.ts";
import type { SealedSecrets } from "./config/configuration-record.ts";
import { asksOf, effectiveGrants, type AskingManifest, type GrantRecord } from "./grants/rules.ts";

/** What D1 holds of a tenant that execution needs, read in one transaction. */
export interface TenantRecord {
  readonly id: string;
  readonly plan: Plan;
  readonly status: Snapshot["status"];
  readonly revision: number;
  readonly installs: readonly InstallRecord[];
  readonly keys: readonly KeyRecord[];
  readonly members: readonly MemberRecord[];
}

/** What a version says. */
export interface VersionFacts {
  readonly version: string;
  readonly versionState: "validated" | "quarantined";
  readonly rewrittenDigest: string;
  readonly rewriterVersion: string;
  /** Bytes of the rewritten module. */
  readonly moduleBytes: number;
  readonly functions: readonly string[];
  readonly suspends: boolean;
  readonly streams: boolean;
  readonly parts?: PluginParts;
  readonly manifestFunction: string | undefined;
  readonly manifestLimits: Partial<Limits>;
  /** What the manifest says of functions; absent where the install does not hold calls against it. */
  readonly described?: Omit<Validation, "mode">;
  /** What of the manifest says which capabilities it asks for. */
  readonly asking: AskingManifest;
  /** What of the manifest says where the plugin takes part, when its lifecycle functions are called, and which webhooks it takes. */
  readonly offering: OfferingManifest & {
    readonly lifecycle?: Manifest["lifecycle"] | null;
    readonly webhooks?: Manifest["webhooks"] | null;
  };
}

/** An install that was not removed, with what its version says. */
export interface InstallRecord extends VersionFacts {
  readonly installId: string;
  readonly pluginId: string;
  readonly state: SnapshotInstall["state"];
  /** As plugins read it in this deployment's environment, without secrets. */
  readonly config: JsonObject;
  readonly configRevision: number;
  readonly secrets: SealedSecrets;
  /** What the operator narrowed. */
  readonly limits: Partial<Limits>;
  readonly reuse: ReuseMode;
  readonly persistVariables: boolean;
  /** True: it runs without capabilities and with half its limits. */
  readonly safeMode: boolean;
  /** The isolate generation that calls begin with. */
  readonly generation: number;
  /** What the operator set instead of what the manifest says of hooks. */
  readonly hooks: HookOverrides;
  /** What stands in where a plain call fails. */
  readonly fallback: Fallback | null;
  /** Which payloads of calls are held against the manifest. */
  readonly validate: ValidationMode;
  /** Grows with every change of the install. */
  readonly updatedAt: number;
  /** The version of a running upgrade. */
  readonly canary?: CanaryRecord;
  /** What the plugin's row says of it. */
  readonly listing?: SnapshotListing;
  /** Grants in force. */
  readonly granted: readonly Pick<GrantRecord, "capability" | "asked" | "granted">[];
}

/** A version that takes a share of the calls, with what it reads as its configuration where that is another. */
export interface CanaryRecord extends Omit<SnapshotCanary, "candidate"> {
  readonly facts: VersionFacts;
  readonly config?: Pick<InstallRecord, "config" | "secrets" | "configRevision">;
}

export interface KeyRecord {
  readonly keyId: string;
  readonly secretHash: string;
  readonly roles: readonly Role[];
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
}

export interface MemberRecord {
  readonly subject: string;
  readonly roles: readonly Role[];
}

/**
 * The limits in force for an install: of each, the smallest that manifest, install and plan give. What the manifest
 * leaves out starts from the default; neither install nor plan can raise it.
 *
 * @param manifest  what the author asks for
 * @param install   what the operator narrowed
 * @param ceilings  what the tenant's plan allows
 */
export function effectiveLimits(manifest: Partial<Limits>, install: Partial<Limits>, ceilings: Limits): Limits {
  const names = Object.keys(LIMITS) as LimitName[]; // Object.keys loses the key type
  const entries = names.map((name) => {
    const asked = manifest[name] ?? LIMITS[name].default;
    return [name, Math.min(asked, install[name] ?? asked, ceilings[name])] as const;
  });
  return Object.fromEntries(entries) as Limits; // every name is mapped above
}

/** Limits of an install in safe mode: half, but for those that are built into its module. */
export function halvedLimits(limits: Limits): Limits {
  const names = Object.keys(limits) as LimitName[]; // Object.keys loses the key type
  const entries = names.map((name) => [name, MODULE_LIMITS.has(name) ? limits[name] : Math.floor(limits[name] / 2)]);
  return Object.fromEntries(entries) as Limits; // every name is mapped above
}

/** The function that runs when a call names none: the manifest's choice, else the only one there is. */
export function chooseDefaultFunction(
  manifestFunction: string | undefined,
  functions: readonly string[],
): string | undefined {
  return manifestFunction ?? (functions.length === 1 ? functions[0] : undefined);
}

/**
 * Builds the tenant's snapshot.
 *
 * @param now  milliseconds since the epoch; keys that expired by then are left out
 */
export function buildSnapshot(tenant: TenantRecord, now: number): Snapshot {
  const ceilings = PLANS[tenant.plan].ceilings;
  const keys = tenant.keys.filter((key) => key.revokedAt === null && (key.expiresAt === null || key.expiresAt > now));
  const offers = offersOf(tenant.installs.map((install) => ({ ...install, active: stateOf(install) === "active" })));
  return {
    format: SNAPSHOT_FORMAT,
    tenantId: tenant.id,
    status: tenant.status,
    revision: tenant.revision,
    compiledAt: now,
    // Object.fromEntries makes own properties of any name, `__proto__` included.
    installs: Object.fromEntries(
      tenant.installs.map((install) => [install.pluginId, snapshotInstall(install, ceilings)]),
    ),
    keys: Object.fromEntries(keys.map((key) => [key.keyId, snapshotKeyEntry(key)])),
    members: Object.fromEntries(tenant.members.map((member) => [member.subject, member.roles])),
    ...(tenant.installs.some(hasCanary) ? { canaries: true as const } : {}),
    ...(Object.keys(offers).length > 0 ? { offers } : {}),
  };
}

/** A candidate that was quarantined meanwhile gets no calls. */
function hasCanary(install: InstallRecord): boolean {
  return install.canary?.facts.versionState === "validated";
}

function canaryOf(install: InstallRecord, ceilings: Limits): Pick<SnapshotInstall, "canary"> {
  const { canary, ...installed } = install;
  if (!canary || !hasCanary(install)) return {};
  const { facts, config, share, salt, assignBy } = canary;
  const { parts: _own, described: _described, ...rest } = installed;
  const { parts, ...version } = facts;
  const record = { ...rest, ...version, ...(parts ? { parts } : {}), ...config };
  return { canary: { candidate: snapshotInstall(record, ceilings), share, salt, assignBy } };
}

/** One install as execution knows it. */
export function snapshotInstall(install: InstallRecord, ceilings: Limits): SnapshotInstall {
  const limits = effectiveLimits(install.manifestLimits, install.limits, ceilings);
  const isWarm = install.reuse === "warm" && !install.safeMode; // what earlier calls left may be what is wrong
  return {
    installId: install.installId,
    pluginId: install.pluginId,
    version: install.version,
    state: stateOf(install),
    rewrittenDigest: install.rewrittenDigest,
    rewriterVersion: install.rewriterVersion,
    moduleBytes: install.moduleBytes,
    functions: install.functions,
    defaultFunction: chooseDefaultFunction(install.manifestFunction, install.functions),
    suspends: install.suspends,
    ...(install.streams ? { streams: true } : {}),
    ...(install.parts ? { parts: install.parts } : {}),
    limits: install.safeMode ? halvedLimits(limits) : limits,
    ...snapshotConfig(install),
    ...(install.fallback ? { fallback: install.fallback } : {}),
    ...validationOf(install),
    ...(install.persistVariables ? { persistVariables: true as const } : {}),
    ...(isWarm ? { warm: { revision: install.updatedAt } } : {}),
    ...(install.safeMode ? { safeMode: true as const } : {}),
    ...(install.generation > 0 ? { generation: install.generation } : {}),
    ...(install.listing ? { listing: install.listing } : {}),
    grants: install.safeMode ? {} : effectiveGrants(asksOf(install.asking), install.granted),
    ...topicsOf(install.asking.events),
    ...lifecycleOf(install.offering.lifecycle),
    ...incomingOf(install.offering.webhooks),
    ...canaryOf(install, ceilings),
  };
}

function validationOf({ validate, described }: InstallRecord): Pick<SnapshotInstall, "validation"> {
  return validate === "off" || !described ? {} : { validation: { mode: validate, ...described } };
}

/** A version that was quarantined must not run, whatever state its installs were left in. */
function stateOf({ versionState, state }: InstallRecord): SnapshotInstall["state"] {
  return versionState === "quarantined" ? "quarantined" : state;
}

function lifecycleOf(lifecycle: Manifest["lifecycle"] | null | undefined): Pick<SnapshotInstall, "lifecycle"> {
  return lifecycle && Object.keys(lifecycle).length > 0 ? { lifecycle } : {};
}

function incomingOf(webhooks: Manifest["webhooks"] | null): Pick<SnapshotInstall, "incoming"> {
  if (!webhooks || webhooks.incoming.length === 0) return {};
  return { incoming: webhooks.incoming.map(({ function: functionName, ...rest }) => ({ functionName, ...rest })) };
}

function topicsOf(events: Manifest["events"] | undefined): Pick<SnapshotInstall, "topics"> {
  if (!events || events.publishes.length + events.subscribes.length === 0) return {};
  const subscribes = events.subscribes.map(({ topic, function: functionName }) => ({ filter: topic, functionName }));
  return { topics: { publishes: events.publishes, subscribes } };
}

function snapshotConfig({
  config,
  configRevision,
  secrets,
}: InstallRecord): Pick<SnapshotInstall, "config" | "configJsonNames" | "configRevision" | "secrets"> {
  const { texts, jsonNames } = flatten(config);
  return {
    config: texts,
    ...(jsonNames.length > 0 ? { configJsonNames: jsonNames } : {}),
    ...(Object.keys(secrets).length > 0 ? { secrets } : {}),
    configRevision,
  };
}

function snapshotKeyEntry(key: KeyRecord): SnapshotKey {
  return { secretHash: key.secretHash, roles: key.roles, expiresAt: key.expiresAt };
}
