import { commit } from "../../../db/client.ts";
import type { Actor } from "../../../lib/actor.ts";
import { auditRow } from "../../audit-log/rules.ts";
import { recordAudit } from "../../audit-log/store.ts";
import { requireInstall, type InstallDeps } from "../../installs/actions/change.ts";
import { getPolicy, setPolicy } from "../store.ts";
import type { UpdatePolicy } from "../upgrade-record.ts";

/**
 * Says which new versions an install takes by itself, and whether it stays in its version. Nothing is written where that holds
 * already.
 *
 * @throws {PlatformError} INSTALL_NOT_FOUND
 */
export async function setUpdatePolicy(
  deps: InstallDeps,
  actor: Actor,
  pluginId: string,
  policy: UpdatePolicy,
): Promise<void> {
  const install = await requireInstall(deps, actor, pluginId);
  const scope = { tenantId: install.tenantId, installId: install.id, pluginId };
  const before = await getPolicy(deps.db, scope);
  if (JSON.stringify(before) === JSON.stringify(policy)) return;
  const now = deps.clock.now();
  const audit = { action: "update-policy.set", resourceId: pluginId, before, after: policy } as const;
  await commit(
    deps.db,
    setPolicy(deps.db, scope, policy, { updatedBy: actor.subject, updatedAt: now }),
    recordAudit(deps.db, [auditRow(actor, audit, deps.newId(), now)]),
  );
}
