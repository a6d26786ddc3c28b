import type { Sizes } from "./plan-rules.ts";
import { type Token, tokensOf } from "./sql-rules.ts";

/** More rows than any bound allows to go through are not counted. */
const MOST_COUNTED = 10_000_000;

interface TableSize {
  readonly rows: number;
  readonly rowBytes: number;
  readonly tableBytes: number;
}

interface Views {
  readonly names: readonly string[];
  readonly tokens: readonly Token[];
}

/** How large the tables of a database are, counted when it is asked and kept until something is written. */
export class SchemaSizes {
  readonly #sql: SqlStorage;
  readonly #tables = new Map<string, TableSize>();
  readonly #indexes = new Map<string, number | undefined>();
  #names: readonly string[] | undefined;
  #views: Views | undefined;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  forget(): void {
    this.#tables.clear();
    this.#indexes.clear();
    this.#names = undefined;
    this.#views = undefined;
  }

  /** Names in lower case, and what all of them are defined as. */
  views(): Views {
    if (this.#views) return this.#views;
    const rows = [
      ...this.#sql.exec<{ name: string; sql: string }>("SELECT name, sql FROM sqlite_master WHERE type = 'view'"),
    ];
    return (this.#views = {
      names: rows.map(({ name }) => name.toLowerCase()),
      tokens: rows.flatMap(({ sql }) => tokensOf(sql)),
    });
  }

  /**
   * Of the tables among the tokens.
   *
   * @param textBytes  the longest parameter or literal
   */
  of(tokens: readonly Token[], textBytes: number): Sizes {
    this.#names ??= [
      ...this.#sql.exec<{ name: string }>(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\'",
      ),
    ].map(({ name }) => name);
    const said = new Set(tokens.map(({ text }) => text));
    const sizes = this.#names.filter((name) => said.has(name.toLowerCase())).map((name) => this.#table(name));
    const largest = (of: keyof TableSize): number => Math.max(0, ...sizes.map((size) => size[of]));
    return {
      rows: largest("rows"),
      rowBytes: Math.max(textBytes, largest("rowBytes")),
      tableBytes: largest("tableBytes"),
      withIndex: (index, columns) => this.#index(index, columns),
    };
  }

  #table(name: string): TableSize {
    const known = this.#tables.get(name);
    if (known) return known;
    const columns = [...this.#sql.exec<{ name: string }>("SELECT name FROM pragma_table_info(?)", name)];
    const bytes = columns.map((column) => `coalesce(octet_length(${quoted(column.name)}), 0)`).join(" + ");
    const [size] = this.#sql.exec<{ rows: number; rowBytes: number | null; tableBytes: number | null }>(
      `SELECT count(*) AS rows, max(bytes) AS rowBytes, sum(bytes) AS tableBytes
       FROM (SELECT ${bytes} AS bytes FROM ${quoted(name)} LIMIT ${MOST_COUNTED})`,
    );
    const counted = { rows: size?.rows ?? 0, rowBytes: size?.rowBytes ?? 0, tableBytes: size?.tableBytes ?? 0 };
    this.#tables.set(name, counted);
    return counted;
  }

  /** @param count  of the index's first columns; 0 for all rows of its table */
  #index(index: string, count: number): number | undefined {
    const key = `${count} ${index}`;
    if (!this.#indexes.has(key)) this.#indexes.set(key, this.#rowsAlike(index, count));
    return this.#indexes.get(key);
  }

  #rowsAlike(index: string, count: number): number | undefined {
    const [row] = this.#sql.exec<{ name: string }>(
      "SELECT tbl_name AS name FROM sqlite_master WHERE type = 'index' AND name = ?",
      index,
    );
    if (!row) return undefined;
    if (count === 0) return this.#table(row.name).rows;
    const columns = [
      ...this.#sql.exec<{ name: string | null }>(
        "SELECT name FROM pragma_index_info(?) ORDER BY seqno LIMIT ?",
        index,
        count,
      ),
    ].map(({ name }) => name);
    // Expressions have no name.
    if (columns.length < count || columns.includes(null)) return undefined;
    const [most] = this.#sql.exec<{ rows: number | null }>(
      `SELECT max(n) AS rows FROM (SELECT count(*) AS n FROM ${quoted(row.name)} GROUP BY ${columns.map((name) => quoted(name ?? "")).join(", ")})`,
    );
    return most?.rows ?? 0;
  }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
