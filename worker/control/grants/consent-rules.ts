import { CAPABILITIES, type Capability, type QuotaSpec } from "../../../sdk/contract/capabilities.ts";
import { PlatformError } from "../../../sdk/contract/errors.ts";
import type { Addition, Grant, Grants } from "../../../sdk/contract/grants.ts";
import { common, covered, entriesOf, scopeOf, type GrantRecord } from "./rules.ts";

/** What a version asks for beyond another one, and what becomes of grants when an install moves between them. */

/**
 * What one version asks for beyond another; empty where it asks for as much or less.
 *
 * @param before  what the installed version asks for
 * @param after   what the version asks for that an install would move to
 */
export function additionsOf(before: Grants, after: Grants): Addition[] {
  return entriesOf(after).flatMap(([capability, ask]): Addition[] => {
    const old = before[capability];
    const addition: Addition = {
      capability,
      isNew: old === undefined,
      ...addedNames(capability, old, ask),
      ...addedQuotas(capability, old, ask),
    };
    const { capability: _name, isNew, ...more } = addition;
    return isNew || Object.keys(more).length > 0 ? [addition] : [];
  });
}

function addedNames(capability: Capability, old: Grant | undefined, ask: Grant): Partial<Addition> {
  const scope = scopeOf(capability);
  if (!scope) return {};
  const names = ask[scope];
  if (names === undefined) return old && old[scope] === undefined ? {} : { anyHost: true };
  if (old && old[scope] === undefined) return {};
  const added = names.filter((name) => !covered(scope, old?.[scope] ?? [], name));
  return added.length > 0 ? { [scope]: added } : {};
}

function addedQuotas(capability: Capability, old: Grant | undefined, ask: Grant): Partial<Addition> {
  const table: Readonly<Record<string, QuotaSpec>> = CAPABILITIES[capability].quotas;
  const raised = Object.entries(table).flatMap(([name, spec]): [string, number][] => {
    const value = ask.quotas?.[name] ?? spec.default;
    return value > (old?.quotas?.[name] ?? spec.default) ? [[name, value]] : [];
  });
  return raised.length > 0 ? { quotas: Object.fromEntries(raised) } : {};
}

/**
 * Grants that go on in a version that asks for as much or less: what it asks for no longer is dropped.
 *
 * @param records  grants in force
 * @param asks     what the version asks for
 */
export function grantsCarriedOver(
  records: readonly Pick<GrantRecord, "capability" | "granted">[],
  asks: Grants,
): Grants {
  return Object.fromEntries(
    records.flatMap(({ capability, granted }) => {
      const ask = asks[capability];
      return ask ? [[capability, narrowTo(capability, ask, granted)]] : [];
    }),
  );
}

function narrowTo(capability: Capability, ask: Grant, granted: Grant): Grant {
  const scope = scopeOf(capability);
  if (!scope || granted[scope] === undefined) return granted;
  return { ...granted, [scope]: common(scope, ask[scope], granted[scope]) };
}

/**
 * Grants once an admin consents and names none: what was granted goes on, and what the version asks for beyond the
 * installed one is added to it. What was asked for before and never granted, or was revoked, stays refused; quotas that an
 * admin chose, and hosts that an admin narrowed where any is asked for now, stay.
 */
export function grantsAfterConsent(
  records: readonly Pick<GrantRecord, "capability" | "granted">[],
  additions: readonly Addition[],
  asks: Grants,
): Grants {
  const carried = grantsCarriedOver(records, asks);
  const added = additions.flatMap((addition): [Capability, Grant][] => {
    const { capability, isNew } = addition;
    if (isNew) return [[capability, {}]];
    const grant = carried[capability];
    const scope = scopeOf(capability);
    const names = scope && grant?.[scope];
    if (!grant || !scope || !names) return [];
    return [[capability, { ...grant, [scope]: [...new Set([...names, ...(addition[scope] ?? [])])] }]];
  });
  return { ...carried, ...Object.fromEntries(added) };
}

export function consentRequired(
  pluginId: string,
  versions: { readonly from: string; readonly to: string },
  additions: readonly Addition[],
): PlatformError {
  return new PlatformError(
    "CONSENT_REQUIRED",
    `Version ${versions.to} of "${pluginId}" asks for more than ${versions.from}: ${additions.map(describe).join("; ")}. An admin can consent with POST /${pluginId}/permissions/consent.`,
    { members: { version: versions.to, installedVersion: versions.from, additions } },
  );
}

function describe({ capability, isNew, hosts, topics, services, anyHost, quotas }: Addition): string {
  const parts = [
    ...(anyHost ? ["any host"] : []),
    ...[hosts, topics, services].flatMap((names) => names ?? []),
    ...Object.entries(quotas ?? {}).map(([name, value]) => `${name} up to ${value}`),
  ];
  const name = isNew ? `${capability} (new)` : capability;
  return parts.length > 0 ? `${name}: ${parts.join(", ")}` : name;
}
