import { capabilityFunction } from "../capability-call.ts";

/** A blob is passed, and comes back, as `{ base64 }`. */
export type SqlValue = null | number | string | { readonly base64: string };
export type SqlParameter = SqlValue | boolean;

export interface Statement {
  readonly sql: string;
  /** For each `?` of the statement, at most 100. */
  readonly params?: readonly SqlParameter[];
}

export interface StatementResult {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly SqlValue[])[];
  readonly rowsRead: number;
  readonly rowsWritten: number;
  /** Whether rows were left out for the quota. */
  readonly more: boolean;
}

const query = capabilityFunction<Statement, StatementResult>("database_query");
const transaction = capabilityFunction<{ statements: readonly Statement[] }, { results: StatementResult[] }>(
  "database_transaction",
);

/** A SQLite database of the install's own. Every function throws CapabilityError where it is refused. */
export const database = {
  async query(sql: string, params: readonly SqlParameter[] = []): Promise<StatementResult> {
    return query({ sql, params }).value;
  },

  /** Rows as objects, by name of column. */
  async all<Row extends Readonly<Record<string, SqlValue>>>(
    sql: string,
    params: readonly SqlParameter[] = [],
  ): Promise<Row[]> {
    const { columns, rows } = await database.query(sql, params);
    return rows.map((row) => Object.fromEntries(columns.map((column, at) => [column, row[at] ?? null])) as Row); // the caller's word
  },

  /** All of them, or none; at most 50. */
  async transaction(statements: readonly Statement[]): Promise<readonly StatementResult[]> {
    return transaction({ statements }).value.results;
  },
};
