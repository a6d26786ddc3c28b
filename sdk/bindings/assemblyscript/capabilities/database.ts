import { JSON } from "json-as";
import { fromBase64, toBase64 } from "../base64";
import { Answer, answered, requestBlock } from "../capability-call";
import { databaseQuery, databaseTransaction } from "../user-functions";

/** Values for the `?` of a statement, in their order: `new Parameters().text("a").number(1.5)`. */
export class Parameters {
  private values: JSON.Raw[] = [];

  text(value: string): this {
    return this.raw(JSON.stringify<string>(value));
  }
  number(value: f64): this {
    return this.raw(JSON.stringify<f64>(value));
  }
  integer(value: i64): this {
    return this.raw(value.toString());
  }
  flag(value: bool): this {
    return this.raw(value ? "true" : "false");
  }
  bytes(value: ArrayBuffer): this {
    return this.raw('{"base64":"' + toBase64(value) + '"}');
  }
  nothing(): this {
    return this.raw("null");
  }
  /** For the requests of this file. */
  list(): JSON.Raw[] {
    return this.values;
  }
  private raw(json: string): this {
    this.values.push(new JSON.Raw(json));
    return this;
  }
}

@json
export class Statement {
  sql: string = "";
  params: JSON.Raw[] = [];
}

/** A statement with its parameters. */
export function statement(sql: string, parameters: Parameters = new Parameters()): Statement {
  const made = new Statement();
  made.sql = sql;
  made.params = parameters.list();
  return made;
}

@json
export class StatementResult {
  columns: string[] = [];
  /** Each value as JSON; `text`, `number`, `integer`, `bytes` and `isNull` read them. */
  rows: JSON.Raw[][] = [];
  rowsRead: i64 = 0;
  rowsWritten: i64 = 0;
  /** Whether rows were left out for the quota. */
  more: bool = false;

  text(row: i32, column: string): string {
    return JSON.parse<string>(this.json(row, column));
  }
  number(row: i32, column: string): f64 {
    return JSON.parse<f64>(this.json(row, column));
  }
  integer(row: i32, column: string): i64 {
    return JSON.parse<i64>(this.json(row, column));
  }
  bytes(row: i32, column: string): ArrayBuffer {
    return fromBase64(JSON.parse<Blob>(this.json(row, column)).base64);
  }
  isNull(row: i32, column: string): bool {
    return this.json(row, column) == "null";
  }
  /** A value as JSON. Throws where there is no such column. */
  json(row: i32, column: string): string {
    const at = this.columns.indexOf(column);
    if (at < 0) throw new Error("the result has no column " + column + ": " + this.columns.join(", "));
    return this.rows[row][at].toString();
  }
}

@json
export class TransactionResult {
  results: StatementResult[] = [];
}

@json
class Blob {
  base64: string = "";
}

@json
class Transaction {
  statements: Statement[] = [];
}

/** A SQLite database of the install's own. */
export namespace database {
  export function query(sql: string, parameters: Parameters = new Parameters()): Answer<StatementResult> {
    return answered<StatementResult>(databaseQuery(requestBlock<Statement>(statement(sql, parameters)), 0));
  }

  /** All of them, or none; at most 50. */
  export function transaction(statements: Statement[]): Answer<TransactionResult> {
    const request = new Transaction();
    request.statements = statements;
    return answered<TransactionResult>(databaseTransaction(requestBlock<Transaction>(request), 0));
  }
}
