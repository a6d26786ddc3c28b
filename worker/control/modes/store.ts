import { sql } from "drizzle-orm";
import type { Database } from "../../db/client.ts";
import type { NewAuditRow } from "../audit-log/rules.ts";
import { recordAudit } from "../audit-log/store.ts";
import { eventRecorded, recordEventsWhere, type NewEvent } from "../events/store.ts";

/**
 * Writes what a change of mode leaves in the logs, unless it is there.
 *
 * @param id      of the last event, which proves that all is written
 * @param events  in order
 */
export async function recordMove(
  db: Database,
  id: string,
  events: readonly NewEvent[],
  audit: readonly NewAuditRow[],
): Promise<void> {
  const isNew = sql`NOT ${eventRecorded(id)}`;
  await db.batch([recordAudit(db, audit, isNew), recordEventsWhere(db, events, isNew)]);
}
