import { and, eq, inArray, ne, sql, type SQL } from "drizzle-orm";
import type { Database } from "../../db/client.ts";
import { pluginInstances, pluginVersions, tenants } from "../../db/schema.ts";
import { eventRecorded, recordEventWhere, type NewEvent } from "../events/store.ts";
import type { VersionRecord } from "./version-record.ts";

/** Versions that an older rewriter made, and their move to the current one. */

export interface OutdatedVersion extends Pick<VersionRecord, "id" | "tenantId" | "rewriterVersion"> {
  /** Of the main module as uploaded. */
  readonly moduleBytes: number;
}

/** Rewriter that refused the version; it runs on as an older one made it. */
const REFUSED_BY = "$.rewriting.refusedBy";

/** The oldest versions of all tenants that another rewriter made, but for those that the current one has refused. */
export async function findOutdated(db: Database, current: string, limit: number): Promise<OutdatedVersion[]> {
  return db
    .select({
      id: pluginVersions.id,
      tenantId: pluginVersions.tenantId,
      rewriterVersion: pluginVersions.rewriterVersion,
      moduleBytes: sql<number>`json_extract(${pluginVersions.module}, '$.bytes')`.as("module_bytes"),
    })
    .from(pluginVersions)
    .where(
      and(
        ne(pluginVersions.rewriterVersion, current),
        sql`json_extract(${pluginVersions.module}, ${REFUSED_BY}) IS NOT ${current}`,
      ),
    )
    .orderBy(pluginVersions.id)
    .limit(limit);
}

type Key = Pick<VersionRecord, "id" | "tenantId" | "rewriterVersion">;

/** As it was when it was read: nobody has moved it meanwhile. */
function unmoved({ id, tenantId, rewriterVersion }: Key): SQL {
  return sql`${pluginVersions.id} = ${id} AND ${pluginVersions.tenantId} = ${tenantId} AND ${pluginVersions.rewriterVersion} = ${rewriterVersion}`;
}

export async function markNotMoved(db: Database, version: Key, refusedBy: string): Promise<void> {
  await db
    .update(pluginVersions)
    .set({ module: sql`json_set(${pluginVersions.module}, ${REFUSED_BY}, ${refusedBy})` })
    .where(unmoved(version));
}

/**
 * Puts the new form of a version in the place of the old one, with its event, and marks the snapshots of all who have it
 * installed as outdated, in one batch.
 *
 * @returns the tenants whose snapshots are outdated now, or null where the version had been moved meanwhile
 */
export async function moveVersion(
  db: Database,
  before: VersionRecord,
  after: VersionRecord,
  event: NewEvent,
): Promise<string[] | null> {
  const installedBy = db
    .select({ id: pluginInstances.tenantId })
    .from(pluginInstances)
    .where(and(eq(pluginInstances.versionId, before.id), ne(pluginInstances.state, "uninstalled")));
  const { rewrittenDigest, rewriterVersion, module } = after;
  const moved = eventRecorded(event.id);
  const [recorded, , outdated] = await db.batch([
    recordEventWhere(db, event, sql`EXISTS (SELECT 1 FROM ${pluginVersions} WHERE ${unmoved(before)})`),
    db
      .update(pluginVersions)
      .set({ rewrittenDigest, rewriterVersion, module })
      .where(and(unmoved(before), moved)),
    db
      .update(tenants)
      .set({ snapshotRevision: sql`${tenants.snapshotRevision} + 1` })
      .where(and(inArray(tenants.id, installedBy), moved))
      .returning({ id: tenants.id }),
  ]);
  return recorded.length === 0 ? null : outdated.map(({ id }) => id);
}
