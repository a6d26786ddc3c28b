import {
  boundValue,
  quoted,
  requireHeader,
  STATE_FORMAT,
  StateReader,
  StateRefused,
  stateValue,
  taggedColumn,
  taggedValue,
  untaggedValue,
  type StateLine,
} from "./rules.ts";

/** Tables and entries of an object as lines, and back. Everything here runs within one turn of the object. */

/** Which tables are an object's state. */
export interface StateScope {
  /** Name of the object's class. */
  readonly object: string;
  /** Whose tables they are: the code's stay and only their rows are replaced, a plugin's are made anew. */
  readonly tables: "ours" | "plugin's";
  /** Tables, and keys of the key-value storage, that are no part of the state and stay as they are. */
  readonly except: readonly string[];
}

type Storage = Pick<DurableObjectStorage, "sql" | "kv">;

interface Table {
  readonly name: string;
  readonly sql: string;
}

const SEQUENCES = "sqlite_sequence";

export function* stateLines({ sql, kv }: Storage, scope: StateScope): Generator<StateLine> {
  let [rows, keys] = [0, 0];
  yield { format: STATE_FORMAT, object: scope.object };
  for (const { name, sql: definition } of tablesOf(sql, scope)) {
    const columns = columnsOf(sql, name);
    yield { table: name, sql: definition, columns };
    const cursor = sql.exec(`SELECT ${columns.map((column) => taggedColumn(column)).join(", ")} FROM ${quoted(name)}`);
    for (const row of cursor.raw()) {
      rows += 1;
      yield row.map((value) => stateValue(value));
    }
  }
  if (scope.tables === "plugin's") for (const define of definitionsOf(sql)) yield { define };
  for (const [key, value] of kv.list()) {
    if (isKept(scope, key)) continue;
    keys += 1;
    yield { key, value: taggedValue(value) };
  }
  yield { end: { rows, keys } };
}

/** Before the key of what is on its way out or in: no plugin reaches it, and it is no part of the state. */
export const SET_ASIDE = "object-state/";

function isKept({ except }: StateScope, key: string): boolean {
  return key.startsWith(SET_ASIDE) || except.includes(key);
}

