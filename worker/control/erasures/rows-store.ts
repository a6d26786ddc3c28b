import { ownedTables, ownerColumn } from "../backups/table-rules.ts";
import { describeTables } from "../backups/schema-store.ts";

/** A tenant's rows in D1, whatever tables there are. */

/** Rows deleted by one statement. */
const ROWS_PER_STATEMENT = 2_000;

/** Tables that may have rows of a tenant, those that point at others first. */
export async function listOwnedTables(db: D1Database): Promise<readonly string[]> {
  return ownedTables(await describeTables(db));
}

/** Rows of the tenant by table; tables without any are left out. */
export async function countOwnedRows(db: D1Database, tenantId: string): Promise<Readonly<Record<string, number>>> {
  const tables = await listOwnedTables(db);
  const counted = await db.batch<{ rows: number }>(
    tables.map((table) =>
      db.prepare(`SELECT count(*) AS rows FROM "${table}" WHERE "${ownerColumn(table)}" = ?`).bind(tenantId),
    ),
  );
  const counts = tables.map((table, index) => [table, counted[index]?.results[0]?.rows ?? 0] as const);
  return Object.fromEntries(counts.filter(([, rows]) => rows > 0));
}

/** Deletes some of the tenant's rows. @returns how many; fewer than asked for where none is left */
export async function deleteOwnedRows(
  db: D1Database,
  table: string,
  tenantId: string,
): Promise<{ readonly deleted: number; readonly more: boolean }> {
  const { meta } = await db
    .prepare(
      `DELETE FROM "${table}" WHERE rowid IN (SELECT rowid FROM "${table}" WHERE "${ownerColumn(table)}" = ? LIMIT ${ROWS_PER_STATEMENT})`,
    )
    .bind(tenantId)
    .run();
  return { deleted: meta.changes, more: meta.changes === ROWS_PER_STATEMENT };
}

/** Ids of installs that the tenant has, or had and whose data is on its way out. */
export async function listInstallIds(db: D1Database, tenantId: string): Promise<readonly string[]> {
  const { results } = await db
    .prepare(
      "SELECT id FROM plugin_instances WHERE tenant_id = ?1 UNION SELECT install_id FROM install_removals WHERE tenant_id = ?1 ORDER BY 1",
    )
    .bind(tenantId)
    .all<{ id: string }>();
  return results.map(({ id }) => id);
}
