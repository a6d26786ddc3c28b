import { PLATFORM_TENANT } from "../../../../sdk/contract/identifiers.ts";
import type { EventDataOf } from "../../../../sdk/contract/events.ts";
import type { Deps } from "../../../deps.ts";
import { SYSTEM_SUBJECT, newEvent } from "../../events/rules.ts";
import { recordEvent } from "../../events/store.ts";

export type BackupDeps = Pick<Deps, "env" | "db" | "clock" | "newId" | "randomBytes" | "snapshots">;

type BackupEvent = "backup.verified" | "backup.failed" | "backup.corrupted" | "backup.restored";

/** Tells the platform's log. */
export async function tell<Type extends BackupEvent>(
  deps: BackupDeps,
  type: Type,
  data: EventDataOf<Type>,
): Promise<void> {
  const event = newEvent({
    id: deps.newId(),
    tenantId: PLATFORM_TENANT,
    pluginId: null,
    type,
    data,
    subject: SYSTEM_SUBJECT,
    createdAt: deps.clock.now(),
  });
  await deps.db.batch([recordEvent(deps.db, event)]);
}
