import type { Capability } from "../../../../sdk/contract/capabilities.ts";
import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { Grants } from "../../../../sdk/contract/grants.ts";
import { permits } from "../../../../sdk/contract/roles.ts";
import type { Actor } from "../../../lib/actor.ts";
import type { InstallDeps } from "../../installs/actions/change.ts";
import type { Install } from "../../installs/schema.ts";
import type { Further } from "../../installs/store.ts";
import { pluginNotFound } from "../../plugins/rules.ts";
import { getManifest } from "../../plugins/store.ts";
import { newEvent, type NewEvent } from "../../events/rules.ts";
import {
  asksOf,
  grantIssues,
  type AskingManifest,
  type Ending,
  type GrantChanges,
  type GrantRecord,
} from "../rules.ts";
import { beginGrants, endGrants } from "../store.ts";

/** What every change of grants shares: the parts of a batch that belong to a change of an install. */

/** @throws {PlatformError} PERMISSION_DENIED where the actor may not grant */
export function requireGranter(actor: Actor, what = "to give grants"): void {
  if (permits(actor.roles, "plugins:grant")) return;
  throw new PlatformError("PERMISSION_DENIED", `The permission "plugins:grant" is required ${what}.`, {
    members: { permission: "plugins:grant" },
  });
}

/** @throws {PlatformError} PLUGIN_NOT_FOUND */
export async function requireManifest(
  deps: Pick<InstallDeps, "db">,
  install: Pick<Install, "pluginId" | "versionId">,
): Promise<AskingManifest> {
  const manifest = await getManifest(deps.db, install.versionId);
  if (!manifest) throw pluginNotFound(install.pluginId);
  return manifest;
}

/** @throws {PlatformError} REQUEST_INVALID naming each grant that is wider than what the manifest asks for */
export function requireAsked(manifest: AskingManifest, wanted: Grants): Grants {
  const asks = asksOf(manifest);
  const issues = grantIssues(asks, wanted);
  if (issues.length === 0) return asks;
  const [first] = issues;
  throw new PlatformError(
    "REQUEST_INVALID",
    `Grants can only narrow what the manifest asks for: ${first?.path ?? ""} ${first?.message ?? ""}.`,
    { issues },
  );
}

/** Grants as an admin gave them, for the log. */
export function grantedIn(records: readonly Pick<GrantRecord, "capability" | "granted">[]): Grants {
  return Object.fromEntries(records.map(({ capability, granted }) => [capability, granted]));
}

/** The statements that end and begin grants, for the batch of a change. */
export function grantStatements(
  deps: InstallDeps,
  actor: Actor,
  install: Pick<Install, "id" | "pluginId" | "version">,
  changes: GrantChanges,
  ending: (record: GrantRecord) => Ending,
): Further {
  const scope = { tenantId: actor.tenantId, installId: install.id, pluginId: install.pluginId };
  const now = deps.clock.now();
  const begun = changes.begun.map((grant): GrantRecord => ({
    ...grant,
    id: deps.newId(),
    version: install.version,
    grantedBy: actor.subject,
    grantedAt: now,
  }));
  const endings = Map.groupBy(changes.ended, ending);
  return (happened) => [
    ...[...endings].map(([reason, records]) =>
      endGrants(
        deps.db,
        scope,
        records.map(({ capability }) => capability),
        { by: actor.subject, at: now, ending: reason },
        happened,
      ),
    ),
    ...(begun.length > 0 ? [beginGrants(deps.db, scope, begun, happened)] : []),
  ];
}

/** The events of a change of grants: one for each capability that began, ended or was given otherwise. */
export function grantEvents(
  deps: InstallDeps,
  actor: Actor,
  install: Pick<Install, "id" | "pluginId">,
  changes: GrantChanges,
): NewEvent[] {
  const told = (capability: Capability, change: string, hosts?: readonly string[]): NewEvent =>
    newEvent({
      id: deps.newId(),
      tenantId: actor.tenantId,
      pluginId: install.pluginId,
      type: "grant.changed",
      data: { installId: install.id, capability, change, hosts: hosts?.join(",") },
      subject: actor.subject,
      createdAt: deps.clock.now(),
    });
  const { begun, ended } = changes;
  return [
    ...begun.map(({ capability, granted, asked }) => {
      const change = ended.some((old) => old.capability === capability) ? "replaced" : "granted";
      return told(capability, change, granted.hosts ?? asked.hosts);
    }),
    ...ended
      .filter((old) => begun.every(({ capability }) => capability !== old.capability))
      .map(({ capability }) => told(capability, "revoked")),
  ];
}
