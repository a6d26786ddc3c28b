/** What a plugin's database is asked and answers, and what of an error the plugin is told. Pure. */

export type SqlValue = string | number | null | ArrayBuffer;

export interface Statement {
  readonly sql: string;
  readonly params: readonly SqlValue[];
}

export interface Bounds {
  /** Bytes the database may have. */
  readonly bytes: number;
  /** Rows kept of each statement's answer. */
  readonly rows: number;
  /** Rows that all statements together may read. */
  readonly rowsRead: number;
}

export interface StatementResult {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly SqlValue[])[];
  readonly rowsRead: number;
  readonly rowsWritten: number;
  /** True where there were more rows than are returned. */
  readonly more: boolean;
}

export type Outcome =
  /** `size`: bytes of the database then. */
  | { readonly results: readonly StatementResult[]; readonly size: number }
  /** Nothing was written. `statement` counts from 0. */
  | { readonly refused: string; readonly statement: number }
  /** Bytes that the database would have. */
  | { readonly full: number }
  /** Rows that were read when it was too many. */
  | { readonly read: number };

/** Bytes of one answer's rows. */
export const ANSWER_BYTES = 1024 * 1024;

/** Why a statement is not run. */
export class StatementRefused extends Error {
  override readonly name = "StatementRefused";
}

/** Offsets count from the beginning of the plan that was asked for, not of the statement. */
const SQL_ERROR = /^(.*?)(?: at offset \d+)?: (SQLITE_[A-Z]+)(?: \(extended: SQLITE_[A-Z_]+\))?$/s;
const OWN_ERRORS = ["Wrong number of parameter bindings", "SQL code did not contain a statement"];
/** Errors that are not the statement's. */
const PLATFORM_CODES = new Set(["SQLITE_IOERR", "SQLITE_CORRUPT", "SQLITE_NOMEM", "SQLITE_CANTOPEN", "SQLITE_NOTADB"]);

/** @returns what the plugin is told where the statement is at fault, undefined where it is not */
export function statementError(error: unknown): string | undefined {
  if (error instanceof StatementRefused) return error.message;
  if (!(error instanceof Error)) return undefined;
  const own = OWN_ERRORS.find((text) => error.message.startsWith(text));
  if (own !== undefined) return `${own}.`;
  const [, text, code = ""] = SQL_ERROR.exec(error.message) ?? [];
  return text === undefined || PLATFORM_CODES.has(code) ? undefined : text;
}

/** Bytes of a value as it is in an answer. */
export function valueBytes(value: SqlValue): number {
  if (value === null) return 4;
  if (typeof value === "number") return 8;
  return typeof value === "string" ? value.length : value.byteLength;
}
