import { sql } from "drizzle-orm";
import type { Database } from "../../db/client.ts";
import { recordEventWhere, type NewEvent } from "../events/store.ts";

const HOUR_MS = 3_600_000;
/** Of the plugin's latest events: the log holds all its calls, and is not read whole to count findings. */
const LOOKED_AT = 2_000;

/**
 * @param most  findings that the plugin may raise in an hour
 * @returns false where it has
 */
export async function recordFinding(db: Database, event: NewEvent, most: number): Promise<boolean> {
  const { tenantId, pluginId, type, createdAt } = event;
  const latest = sql`SELECT type, created_at FROM plugin_events WHERE tenant_id = ${tenantId} AND plugin_id = ${pluginId} ORDER BY sequence DESC LIMIT ${LOOKED_AT}`;
  const raised = sql`(SELECT count(*) FROM (${latest}) WHERE type = ${type} AND created_at > ${createdAt - HOUR_MS})`;
  return (await recordEventWhere(db, event, sql`${raised} < ${most}`)).length === 1;
}
