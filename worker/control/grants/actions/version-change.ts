import type { Actor } from "../../../lib/actor.ts";
import { newEvent } from "../../events/rules.ts";
import { audited, together, type InstallDeps } from "../../installs/actions/change.ts";
import type { Install } from "../../installs/schema.ts";
import { changeInstall, type Further } from "../../installs/store.ts";
import { additionsOf, grantsCarriedOver } from "../consent-rules.ts";
import { decideConsent, getPendingConsent, insertConsent } from "../consent-store.ts";
import { asksOf, changesTo } from "../rules.ts";
import type { Addition } from "../../../../sdk/contract/grants.ts";
import { listGrants } from "../store.ts";
import { keepLeft } from "../../upgrades/actions/keep.ts";
import { grantedIn, grantStatements, requireManifest } from "./change.ts";

/** What a change of an install's version means for its grants. Whoever moves an install to another version asks here. */

/**
 * What another version asks for beyond the installed one. Where there is anything, an install must not move to it before
 * an admin consents.
 *
 * @param moved  the install as it would be
 */
export async function additionsIn(deps: InstallDeps, install: Install, moved: Install): Promise<Addition[]> {
  if (moved.versionId === install.versionId) return [];
  const [before, after] = await Promise.all([requireManifest(deps, install), requireManifest(deps, moved)]);
  return additionsOf(asksOf(before), asksOf(after));
}

/**
 * The statements that let grants go on in another version: what it asks for no longer is dropped, and nothing is added,
 * also where it asks for more. What waits for consent waits no longer, and the version that is left is kept.
 */
export async function carryGrantsOver(
  deps: InstallDeps,
  actor: Actor,
  install: Install,
  moved: Install,
): Promise<Further> {
  if (moved.versionId === install.versionId) return () => [];
  const scope = { tenantId: install.tenantId, installId: install.id };
  const [after, records] = await Promise.all([requireManifest(deps, moved), listGrants(deps.db, scope)]);
  const asks = asksOf(after);
  const wanted = grantsCarriedOver(records, asks);
  const changes = changesTo(records, asks, wanted);
  const kept = keepLeft(deps, install, grantedIn(records), wanted);
  const grants = grantStatements(deps, actor, moved, changes, ({ capability }) =>
    asks[capability] ? "replaced" : "unasked",
  );
  const superseded = { by: actor.subject, at: deps.clock.now(), decision: "superseded" } as const;
  return together(grants, kept, (happened) => [decideConsent(deps.db, scope, superseded, happened)]);
}

/**
 * Notes that a version waits for consent, in the place of any other that did. One that waits already goes on.
 *
 * @returns false where the install has changed meanwhile
 */
export async function requestConsent(
  deps: InstallDeps,
  actor: Actor,
  install: Install,
  version: string,
  additions: readonly Addition[],
): Promise<boolean> {
  const scope = { tenantId: install.tenantId, installId: install.id, pluginId: install.pluginId };
  const waiting = await getPendingConsent(deps.db, scope);
  if (waiting?.version === version && waiting.fromVersion === install.version) return true;
  const now = deps.clock.now();
  const consent = {
    id: deps.newId(),
    fromVersion: install.version,
    version,
    additions,
    requestedBy: actor.subject,
    requestedAt: now,
  };
  const event = newEvent({
    id: deps.newId(),
    tenantId: actor.tenantId,
    pluginId: install.pluginId,
    type: "consent.requested",
    data: { installId: install.id, version, capabilities: additions.map(({ capability }) => capability).join(",") },
    subject: actor.subject,
    createdAt: now,
  });
  return changeInstall(deps.db, install, {
    set: {},
    events: [event],
    now,
    further: together(
      (happened) => [
        decideConsent(deps.db, scope, { by: actor.subject, at: now, decision: "superseded" }, happened),
        insertConsent(deps.db, scope, consent, happened),
      ],
      audited(deps, actor, {
        action: "consent.request",
        resourceId: install.pluginId,
        before: { version: install.version },
        after: { version, additions },
      }),
    ),
  });
}
