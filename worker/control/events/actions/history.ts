import type { EventType } from "../../../../sdk/contract/events.ts";
import type { Deps } from "../../../deps.ts";
import type { Actor } from "../../../lib/actor.ts";
import type { PluginEvent } from "../rules.ts";
import { listEvents } from "../store.ts";

export interface History {
  readonly type?: EventType | undefined;
  readonly plugin?: string | undefined;
  readonly after?: number | undefined;
  readonly order: "newest" | "oldest";
}

/**
 * The tenant's events, one more than `limit` where there are more.
 *
 * @param page  `position` is the sequence number of the last event of the page before
 */
export async function readHistory(
  deps: Pick<Deps, "db">,
  actor: Actor,
  { type, plugin, after, order }: History,
  page: { readonly limit: number; readonly position?: number | undefined },
): Promise<PluginEvent[]> {
  const { position } = page;
  const start = order === "newest" ? { after, before: position } : { after: position ?? after };
  const filter = { type, pluginId: plugin, ...start };
  return listEvents(deps.db, actor.tenantId, filter, { limit: page.limit + 1, order });
}
