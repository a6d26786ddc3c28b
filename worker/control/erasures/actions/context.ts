import { PLATFORM_TENANT } from "../../../../sdk/contract/identifiers.ts";
import type { EventDataOf } from "../../../../sdk/contract/events.ts";
import type { Deps } from "../../../deps.ts";
import type { BackupDeps } from "../../backups/actions/context.ts";
import { SYSTEM_SUBJECT, newEvent } from "../../events/rules.ts";
import { recordEvent } from "../../events/store.ts";

export type ErasureDeps = BackupDeps & Pick<Deps, "capabilities">;

type ErasureEvent = "tenant.erased" | "tenant.not-erased";

/** Tells the platform's log. */
export async function tell<Type extends ErasureEvent>(
  deps: ErasureDeps,
  type: Type,
  data: EventDataOf<Type>,
): Promise<void> {
  const event = { id: deps.newId(), tenantId: PLATFORM_TENANT, pluginId: null, type, data } as const;
  const made = newEvent({ ...event, subject: SYSTEM_SUBJECT, createdAt: deps.clock.now() });
  await deps.db.batch([recordEvent(deps.db, made)]);
}
