import type { TableRows } from "./archive-record.ts";
import type { TableInfo } from "./table-rules.ts";
import {
  bytesOf,
  chosenTables,
  columnsOf,
  lastOfLogs,
  logsOf,
  parametersOf,
  type LastOfLogs,
  type RowSource,
  type StateOf,
} from "./table-store.ts";

/**
 * The state of a tenant that is too large for memory, set aside in D1 itself: copied there in one transaction and then read piece
 * by piece, or put there piece by piece and then applied in one transaction.
 */

/** Bytes after which a piece ends, of rows before they are JSON. */
const PIECE_BYTES = 256 * 1024;
/** Pieces that are read at once. */
const PIECES_AT_ONCE = 8;
/** Pieces of one table at most; numbers of pieces are in the order of their tables. */
const PIECES_OF_TABLE = 1_000_000;

/** Copies a tenant's state, of one moment. @returns the number of the last row of each log, of the same moment */
export async function setAside(
  db: D1Database,
  runId: string,
  tables: readonly TableInfo[],
  of: StateOf,
): Promise<LastOfLogs> {
  const copies = chosenTables(tables, of).map(({ table, condition }, index) => {
    const row = `json_array(${columnsOf(table)})`;
    const pieces = `SELECT rowid AS "_at", ${columnsOf(table)}, sum(${bytesOf(table)}) OVER (ORDER BY rowid) / ${PIECE_BYTES} AS "_piece" FROM "${table.name}" WHERE ${condition.sql}`;
    return db
      .prepare(
        `INSERT INTO backup_rows (run_id, tenant_id, piece, table_name, columns, rows)
         SELECT ?, ?, ${index * PIECES_OF_TABLE} + "_piece", ?, ?, json_group_array(${row} ORDER BY "_at") FROM (${pieces}) GROUP BY "_piece"`,
      )
      .bind(runId, of.tenantId, table.name, JSON.stringify(table.columns), ...condition.params);
  });
  const [, logs] = await db.batch<Record<string, unknown>>([
    dropped(db, runId),
    lastOfLogs(db, of.tenantId),
    ...copies,
  ]);
  return logsOf(logs?.results[0] ?? {});
}

/** @returns rows of the next pieces, and the number of the last of them; none where there are no more */
export async function readAside(
  db: D1Database,
  runId: string,
  after: number,
  tableName: string | null = null,
): Promise<{ readonly rows: readonly TableRows[]; readonly last: number | undefined }> {
  const { results } = await db
    .prepare(
      "SELECT piece, table_name, columns, rows FROM backup_rows WHERE run_id = ? AND piece > ? AND table_name = coalesce(?, table_name) ORDER BY piece LIMIT ?",
    )
    .bind(runId, after, tableName, PIECES_AT_ONCE)
    .all<{ piece: number; table_name: string; columns: string; rows: string }>();
  const rows = results.map((piece): TableRows => ({
    table: piece.table_name,
    columns: JSON.parse(piece.columns) as string[], // written by this file, as are the rows
    rows: JSON.parse(piece.rows) as TableRows["rows"],
  }));
  return { rows, last: results.at(-1)?.piece };
}

/** Puts rows aside. Those of a chunk that are put there again are there once. */
export async function putAside(
  db: D1Database,
  runId: string,
  tenantId: string,
  chunk: number,
  tables: readonly TableRows[],
): Promise<void> {
  const pieces = tables.flatMap(({ table, columns, rows }) =>
    parametersOf(rows).map((json) => ({ table, columns: JSON.stringify(columns), json })),
  );
  if (pieces.length === 0) return;
  await db.batch(
    pieces.map(({ table, columns, json }, index) =>
      db
        .prepare(
          "INSERT OR REPLACE INTO backup_rows (run_id, tenant_id, piece, table_name, columns, rows) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(runId, tenantId, chunk * PIECES_OF_TABLE + index, table, columns, json),
    ),
  );
}

/** What was put aside, to be applied. */
export async function rowsAside(db: D1Database, runId: string): Promise<RowSource> {
  const { results } = await db
    .prepare("SELECT DISTINCT table_name, columns FROM backup_rows WHERE run_id = ?")
    .bind(runId)
    .all<{ table_name: string; columns: string }>();
  const from =
    "(SELECT tree.value FROM backup_rows, json_each(backup_rows.rows) AS tree WHERE run_id = ?1 AND table_name = ?2 AND columns = ?3 ORDER BY piece, tree.key)";
  return ({ name }) =>
    results
      .filter(({ table_name: table }) => table === name)
      .map(({ columns }) => ({
        columns: JSON.parse(columns) as string[], // written above
        from,
        params: [runId, name, columns],
      }));
}

export async function dropAside(db: D1Database, runId: string): Promise<void> {
  await dropped(db, runId).run();
}

/** Drops what runs left that are no more. */
export async function dropForgotten(db: D1Database): Promise<void> {
  await db
    .prepare(
      "DELETE FROM backup_rows WHERE run_id NOT IN (SELECT id FROM plugin_backups WHERE status = 'running' UNION ALL SELECT id FROM plugin_restores WHERE status = 'running')",
    )
    .run();
}

function dropped(db: D1Database, runId: string): D1PreparedStatement {
  return db.prepare("DELETE FROM backup_rows WHERE run_id = ?").bind(runId);
}
