import type { Value } from "./schema-versions.ts";

/** A statement as it was sent, with what was bound to it. */
export interface SentStatement {
  readonly sql: string;
  readonly params: readonly Value[];
}

/** A D1 binding around the real one that writes down every statement, in transactions as they were sent. */
export class RecordedDatabase {
  readonly binding: D1Database;
  readonly sent: (readonly SentStatement[])[] = [];

  constructor(database: D1Database) {
    /** The runtime takes only statements of its own in a batch. */
    const known = new WeakMap<object, { readonly original: D1PreparedStatement; readonly as: SentStatement }>();
    const wrap = (original: D1PreparedStatement, as: SentStatement): D1PreparedStatement => {
      const wrapped = new Proxy(original, {
        get: (_, name) => {
          if (name === "bind") return (...params: Value[]) => wrap(original.bind(...params), { ...as, params });
          const member = Reflect.get(original, name, original) as (...values: unknown[]) => unknown; // all others run it
          return (...values: unknown[]) => {
            this.sent.push([as]);
            return Reflect.apply(member, original, values);
          };
        },
      });
      known.set(wrapped, { original, as });
      return wrapped;
    };
    const prepare = (sql: string): D1PreparedStatement => wrap(database.prepare(sql), { sql, params: [] });
    const batch = (statements: D1PreparedStatement[]): Promise<D1Result[]> => {
      const all = statements.map((statement) => {
        const found = known.get(statement);
        if (!found) throw new Error("A statement was prepared by another database.");
        return found;
      });
      this.sent.push(all.map(({ as }) => as));
      return database.batch(all.map(({ original }) => original));
    };
    this.binding = new Proxy(database, {
      get: (_, name) => {
        if (name === "prepare") return prepare;
        if (name === "batch") return batch;
        throw new Error(`The worker uses ${String(name)} of the database, which is not recorded.`);
      },
    });
  }
}
