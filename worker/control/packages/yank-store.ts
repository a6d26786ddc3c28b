import { and, eq, isNotNull, isNull, sql } from "drizzle-orm";
import type { Database } from "../../db/client.ts";
import { pluginVersions } from "../../db/schema.ts";
import type { NewAuditRow } from "../audit-log/rules.ts";
import { recordAudit } from "../audit-log/store.ts";
import { eventRecorded, recordEventWhere, type NewEvent } from "../events/store.ts";
import type { VersionRecord } from "./version-record.ts";

/**
 * Withdraws a version or takes that back, with its event, unless it is so already.
 *
 * @param reason  null: the version is withdrawn no longer
 * @returns false where nothing was changed
 */
export async function setYanked(
  db: Database,
  { id, tenantId }: VersionRecord,
  { at, reason }: { readonly at: number; readonly reason: string | null },
  event: NewEvent,
  audit: NewAuditRow,
): Promise<boolean> {
  const known = reason === null ? isNotNull(pluginVersions.yankedAt) : isNull(pluginVersions.yankedAt);
  const version = and(eq(pluginVersions.tenantId, tenantId), eq(pluginVersions.id, id));
  const differs = sql`EXISTS (SELECT 1 FROM ${pluginVersions} WHERE ${and(version, known)})`;
  const happened = eventRecorded(event.id);
  const [recorded] = await db.batch([
    recordEventWhere(db, event, differs),
    db
      .update(pluginVersions)
      .set({ yankedAt: reason === null ? null : at, yankReason: reason })
      .where(and(version, happened)),
    recordAudit(db, [audit], happened),
  ]);
  return recorded.length === 1;
}
