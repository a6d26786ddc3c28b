import { CAPABILITIES, type Capability } from "../../../../sdk/contract/capabilities.ts";
import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { Grants } from "../../../../sdk/contract/grants.ts";
import type { Actor } from "../../../lib/actor.ts";
import { sha256Hex } from "../../../lib/hex.ts";
import type { AuditedChange } from "../../audit-log/rules.ts";
import { audited, change, requireInstall, together, type InstallDeps } from "../../installs/actions/change.ts";
import type { Install } from "../../installs/schema.ts";
import { changeInstall } from "../../installs/store.ts";
import { getPendingConsent, type PendingConsent } from "../consent-store.ts";
import {
  asksOf,
  changesTo,
  effectiveGrants,
  entriesOf,
  type AskingManifest,
  type EndedGrant,
  type Ending,
  type GrantChanges,
  type GrantRecord,
} from "../rules.ts";
import { showAddition, showGrant, showGrantInForce, type PermissionsAnswer } from "../schema.ts";
import { listEndedGrants, listGrants } from "../store.ts";
import { grantedIn, grantEvents, grantStatements, requireAsked, requireManifest } from "./change.ts";

/** What an install asks for and was granted, with the tag by which a later change can tell that it saw this state. */
export interface Permissions {
  readonly answer: PermissionsAnswer;
  readonly tag: string;
}

/** @throws {PlatformError} INSTALL_NOT_FOUND */
export async function readPermissions(deps: InstallDeps, actor: Actor, pluginId: string): Promise<Permissions> {
  const install = await requireInstall(deps, actor, pluginId);
  const state = await readState(deps, install);
  const history = await listEndedGrants(deps.db, install);
  return { answer: describePermissions(install, state, history), tag: await tagOf(install, state) };
}

interface GrantState {
  readonly manifest: AskingManifest;
  readonly records: readonly GrantRecord[];
  readonly consent: PendingConsent | undefined;
}

/** Read after the install: every change of grants changes its row too, so that a guard on the row covers them. */
async function readState(deps: InstallDeps, install: Install): Promise<GrantState> {
  const scope = { tenantId: install.tenantId, installId: install.id };
  const [manifest, records, consent] = await Promise.all([
    requireManifest(deps, install),
    listGrants(deps.db, scope),
    getPendingConsent(deps.db, scope),
  ]);
  return { manifest, records, consent };
}

/**
 * Makes exactly these grants be in force. Grants that are so already stay as they are; where all are, nothing is written.
 *
 * @param ifMatch  tag of the state that the admin saw; undefined: whatever it is now
 * @throws {PlatformError} INSTALL_NOT_FOUND; REQUEST_INVALID where a grant is wider than what is asked for;
 *   PRECONDITION_FAILED where the state has changed since
 */
export async function setPermissions(
  deps: InstallDeps,
  actor: Actor,
  pluginId: string,
  wanted: Grants,
  ifMatch: string | undefined,
): Promise<Permissions> {
  await change(deps, actor, pluginId, async () => {
    const install = await requireInstall(deps, actor, pluginId);
    const state = await readState(deps, install);
    await requireTag(install, state, ifMatch);
    const asks = requireAsked(state.manifest, wanted);
    const changes = changesTo(state.records, asks, wanted);
    const ending = ({ capability }: GrantRecord) => (wanted[capability] ? "replaced" : "revoked");
    return commitChanges(deps, actor, install, changes, ending, {
      action: "permissions.set",
      resourceId: pluginId,
      before: { grants: grantedIn(state.records) },
      after: { grants: wanted },
    });
  });
  return readPermissions(deps, actor, pluginId);
}

/**
 * Ends grants. What is not granted is left as it is, so that a revocation may be repeated. Calls of the isolate that
 * answers are refused from the next one on, those of others within the snapshot's bound.
 *
 * @throws {PlatformError} INSTALL_NOT_FOUND
 */
export async function revokePermissions(
  deps: InstallDeps,
  actor: Actor,
  pluginId: string,
  capabilities: readonly Capability[],
): Promise<Permissions> {
  await change(deps, actor, pluginId, async () => {
    const install = await requireInstall(deps, actor, pluginId);
    const { records } = await readState(deps, install);
    const ended = records.filter(({ capability }) => capabilities.includes(capability));
    return commitChanges(deps, actor, install, { ended, begun: [] }, () => "revoked", {
      action: "permissions.revoke",
      resourceId: pluginId,
      before: { grants: grantedIn(records) },
      after: { grants: grantedIn(records.filter((record) => !ended.includes(record))) },
    });
  });
  return readPermissions(deps, actor, pluginId);
}

async function commitChanges(
  deps: InstallDeps,
  actor: Actor,
  install: Install,
  changes: GrantChanges,
  ending: (record: GrantRecord) => Ending,
  audit: AuditedChange,
): Promise<boolean> {
  const [first, ...rest] = grantEvents(deps, actor, install, changes);
  if (!first) return true;
  return changeInstall(deps.db, install, {
    set: {},
    events: [first, ...rest],
    now: deps.clock.now(),
    further: together(grantStatements(deps, actor, install, changes, ending), audited(deps, actor, audit)),
  });
}

async function requireTag(install: Install, state: GrantState, ifMatch: string | undefined): Promise<void> {
  if (ifMatch === undefined || ifMatch === "*") return;
  const tag = await tagOf(install, state);
  const seen = ifMatch.split(",").map((part) => part.trim());
  if (seen.includes(tag)) return;
  throw new PlatformError(
    "PRECONDITION_FAILED",
    `The permissions of "${install.pluginId}" have the tag ${tag}, not ${ifMatch.slice(0, 100)}; read them again.`,
  );
}

/** A strong entity tag (RFC 9110 §8.8.3): grants are never changed in place, so their ids tell their content. */
async function tagOf(install: Install, { records, consent }: GrantState): Promise<string> {
  const ids = records.map(({ id }) => id).sort();
  return `"${(await sha256Hex(JSON.stringify([install.versionId, ids, consent?.id ?? null]))).slice(0, 32)}"`;
}

function describePermissions(install: Install, state: GrantState, history: readonly EndedGrant[]): PermissionsAnswer {
  const { manifest, records, consent } = state;
  const asks = asksOf(manifest);
  const inForce = effectiveGrants(asks, records);
  return {
    pluginId: install.pluginId,
    version: install.version,
    permissions: entriesOf(asks).map(([capability, ask]) => {
      const record = records.find((known) => known.capability === capability);
      const granted = inForce[capability];
      const revoked = history.find((past) => past.capability === capability && past.ending !== "uninstalled");
      const isRevoked = !record && revoked?.ending === "revoked";
      return {
        capability,
        title: CAPABILITIES[capability].title,
        aliases: [...CAPABILITIES[capability].aliases],
        reason: reasonOf(manifest, capability),
        status: record ? "granted" : isRevoked ? "revoked" : "pending",
        asked: showGrant(ask),
        granted: granted ? showGrantInForce(capability, granted) : null,
        decidedBy: record?.grantedBy ?? (isRevoked ? revoked.endedBy : null),
        decidedAt: record?.grantedAt ?? (isRevoked ? revoked.endedAt : null),
      };
    }),
    consent: consent ? { ...consent, additions: consent.additions.map(showAddition) } : null,
    history: history.map((past) => ({ ...past, granted: showGrant(past.granted) })),
  };
}

function reasonOf(manifest: AskingManifest, capability: Capability): string | null {
  const asked = manifest.permissions.find((permission) => permission.capability === capability);
  return asked && "reason" in asked ? (asked.reason ?? null) : null;
}
