/** Tables as SQLite describes them. */

export interface SqliteColumn {
  readonly name: string;
  readonly type: string;
  readonly isNotNull: boolean;
  /** As the schema writes it. */
  readonly default: string | null;
}

export interface SqliteTable {
  readonly name: string;
  readonly columns: readonly SqliteColumn[];
  readonly references: readonly { readonly column: string; readonly table: string; readonly parent: string }[];
}

const OWN = String.raw`m.type = 'table' AND m.name NOT LIKE '\_cf\_%' ESCAPE '\' AND m.name NOT LIKE 'sqlite\_%' ESCAPE '\' AND m.name <> 'd1_migrations'`;

/** All tables, those that others point at first. */
export async function sqliteTables(db: D1Database): Promise<readonly SqliteTable[]> {
  const [columns, keys] = await db.batch<Record<string, string | number | null>>([
    db.prepare(
      `SELECT m.name AS "of", p.name, p.type, p."notnull" AS required, p.dflt_value AS value, p.pk FROM sqlite_master m JOIN pragma_table_info(m.name) p WHERE ${OWN} ORDER BY m.name, p.cid`,
    ),
    db.prepare(
      `SELECT m.name AS "of", p."from" AS name, p."table" AS parent, p."to" AS target FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) p WHERE ${OWN}`,
    ),
  ]);
  const names = [...new Set((columns?.results ?? []).map((column) => String(column["of"])))];
  const tables = names.map((name) => ({
    name,
    columns: (columns?.results ?? [])
      .filter((column) => column["of"] === name)
      .map((column) => ({
        name: String(column["name"]),
        type: String(column["type"]).toLowerCase(),
        isNotNull: column["required"] === 1 || Number(column["pk"]) > 0,
        default: column["value"] === null || column["value"] === undefined ? null : String(column["value"]),
      })),
    references: (keys?.results ?? [])
      .filter((key) => key["of"] === name)
      .map((key) => ({ column: String(key["name"]), table: String(key["parent"]), parent: String(key["target"]) })),
  }));
  return parentsFirst(tables);
}

function parentsFirst(tables: readonly SqliteTable[]): readonly SqliteTable[] {
  const done = new Set<SqliteTable>();
  const visit = (table: SqliteTable, above: readonly SqliteTable[]): void => {
    for (const reference of table.references) {
      const parent = tables.find(({ name }) => name === reference.table);
      if (parent && parent !== table && !above.includes(parent)) visit(parent, [...above, table]);
    }
    done.add(table);
  };
  for (const table of tables) visit(table, []);
  return [...done];
}
