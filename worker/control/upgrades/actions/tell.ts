import type { EventDataOf } from "../../../../sdk/contract/events.ts";
import type { Actor } from "../../../lib/actor.ts";
import { newEvent, type NewEvent } from "../../events/rules.ts";
import type { InstallDeps } from "../../installs/actions/change.ts";
import type { Upgrade } from "../upgrade-record.ts";

type UpgradeEventType =
  | "upgrade.started"
  | "upgrade.gated"
  | "upgrade.canary-stepped"
  | "upgrade.promoted"
  | "upgrade.returned"
  | "upgrade.aborted";
type Shared = "installId" | "upgradeId" | "fromVersion" | "version";

/** An event of an upgrade; data beyond what every one of them says. */
export function upgradeEvent<Type extends UpgradeEventType>(
  deps: Pick<InstallDeps, "newId" | "clock">,
  actor: Actor,
  { id, tenantId, installId, pluginId, fromVersion, version }: Upgrade,
  type: Type,
  data: Omit<EventDataOf<Type>, Shared>,
): NewEvent {
  return newEvent({
    id: deps.newId(),
    tenantId,
    pluginId,
    type,
    data: { installId, upgradeId: id, fromVersion, version, ...data },
    subject: actor.subject,
    createdAt: deps.clock.now(),
  });
}
