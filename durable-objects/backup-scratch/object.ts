import { StatefulObject } from "../object-state/object.ts";
import { quoted } from "../object-state/rules.ts";
import { SET_ASIDE, type StateScope } from "../object-state/state.ts";

export interface Trial {
  /** Rows by table, and how many were loaded into it. */
  readonly tables: readonly { readonly table: string; readonly rows: number; readonly loaded: number }[];
  /** Rows whose foreign keys point at nothing, as `table -> parent`. */
  readonly violations: readonly string[];
}

const LOADED = "loaded:";
const SUMS = "sum:";
/** Whose state is tried; no part of it. */
const OBJECT = `${SET_ASIDE}object`;
/** A trial that nobody ended. */
const FORGOTTEN_MS = 24 * 3_600_000;

/**
 * Where a backup is restored to see whether it can be: a database apart from the real one, with the tables that the backup says,
 * or the state of one object.
 */
export class BackupScratch extends StatefulObject {
  protected get scope(): StateScope {
    return { object: this.ctx.storage.kv.get<string>(OBJECT) ?? "", tables: "plugin's", except: [] };
  }

  /** @param definitions  statements that make tables and indexes */
  async begin(definitions: readonly string[]): Promise<void> {
    await this.ctx.storage.deleteAll();
    await this.ctx.storage.setAlarm(Date.now() + FORGOTTEN_MS);
    for (const definition of definitions) this.ctx.storage.sql.exec(definition);
  }

  /**
   * Loads rows, and proves that they read back as they were sent. A chunk that is loaded again changes nothing.
   *
   * @param rows   JSON, a list of rows
   * @param count  how many they are
   * @returns why they are not loaded; undefined: they are
   */
  load(chunk: string, table: string, columns: readonly string[], rows: string, count: number): string | undefined {
    const { sql, kv } = this.ctx.storage;
    const names = columns.map((column) => quoted(column)).join(", ");
    const fields = columns.map((_, index) => `json_extract(value, '$[${index}]')`).join(", ");
    if (kv.get(LOADED + chunk) !== undefined) return undefined;
    try {
      return this.ctx.storage.transactionSync(() => {
        const [last] = sql.exec<{ id: number }>(`SELECT coalesce(max(rowid), 0) AS id FROM ${quoted(table)}`);
        // What several tenants' parts hold, the platform's packages, is there once.
        sql.exec(`INSERT OR REPLACE INTO ${quoted(table)} (${names}) SELECT ${fields} FROM json_each(?)`, rows);
        const read = sql.exec(`SELECT ${names} FROM ${quoted(table)} WHERE rowid > ? ORDER BY rowid`, last?.id ?? 0);
        if (JSON.stringify([...read.raw()]) !== rows) return "they read back as others";
        kv.put(LOADED + chunk, 1);
        kv.put(SUMS + table, (kv.get<number>(SUMS + table) ?? 0) + count);
        return undefined;
      });
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  describe(): Trial {
    const { sql, kv } = this.ctx.storage;
    const tables = [...kv.list<number>({ prefix: SUMS })].map(([key, loaded]) => {
      const table = key.slice(SUMS.length);
      const [row] = sql.exec<{ rows: number }>(`SELECT count(*) AS rows FROM ${quoted(table)}`);
      return { table, rows: row?.rows ?? 0, loaded };
    });
    const violations = [...sql.exec<{ table: string; parent: string }>("PRAGMA foreign_key_check")];
    return { tables, violations: [...new Set(violations.map(({ table, parent }) => `${table} -> ${parent}`))] };
  }

  /** Before the state of an object is staged here: whose it is. */
  async beginState(object: string): Promise<void> {
    await this.begin([]);
    this.ctx.storage.kv.put(OBJECT, object);
  }

  override alarm(): Promise<void> {
    return this.destroy();
  }
}
