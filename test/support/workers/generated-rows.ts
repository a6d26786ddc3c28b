import { getTableColumns, is, Table } from "drizzle-orm";
import * as schema from "../../../worker/db/schema.ts";
import type { Row, Rows, Value } from "./schema-versions.ts";
import type { SqliteColumn, SqliteTable } from "./sqlite-tables.ts";

/**
 * Rows for any table, made from its description: every column has a value in the first and last of them, what may be NULL is so in
 * the second. Values differ from row to row, so that they are unique, and name where they belong.
 */
const ROWS_PER_TABLE = 3;

/** Columns that hold JSON, as `table.column`: what reads all of a table reads these as such. */
const JSON_COLUMNS = new Set(
  Object.values(schema).flatMap((table) =>
    is(table, Table)
      ? Object.values(getTableColumns(table))
          .filter(({ columnType }) => columnType === "SQLiteTextJson")
          .map((column) => `${nameOf(table)}.${column.name}`)
      : [],
  ),
);

function nameOf(table: Table): string {
  return (table as unknown as { [key: symbol]: string })[Symbol.for("drizzle:Name")] ?? ""; // where drizzle keeps it
}

/**
 * @param tables  parents first, as `sqliteTables` gives them
 * @param samples  values for columns that take only some, by `table.column`; a value for each row
 */
export function generatedRows(
  tables: readonly SqliteTable[],
  samples: Readonly<Record<string, readonly Value[]>> = {},
): Rows {
  const made = new Map<string, readonly Row[]>();
  for (const table of tables) {
    const rows = Array.from({ length: ROWS_PER_TABLE }, (_, index) =>
      Object.fromEntries(
        table.columns.map((column) => [column.name, valueOf(table, column, index, made, samples)] as const),
      ),
    );
    made.set(table.name, rows);
  }
  return made;
}

function valueOf(
  table: SqliteTable,
  column: SqliteColumn,
  index: number,
  made: Rows,
  samples: Readonly<Record<string, readonly Value[]>>,
): Value {
  const place = `${table.name}.${column.name}`;
  const sample = samples[place];
  if (sample) return sample[index] ?? null;
  const reference = table.references.find((key) => key.column === column.name);
  if (reference) {
    // A row that points at its own table points at itself.
    if (reference.table === table.name) return generated(`${table.name}.${reference.parent}`, column.type, index);
    return made.get(reference.table)?.[index]?.[reference.parent] ?? null;
  }
  if (!column.isNotNull && index === 1) return null;
  const tenant = column.name === "tenant_id" ? made.get("tenants")?.[index]?.["id"] : undefined;
  return tenant ?? generated(place, column.type, index);
}

function generated(place: string, type: string, index: number): Value {
  if (/int/.test(type)) return 1_000 * (index + 1) + (place.length % 100);
  if (/real|floa|doub/.test(type)) return index + 0.5;
  return JSON_COLUMNS.has(place) ? JSON.stringify({ made: `${place} ${index}` }) : `${place} ${index}`;
}