export function clearState({ sql, kv }: Storage, scope: StateScope): void {
  const tables = tablesOf(sql, scope);
  if (scope.tables === "plugin's") {
    const views = [...sql.exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'view'")];
    for (const { name } of views) sql.exec(`DROP VIEW ${quoted(name)}`);
  }
  for (const { name } of tables) {
    const drops = scope.tables === "plugin's" && name !== SEQUENCES;
    sql.exec(drops ? `DROP TABLE ${quoted(name)}` : `DELETE FROM ${quoted(name)}`);
  }
  for (const key of [...kv.list()].map(([name]) => name)) if (!isKept(scope, key)) kv.delete(key);
}

/** Writes lines into a cleared state. */
export class StateWriter {
  readonly #storage: Storage;
  readonly #scope: StateScope;
  readonly #reader = new StateReader();
  #header = false;
  #insert: string | undefined;
  #columns = 0;
  #counts = { rows: 0, keys: 0 };
  #ended = false;

  constructor(storage: Storage, scope: StateScope) {
    this.#storage = storage;
    this.#scope = scope;
  }

  /** @throws {StateRefused} */
  write(piece: Uint8Array | undefined): void {
    if (!piece) throw new StateRefused("A piece of the state is missing.");
    for (const line of this.#reader.push(piece)) this.#write(line);
  }

  /** @throws {StateRefused} where the state is not whole */
  end(): void {
    if (!this.#ended || !this.#reader.ended) throw new StateRefused("The state ends before its end.");
  }

  #write(line: StateLine): void {
    if (this.#ended) throw new StateRefused("The state goes on after its end.");
    if (!this.#header) {
      requireHeader(line, this.#scope.object);
      this.#header = true;
    } else if (Array.isArray(line)) this.#row(line);
    else if ("table" in line) this.#table(line.table, line.sql, line.columns);
    else if ("define" in line) this.#storage.sql.exec(line.define);
    else if ("key" in line) {
      this.#storage.kv.put(line.key, untaggedValue(line.value));
      this.#counts.keys += 1;
    } else if ("end" in line) {
      const { rows, keys } = this.#counts;
      if (line.end.rows !== rows || line.end.keys !== keys)
        throw new StateRefused("The state has lost rows or entries.");
      this.#ended = true;
    } else throw new StateRefused("The state has a line of a kind that this version does not know.");
  }

  #table(name: string, definition: string, columns: readonly string[]): void {
    const { sql } = this.#storage;
    if (this.#scope.tables === "plugin's") {
      if (name === SEQUENCES) sql.exec(`DELETE FROM ${SEQUENCES}`);
      else sql.exec(definition);
    } else this.#requireTable(name, columns);
    this.#columns = columns.length;
    this.#insert = `INSERT INTO ${quoted(name)} (${columns.map((column) => quoted(column)).join(", ")}) VALUES `;
  }

  /** Rows of a table that this version lacks, or lacks columns of, would be lost. */
  #requireTable(name: string, columns: readonly string[]): void {
    const known = tablesOf(this.#storage.sql, this.#scope).some((table) => table.name === name);
    const own = known ? columnsOf(this.#storage.sql, name) : [];
    const lacking = columns.find((column) => !own.includes(column));
    if (!known) throw new StateRefused(`The state has a table ${name} that this version does not know.`);
    if (lacking !== undefined)
      throw new StateRefused(`The state has a column ${name}.${lacking} that this version does not know.`);
  }

  #row(line: Extract<StateLine, readonly unknown[]>): void {
    if (this.#insert === undefined || line.length !== this.#columns) {
      throw new StateRefused("The state has a row that fits no table.");
    }
    const bound = line.map((value) => boundValue(value));
    const places = bound.map(({ sql }) => sql).join(", ");
    this.#storage.sql.exec(`${this.#insert}(${places})`, ...bound.map(({ value }) => value));
    this.#counts.rows += 1;
  }
}

/** The state's tables in the order in which they were made; the counters of AUTOINCREMENT last, since rows move them. */
function tablesOf(sql: SqlStorage, { except }: StateScope): readonly Table[] {
  const tables = [
    ...sql.exec<{ name: string; sql: string }>(
      String.raw`SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\_cf\_%' ESCAPE '\' ORDER BY name = '${SEQUENCES}', rowid`,
    ),
  ];
  return tables.filter(({ name }) => !except.includes(name));
}

/** The table's columns, with the id of its rows where no column is it. */
function columnsOf(sql: SqlStorage, table: string): readonly string[] {
  const columns = [
    ...sql.exec<{ name: string; type: string; pk: number }>("SELECT name, type, pk FROM pragma_table_info(?)", table),
  ];
  const names = columns.map(({ name }) => name);
  const keys = columns.filter(({ pk }) => pk > 0);
  const isRowId = keys.length === 1 && keys[0]?.type.toUpperCase() === "INTEGER";
  const [list] = sql.exec<{ wr: number }>("SELECT wr FROM pragma_table_list WHERE name = ?", table);
  const hasRowId = list?.wr === 0 && table !== SEQUENCES && !names.some((name) => name.toLowerCase() === "rowid");
  return hasRowId && !isRowId ? ["rowid", ...names] : names;
}

/** Indexes before views, each in the order in which they were made; those that a table's definition makes have no text. */
function definitionsOf(sql: SqlStorage): readonly string[] {
  const rows = sql.exec<{ sql: string }>(
    "SELECT sql FROM sqlite_master WHERE type IN ('index', 'view') AND sql IS NOT NULL ORDER BY type, rowid",
  );
  return [...rows].map(({ sql: definition }) => definition);
}
