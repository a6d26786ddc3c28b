import type { Actor } from "../../../lib/actor.ts";
import { planConsent, type ConsentInput } from "../../grants/actions/consent.ts";
import { requireGranter } from "../../grants/actions/change.ts";
import { additionsIn } from "../../grants/actions/version-change.ts";
import { getPendingConsent } from "../../grants/consent-store.ts";
import { requireInstall } from "../../installs/actions/change.ts";
import { versionFor } from "../../installs/actions/update.ts";
import { nextState } from "../../installs/rules.ts";
import type { Install, UpdateInput } from "../../installs/schema.ts";
import type { VersionHead } from "../../plugins/rules.ts";
import type { Proof } from "../gate-schema.ts";
import { backUpCritical } from "./back-up.ts";
import type { CandidateChanges } from "./candidate.ts";
import { requireMovable } from "./keep.ts";
import { requireProof, type UpgradeDeps } from "./start.ts";

/** Recorded calls are held against a version before an install moves to it at once, by an update or a consent. */

/**
 * @returns what was proved; undefined where the update moves to no other version, or has to wait for consent first
 * @throws {PlatformError} UPGRADE_REFUSED; PERMISSION_DENIED where somebody who may not grant skips the gate; what the update throws
 */
export async function proveUpdate(
  deps: UpgradeDeps,
  actor: Actor,
  pluginId: string,
  input: UpdateInput,
): Promise<Proof | undefined> {
  if (input.version === undefined) return undefined;
  const install = await requireInstall(deps, actor, pluginId);
  const from = install.versionId;
  if (input.gate === "skipped") return skipped(deps, actor, install);
  nextState(install.state, "update");
  const version = await versionFor(deps, actor, install, input);
  if (version.id === from) return undefined;
  await requireMovable(deps, install);
  if ((await additionsIn(deps, install, movedTo(install, version))).length > 0) return undefined;
  return proved(deps, actor, install, version, { config: input.config });
}

/** The same for a version that waits for consent, with the grants that it would have. */
export async function proveConsent(
  deps: UpgradeDeps,
  actor: Actor,
  pluginId: string,
  input: ConsentInput,
): Promise<Proof | undefined> {
  if (!input.accept) return undefined;
  const install = await requireInstall(deps, actor, pluginId);
  if (input.gate === "skipped") return skipped(deps, actor, install);
  const waiting = await getPendingConsent(deps.db, { tenantId: install.tenantId, installId: install.id });
  if (waiting?.version !== input.version) return undefined;
  nextState(install.state, "update");
  await requireMovable(deps, install);
  const version = await versionFor(deps, actor, install, { version: input.version });
  const { asks, wanted } = await planConsent(deps, install, movedTo(install, version), input);
  const granted = Object.entries(wanted).map(([name, grant]) => {
    const capability = name as keyof typeof wanted; // Object.entries loses the key type
    return { capability, asked: asks[capability] ?? {}, granted: grant };
  });
  return proved(deps, actor, install, version, { granted });
}

async function proved(
  deps: UpgradeDeps,
  actor: Actor,
  install: Install,
  version: VersionHead,
  changes: CandidateChanges,
): Promise<Proof> {
  const gate = await requireProof(deps, actor, install, version, changes);
  await backUpCritical(deps, actor, install.pluginId);
  return { from: install.versionId, gate };
}

async function skipped(deps: UpgradeDeps, actor: Actor, { pluginId, versionId }: Install): Promise<Proof> {
  requireGranter(actor, "to move an install without proof");
  await backUpCritical(deps, actor, pluginId);
  return { from: versionId, gate: "skipped" };
}

function movedTo(install: Install, version: VersionHead): Install {
  return { ...install, versionId: version.id, version: version.version };
}
