import {
  CAPABILITIES,
  CAPABILITY_NAMES,
  type Capability,
  type CapabilitySpec,
  type QuotaSpec,
} from "../../../sdk/contract/capabilities.ts";
import type { Issue } from "../../../sdk/contract/errors.ts";
import { coversHost, quotaProblems, type Grant, type Grants } from "../../../sdk/contract/grants.ts";
import { coversTopic } from "../../../sdk/contract/topics.ts";
import type { Manifest } from "../../../sdk/contract/manifest.ts";

/** What is asked, what may be granted of it, and what then is in force. */

/** What of a manifest says which capabilities it asks for, and how far. */
export type AskingManifest = Pick<Manifest, "permissions" | "events" | "services">;

/** A grant in force, as the database holds it. */
export interface GrantRecord {
  readonly id: string;
  readonly capability: Capability;
  /** Version whose manifest asked, and what it asked for when the admin decided. */
  readonly version: string;
  readonly asked: Grant;
  /** What the admin narrowed; what is left out is as asked. */
  readonly granted: Grant;
  readonly grantedBy: string;
  /** Milliseconds since the epoch. */
  readonly grantedAt: number;
}

/** Why a grant ended: an admin revoked or replaced it, the version asks no longer, the install was removed. */
export type Ending = "revoked" | "replaced" | "unasked" | "uninstalled";

/** A grant that ended. */
export interface EndedGrant extends Omit<GrantRecord, "id" | "asked"> {
  readonly endedBy: string;
  readonly endedAt: number;
  readonly ending: Ending;
}

export type Scope = "hosts" | "topics" | "services";

interface ScopeSpec {
  /** True where the wider name includes whatever the narrower one does. */
  readonly covers: (wider: string, narrower: string) => boolean;
}

/** How the names of each kind of scope compare. */
const SCOPES: Readonly<Record<Scope, ScopeSpec>> = {
  hosts: { covers: coversHost },
  topics: { covers: coversTopic },
  services: { covers: (wider, narrower) => wider === narrower },
};
export const SCOPE_NAMES = Object.keys(SCOPES) as Scope[]; // Object.keys loses the key type

/** Which kind of names a capability is narrowed by, where it is. */
export function scopeOf(capability: Capability): Scope | undefined {
  const spec: CapabilitySpec = CAPABILITIES[capability];
  return spec.scope;
}

/**
 * What a manifest asks for, in the form of grants: an admin who narrows nothing gives exactly this. Topics are those that
 * it publishes to, services those that it requires.
 */
export function asksOf(manifest: AskingManifest): Grants {
  return Object.fromEntries(
    manifest.permissions.map((permission) => {
      const { capability } = permission;
      const hosts = "hosts" in permission ? permission.hosts : undefined;
      const quotas = "quotas" in permission ? permission.quotas : undefined;
      const scope = scopeOf(capability);
      const ask: Grant = {
        ...(scope === "hosts" && hosts ? { hosts } : {}),
        ...(scope === "topics" ? { topics: manifest.events.publishes } : {}),
        ...(scope === "services" ? { services: manifest.services.requires.map(({ name }) => name) } : {}),
        ...(quotas ? { quotas } : {}),
      };
      return [capability, ask];
    }),
  );
}

/**
 * What is wrong with grants that an admin wants to give: each may only narrow what the manifest asks for. Quotas are the
 * admin's to choose, up to the maximum of the table.
 *
 * @returns one issue for each problem, with the path in the request's body
 */
export function grantIssues(asks: Grants, wanted: Grants): Issue[] {
  return entriesOf(wanted).flatMap(([capability, grant]) => {
    const path = `/grants/${capability}`;
    const ask = asks[capability];
    if (!ask) {
      const asked = entriesOf(asks).map(([name]) => name);
      return [{ path, message: `is not asked for by the manifest, which asks for ${asked.join(", ") || "nothing"}` }];
    }
    const quotaIssues = quotaProblems(capability, grant.quotas ?? {}).map(([name, message]) => ({
      path: `${path}/quotas/${name}`,
      message,
    }));
    return [...SCOPE_NAMES.flatMap((scope) => scopeIssues(path, capability, scope, ask, grant)), ...quotaIssues];
  });
}

function scopeIssues(path: string, capability: Capability, scope: Scope, ask: Grant, grant: Grant): Issue[] {
  const names = grant[scope];
  if (names === undefined) return [];
  if (scopeOf(capability) !== scope) {
    return [{ path: `${path}/${scope}`, message: `does not narrow ${capability}` }];
  }
  const asked = ask[scope];
  if (asked === undefined) return [];
  return names.flatMap((name, index) => {
    if (covered(scope, asked, name)) return [];
    const message = `must be within what the manifest asks for (${asked.join(", ") || "none"}), found ${name}`;
    return [{ path: `${path}/${scope}/${index}`, message }];
  });
}

