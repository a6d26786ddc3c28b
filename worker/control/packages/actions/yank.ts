import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { Deps } from "../../../deps.ts";
import type { Actor } from "../../../lib/actor.ts";
import { auditRow } from "../../audit-log/rules.ts";
import { newEvent } from "../../events/rules.ts";
import { findVersion } from "../store.ts";
import type { VersionRecord } from "../version-record.ts";
import { setYanked } from "../yank-store.ts";

type YankDeps = Pick<Deps, "db" | "clock" | "newId">;

/**
 * Withdraws a version of the actor's own: what is installed runs on, nothing new installs it. Done again it changes nothing.
 *
 * @param reason  null takes the withdrawal back
 * @throws {PlatformError} VERSION_NOT_FOUND, also for versions of others
 */
export async function yankVersion(
  deps: YankDeps,
  actor: Actor,
  { pluginId, version }: { readonly pluginId: string; readonly version: string },
  reason: string | null,
): Promise<VersionRecord> {
  const known = await findVersion(deps.db, [actor.tenantId], pluginId, version);
  if (!known) throw new PlatformError("VERSION_NOT_FOUND", `You have no version ${version} of "${pluginId}".`);
  const at = deps.clock.now();
  const shared = { id: deps.newId(), tenantId: actor.tenantId, pluginId, subject: actor.subject, createdAt: at };
  const event =
    reason === null
      ? newEvent({ ...shared, type: "package.unyanked", data: { version } })
      : newEvent({ ...shared, type: "package.yanked", data: { version, reason } });
  const change = { before: { version, yankReason: known.yankReason }, after: { version, yankReason: reason } };
  const action = reason === null ? "package.unyank" : "package.yank";
  const audit = auditRow(actor, { action, resourceId: pluginId, ...change }, deps.newId(), at);
  const changed = await setYanked(deps.db, known, { at, reason }, event, audit);
  return changed ? { ...known, yankedAt: reason === null ? null : at, yankReason: reason } : known;
}
