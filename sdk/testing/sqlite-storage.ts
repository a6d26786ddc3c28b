import { DatabaseSync, type SQLInputValue, type SQLOutputValue } from "node:sqlite";

type Value = ArrayBuffer | string | number | null;

/** A cursor as Durable Objects have them. All rows are there: an unfinished statement of SQLite would hold up transactions. */
class Cursor implements Iterator<Record<string, Value>> {
  readonly columnNames: string[];
  rowsRead = 0;
  readonly #rows: Iterator<unknown>;
  readonly #written: () => number;

  constructor(columnNames: string[], rows: Iterator<unknown>, written: () => number) {
    this.columnNames = columnNames;
    this.#rows = rows;
    this.#written = written;
  }

  get rowsWritten(): number {
    return this.#written();
  }

  next(): IteratorResult<Record<string, Value>, undefined> {
    const row = this.#nextRow();
    if (!row) return { done: true, value: undefined };
    return { done: false, value: Object.fromEntries(this.columnNames.map((name, at) => [name, row[at] ?? null])) };
  }

  *raw(): IterableIterator<Value[]> {
    for (let row = this.#nextRow(); row; row = this.#nextRow()) yield row;
  }

  toArray(): Record<string, Value>[] {
    return [...this];
  }

  one(): Record<string, Value> {
    const [row, ...more] = this;
    if (!row || more.length > 0) throw new Error("Expected exactly one result from SQL query.");
    return row;
  }

  [Symbol.iterator](): this {
    return this;
  }

  #nextRow(): Value[] | undefined {
    const next = this.#rows.next();
    if (next.done) return undefined;
    this.rowsRead++;
    return (next.value as SQLOutputValue[]).map(valueOf); // rows are arrays, as set below
  }
}

/** Storage of a Durable Object, as far as the platform's objects use it, in a SQLite database in memory. */
export class SqliteStorage {
  readonly #database = new DatabaseSync(":memory:");
  #depth = 0;
  readonly #values = new Map<string, unknown>();
  #alarm: number | null = null;

  readonly sql = {
    exec: (query: string, ...bindings: readonly (Value | ArrayBufferView)[]) => this.#exec(query, bindings),
    database: (): DatabaseSync => this.#database,
  };

  constructor() {
    const size = (): number => this.#pragma("page_count") * this.#pragma("page_size");
    Object.defineProperty(this.sql, "databaseSize", { get: size });
  }

  transactionSync<Result>(work: () => Result): Result {
    const name = `level_${this.#depth++}`;
    this.#database.exec(`SAVEPOINT ${name}`);
    try {
      const result = work();
      this.#database.exec(`RELEASE ${name}`);
      return result;
    } catch (error) {
      this.#database.exec(`ROLLBACK TO ${name}; RELEASE ${name}`);
      throw error;
    } finally {
      this.#depth--;
    }
  }

  /** The platform's objects keep nothing here that a test could see. */
  readonly kv = {
    list: (): Iterable<[string, unknown]> => this.#values.entries(),
    get: (key: string): unknown => this.#values.get(key),
    put: (key: string, value: unknown) => void this.#values.set(key, value),
    delete: (key: string): boolean => this.#values.delete(key),
  };

  async getAlarm(): Promise<number | null> {
    return this.#alarm;
  }

  async setAlarm(at: number): Promise<void> {
    this.#alarm = at;
  }

  #exec(query: string, bindings: readonly (Value | ArrayBufferView)[]): Cursor {
    if (bindings.length === 0 && /;\s*\S/.test(query)) {
      this.#database.exec(query);
      return new Cursor([], [][Symbol.iterator](), () => 0);
    }
    const statement = this.#database.prepare(query);
    statement.setReturnArrays(true);
    const before = this.#changes();
    const rows = statement.all(...bindings.map(inputOf))[Symbol.iterator]();
    return new Cursor(
      statement.columns().map(({ name }) => name),
      rows,
      () => this.#changes() - before,
    );
  }

  #changes(): number {
    return Number(this.#database.prepare("SELECT total_changes() AS n").get()?.["n"] ?? 0);
  }

  #pragma(name: "page_count" | "page_size"): number {
    return Number(Object.values(this.#database.prepare(`PRAGMA ${name}`).get() ?? {})[0] ?? 0);
  }
}

function inputOf(value: Value | ArrayBufferView): SQLInputValue {
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return value;
}

function valueOf(value: SQLOutputValue): Value {
  if (value instanceof Uint8Array) return value.slice().buffer;
  return typeof value === "bigint" ? Number(value) : value;
}
