import { StatefulObject } from "../object-state/object.ts";
import type { StateScope } from "../object-state/state.ts";
import { costOf, isSimple, type PlanRow, requireAffordable, requireNoRecursion } from "./plan-rules.ts";
import {
  ANSWER_BYTES,
  type Bounds,
  type Outcome,
  type SqlValue,
  type Statement,
  statementError,
  StatementRefused,
  type StatementResult,
  valueBytes,
} from "./rules.ts";
import { SchemaSizes } from "./schema-sizes.ts";
import { copiesOf, growthOf, requireAllowed, type Token } from "./sql-rules.ts";

/** Copies of views, queries and expressions that one statement may stand for. */
const MOST_COPIES = 10_000;
const PLANNED = /^(?:select|with|values|insert|update|delete|replace)$/;
const READS = /^(?:select|values|explain)$/;

class OutOfBounds extends Error {
  override readonly name = "OutOfBounds";
  readonly outcome: Outcome;

  constructor(outcome: Outcome) {
    super("out of bounds");
    this.outcome = outcome;
  }
}

/**
 * The SQL database of one install of one tenant. Statements are checked here, where the schema is, and not run where they could
 * take long: nothing can stop one that runs.
 */
export class PluginDatabase extends StatefulObject {
  protected readonly scope: StateScope = { object: "PluginDatabase", tables: "plugin's", except: [] };
  readonly #sql: SqlStorage;
  readonly #sizes: SchemaSizes;

  constructor(state: DurableObjectState, env: Cloudflare.Env) {
    super(state, env);
    this.#sql = state.storage.sql;
    this.#sizes = new SchemaSizes(this.#sql);
  }

  /** Runs all statements, or none where one fails or what they do together is out of bounds. */
  run(statements: readonly Statement[], bounds: Bounds): Outcome {
    let at = 0;
    try {
      return this.ctx.storage.transactionSync(() => {
        const before = this.used();
        let left = bounds.rowsRead;
        const results = statements.map((statement, index) => {
          at = index;
          const result = this.#execute(statement, { ...bounds, rowsRead: left });
          left -= result.rowsRead;
          if (left < 0) throw new OutOfBounds({ read: bounds.rowsRead - left });
          return result;
        });
        const size = this.used();
        if (size > bounds.bytes && size > before) throw new OutOfBounds({ full: size });
        return { results, size };
      });
    } catch (error) {
      this.#sizes.forget();
      if (error instanceof OutOfBounds) return error.outcome;
      const refused = statementError(error);
      if (refused === undefined) throw error;
      return { refused, statement: at };
    }
  }

  /** Bytes of the database, without what of it is on its way out or in. */
  used(): number {
    return this.#sql.databaseSize - this.setAsideBytes;
  }

  protected override stateReplaced(): void {
    this.#sizes.forget();
  }

  protected override stateDestroyed(): void {
    this.#sizes.forget();
  }

  #execute({ sql, params }: Statement, bounds: Bounds): StatementResult {
    const tokens = requireAllowed(sql);
    const verb = tokens[0]?.text ?? "";
    this.#requireAffordable(sql, params, tokens, verb, bounds.rowsRead);
    const cursor = this.#sql.exec(sql, ...params);
    const { columnNames: columns } = cursor;
    const { rows, more } = keptRows(cursor.raw<SqlValue[]>(), bounds.rows, () => cursor.rowsRead > bounds.rowsRead);
    // What it writes is written once all of its rows are read.
    if (!READS.test(verb)) while (!cursor.next().done);
    const { rowsRead, rowsWritten } = cursor;
    if (rowsWritten > 0 || !READS.test(verb)) this.#sizes.forget();
    return { columns, rows, rowsRead, rowsWritten, more };
  }

  #requireAffordable(
    sql: string,
    params: readonly SqlValue[],
    tokens: readonly Token[],
    verb: string,
    rowsRead: number,
  ): void {
    const views = this.#sizes.views();
    const usesViews = verb === "create" || tokens.some(({ text }) => views.names.includes(text));
    const all = usesViews ? [...tokens, ...views.tokens] : tokens;
    const copies = copiesOf(all);
    if (copies > MOST_COPIES) {
      throw new StatementRefused(`The statement stands for more than ${MOST_COPIES} copies of its queries.`);
    }
    if (!PLANNED.test(verb)) return;
    const explained = this.#sql.exec<{ id: number; parent: number; detail: string }>(
      `EXPLAIN QUERY PLAN ${sql}`,
      ...params,
    );
    const plan: PlanRow[] = [...explained];
    requireNoRecursion(plan);
    const texts = [...params.map((value) => valueBytes(value)), ...all.map(({ text }) => text.length)];
    const textBytes = Math.max(0, ...texts);
    const growth = growthOf(all);
    if (isSimple(plan, all, growth, textBytes)) return;
    requireAffordable(costOf(plan, all, growth, this.#sizes.of(all, textBytes), copies), rowsRead);
  }
}

/** Rows up to what an answer may hold. */
function keptRows(
  cursor: Iterator<SqlValue[]>,
  most: number,
  enough: () => boolean,
): { readonly rows: readonly (readonly SqlValue[])[]; readonly more: boolean } {
  const rows: (readonly SqlValue[])[] = [];
  let bytes = 0;
  for (let next = cursor.next(); !next.done; next = cursor.next()) {
    bytes += next.value.reduce<number>((sum, value) => sum + valueBytes(value), 0);
    if (bytes > ANSWER_BYTES && rows.length === 0) {
      throw new StatementRefused(`The statement answers a row of ${bytes} bytes; ${ANSWER_BYTES} are allowed.`);
    }
    if (rows.length >= most || bytes > ANSWER_BYTES || enough()) return { rows, more: true };
    rows.push(next.value);
  }
  return { rows, more: false };
}
