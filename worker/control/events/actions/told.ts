import type { Deps } from "../../../deps.ts";
import { recordEventsOnce, type NewEvent } from "../store.ts";

/** Records events that came through the queue, each once: a queue may deliver twice and in other batches. */
export async function recordToldEvents(deps: Pick<Deps, "db">, events: readonly NewEvent[]): Promise<void> {
  if (events.length > 0) await recordEventsOnce(deps.db, events);
}