/**
 * The grants in force. A grant never gives more than what was asked for when it was given, nor more than what the version
 * asks for that runs now: whoever changes the version of an install cannot widen what it may do.
 *
 * @param asks     what the version that runs now asks for
 * @param records  grants in force for the install
 */
export function effectiveGrants(
  asks: Grants,
  records: readonly Pick<GrantRecord, "capability" | "asked" | "granted">[],
): Grants {
  return Object.fromEntries(
    records.flatMap(({ capability, asked, granted }) => {
      const ask = asks[capability];
      return ask ? [[capability, effectiveGrant(capability, ask, asked, granted)]] : [];
    }),
  );
}

function effectiveGrant(capability: Capability, ask: Grant, asked: Grant, granted: Grant): Grant {
  const scope = scopeOf(capability);
  const names = scope && common(scope, ask[scope], granted[scope] ?? asked[scope]);
  const quotas = effectiveQuotas(capability, ask, asked, granted);
  return {
    ...(scope && names ? { [scope]: names } : {}),
    ...(Object.keys(quotas).length > 0 ? { quotas } : {}),
  };
}

/** True where the names include this one. */
export function covered(scope: Scope, names: readonly string[], name: string): boolean {
  return names.some((wider) => SCOPES[scope].covers(wider, name));
}

/**
 * What both lists include; undefined stands for everything. Of two patterns that meet, one includes the other, but for topic
 * filters such as `a.*.c` and `a.b.*`: what only such two have in common is left out, which errs on the side of less.
 */
export function common(
  scope: Scope,
  left: readonly string[] | undefined,
  right: readonly string[] | undefined,
): readonly string[] | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  return [
    ...new Set([
      ...right.filter((name) => covered(scope, left, name)),
      ...left.filter((name) => covered(scope, right, name)),
    ]),
  ];
}

/** Quotas that differ from the default. An admin's own choice stands, whatever is asked. */
function effectiveQuotas(capability: Capability, ask: Grant, asked: Grant, granted: Grant): Record<string, number> {
  const table: Readonly<Record<string, QuotaSpec>> = CAPABILITIES[capability].quotas;
  return Object.fromEntries(
    Object.entries(table).flatMap(([name, spec]) => {
      const usual = Math.min(asked.quotas?.[name] ?? spec.default, ask.quotas?.[name] ?? spec.default);
      const value = Math.min(granted.quotas?.[name] ?? usual, spec.maximum);
      return value === spec.default ? [] : [[name, value]];
    }),
  );
}

/** Grants that an admin's wish ends, and those it begins; a grant that is wished for as it is stays. */
export interface GrantChanges {
  readonly ended: readonly GrantRecord[];
  readonly begun: readonly Pick<GrantRecord, "capability" | "asked" | "granted">[];
}

/**
 * What has to change so that exactly the wanted grants are in force.
 *
 * @param records  grants in force
 * @param asks     what the version asks for
 * @param wanted   within `asks`
 */
export function changesTo(records: readonly GrantRecord[], asks: Grants, wanted: Grants): GrantChanges {
  const stays = (record: GrantRecord): boolean => {
    const [ask, grant] = [asks[record.capability], wanted[record.capability]];
    return (
      ask !== undefined && grant !== undefined && isSameGrant(record.granted, grant) && isSameGrant(record.asked, ask)
    );
  };
  const kept = new Set(records.filter(stays).map(({ capability }) => capability));
  return {
    ended: records.filter((record) => !kept.has(record.capability)),
    begun: entriesOf(wanted)
      .filter(([capability]) => !kept.has(capability))
      .map(([capability, granted]) => ({ capability, asked: asks[capability] ?? {}, granted })),
  };
}

/** Capabilities with their grants, in the order of the table. */
export function entriesOf(grants: Grants): [Capability, Grant][] {
  return CAPABILITY_NAMES.flatMap((name): [Capability, Grant][] => {
    const grant = Object.hasOwn(grants, name) ? grants[name] : undefined;
    return grant ? [[name, grant]] : [];
  });
}

/** Equal content, whatever the order of lists and names. */
export function isSameGrant(left: Grant, right: Grant): boolean {
  return canonical(left) === canonical(right);
}

function canonical(grant: Grant): string {
  const scopes = SCOPE_NAMES.map((scope) => grant[scope]?.toSorted() ?? null);
  const quotas = Object.entries(grant.quotas ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([scopes, quotas]);
}
