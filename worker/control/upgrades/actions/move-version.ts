import type { Actor } from "../../../lib/actor.ts";
import { planConfigUpdate } from "../../config/actions/version-change.ts";
import type { NewEvent } from "../../events/rules.ts";
import { grantedIn, grantStatements, requireManifest } from "../../grants/actions/change.ts";
import { grantsCarriedOver } from "../../grants/consent-rules.ts";
import { decideConsent } from "../../grants/consent-store.ts";
import { asksOf, changesTo } from "../../grants/rules.ts";
import { listGrants } from "../../grants/store.ts";
import { eventsOf, together, type InstallDeps } from "../../installs/actions/change.ts";
import type { Install, InstallChange } from "../../installs/schema.ts";
import type { Further } from "../../installs/store.ts";
import type { VersionHead } from "../../plugins/rules.ts";
import { restoredGrants } from "../rollback-rules.ts";
import type { KeptVersion } from "../store.ts";
import { keepLeft } from "./keep.ts";

/** What the batch of a move to another version holds. */
export interface VersionMove {
  readonly set: InstallChange;
  readonly events: readonly NewEvent[];
  readonly further: Further;
}

/**
 * Plans the move of an install: configuration and grants go along, and the version that is left is kept.
 *
 * @param kept  given where the install goes back to a version that it had
 * @throws {PlatformError} CONFIG_INCOMPATIBLE
 */
export async function planVersionMove(
  deps: InstallDeps,
  actor: Actor,
  install: Install,
  version: VersionHead,
  kept?: KeptVersion,
): Promise<VersionMove> {
  const moved: Install = { ...install, versionId: version.id, version: version.version };
  const scope = { tenantId: install.tenantId, installId: install.id };
  const [manifest, records, config] = await Promise.all([
    requireManifest(deps, moved),
    listGrants(deps.db, scope),
    planConfigUpdate(deps, actor, install, moved, undefined),
  ]);
  const asks = asksOf(manifest);
  const wanted = kept ? restoredGrants(records, asks, kept) : grantsCarriedOver(records, asks);
  const changes = changesTo(records, asks, wanted);
  const superseded = { by: actor.subject, at: deps.clock.now(), decision: "superseded" } as const;
  return {
    set: { versionId: version.id, ...(config ? { configRevision: config.configRevision } : {}) },
    events: [
      ...eventsOf(deps, actor, moved, ["update"], { changed: "version", previousVersion: install.version }),
      ...(config?.changes ? [config.event] : []),
    ],
    further: together(
      grantStatements(deps, actor, moved, changes, ({ capability }) => (asks[capability] ? "replaced" : "unasked")),
      config?.further,
      keepLeft(deps, install, grantedIn(records), wanted, kept !== undefined),
      (happened) => [decideConsent(deps.db, scope, superseded, happened)],
    ),
  };
}
