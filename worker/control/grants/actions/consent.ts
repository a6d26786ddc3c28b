import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { Grants } from "../../../../sdk/contract/grants.ts";
import type { Actor } from "../../../lib/actor.ts";
import { planConfigUpdate } from "../../config/actions/version-change.ts";
import { newEvent } from "../../events/rules.ts";
import {
  audited,
  change,
  eventsOf,
  requireInstall,
  together,
  type InstallDeps,
} from "../../installs/actions/change.ts";
import { requireStill, versionFor } from "../../installs/actions/update.ts";
import { nextState } from "../../installs/rules.ts";
import type { Install } from "../../installs/schema.ts";
import { changeInstall, type Further } from "../../installs/store.ts";
import { keepLeft, requireMovable } from "../../upgrades/actions/keep.ts";
import type { Proof } from "../../upgrades/gate-schema.ts";
import { additionsOf, grantsAfterConsent } from "../consent-rules.ts";
import { decideConsent, getPendingConsent } from "../consent-store.ts";
import { asksOf, changesTo } from "../rules.ts";
import { listGrants } from "../store.ts";
import { grantedIn, grantEvents, grantStatements, requireAsked, requireManifest } from "./change.ts";
import { readPermissions, type Permissions } from "./permissions.ts";

export interface ConsentInput {
  /** The version that waits; named, so that nobody consents to another one than they read about. */
  readonly version: string;
  /** False: the install stays in its version, and the request is closed. */
  readonly accept: boolean;
  /** Grants in the new version; absent: those there are, with what the version asks for beyond the installed one. */
  readonly grants?: Grants | undefined;
  readonly gate?: "required" | "skipped" | undefined;
}

/**
 * Decides on a version that waits for consent. To accept moves the install to it, with its grants, in one batch.
 *
 * @throws {PlatformError} INSTALL_NOT_FOUND; STATE_CONFLICT where no version, or another one, waits;
 *   VERSION_NOT_FOUND, SCAN_REFUSED; REQUEST_INVALID where a grant is wider than what the version asks for
 */
export async function decideOnConsent(
  deps: InstallDeps,
  actor: Actor,
  pluginId: string,
  input: ConsentInput,
  proof?: Proof,
): Promise<Permissions> {
  await change(deps, actor, pluginId, async () => {
    const install = await requireInstall(deps, actor, pluginId);
    await requireWaiting(deps, install, input.version);
    requireStill(install, proof);
    return input.accept ? accept(deps, actor, install, input, proof) : refuse(deps, actor, install, input.version);
  });
  return readPermissions(deps, actor, pluginId);
}

/** The grants that a version would have. @param moved  the install as it would be */
export async function planConsent(
  deps: InstallDeps,
  install: Install,
  moved: Install,
  { grants }: Pick<ConsentInput, "grants">,
) {
  const scope = { tenantId: install.tenantId, installId: install.id };
  const [before, after, records] = await Promise.all([
    requireManifest(deps, install),
    requireManifest(deps, moved),
    listGrants(deps.db, scope),
  ]);
  const asks = asksOf(after);
  const wanted = grants ?? grantsAfterConsent(records, additionsOf(asksOf(before), asks), asks);
  return { records, asks, wanted, changes: changesTo(records, requireAsked(after, wanted), wanted) };
}

async function accept(
  deps: InstallDeps,
  actor: Actor,
  install: Install,
  input: ConsentInput,
  proof: Proof | undefined,
): Promise<boolean> {
  nextState(install.state, "update");
  await requireMovable(deps, install);
  const version = await versionFor(deps, actor, install, { version: input.version });
  const moved = { ...install, versionId: version.id, version: version.version };
  const { records, asks, wanted, changes } = await planConsent(deps, install, moved, input);
  const grants = grantStatements(deps, actor, moved, changes, ({ capability }) =>
    asks[capability] ? (wanted[capability] ? "replaced" : "revoked") : "unasked",
  );
  const config = await planConfigUpdate(deps, actor, install, moved, undefined);
  const data = { changed: "version", previousVersion: install.version };
  return changeInstall(deps.db, install, {
    set: { versionId: version.id, ...(config ? { configRevision: config.configRevision } : {}) },
    events: [
      ...eventsOf(deps, actor, moved, ["update"], data),
      ...grantEvents(deps, actor, moved, changes),
      ...(config?.changes ? [config.event] : []),
    ],
    now: deps.clock.now(),
    further: together(
      grants,
      keepLeft(deps, install, grantedIn(records), wanted),
      config?.further,
      decideOn(deps, actor, install, "granted"),
      audited(deps, actor, {
        action: "consent.give",
        resourceId: install.pluginId,
        before: { version: install.version, grants: grantedIn(records) },
        after: { version: version.version, grants: wanted, gate: proof?.gate },
      }),
    ),
  });
}

function refuse(deps: InstallDeps, actor: Actor, install: Install, version: string): Promise<boolean> {
  const event = newEvent({
    id: deps.newId(),
    tenantId: actor.tenantId,
    pluginId: install.pluginId,
    type: "consent.refused",
    data: { installId: install.id, version },
    subject: actor.subject,
    createdAt: deps.clock.now(),
  });
  return changeInstall(deps.db, install, {
    set: {},
    events: [event],
    now: deps.clock.now(),
    further: together(
      decideOn(deps, actor, install, "refused"),
      audited(deps, actor, {
        action: "consent.refuse",
        resourceId: install.pluginId,
        before: { version: install.version },
        after: { version: install.version, refused: version },
      }),
    ),
  });
}

function decideOn(deps: InstallDeps, actor: Actor, install: Install, decision: "granted" | "refused"): Further {
  const scope = { tenantId: install.tenantId, installId: install.id };
  const by = { by: actor.subject, at: deps.clock.now(), decision };
  return (happened) => [decideConsent(deps.db, scope, by, happened)];
}

async function requireWaiting(deps: InstallDeps, install: Install, version: string): Promise<void> {
  const waiting = await getPendingConsent(deps.db, { tenantId: install.tenantId, installId: install.id });
  if (waiting?.version === version) return;
  throw new PlatformError(
    "STATE_CONFLICT",
    `Version ${version} of "${install.pluginId}" does not wait for consent; ${waiting ? `version ${waiting.version} does` : "none does"}.`,
    { members: { waiting: waiting?.version ?? null } },
  );
}
