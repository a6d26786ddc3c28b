import { StatementRefused } from "./rules.ts";
import type { Growth, Token } from "./sql-rules.ts";

/**
 * What a statement may cost at most, from SQLite's own plan for it (https://sqlite.org/eqp.html). A statement that runs cannot be
 * stopped, so this is decided before. Pure.
 */

export interface PlanRow {
  readonly id: number;
  readonly parent: number;
  readonly detail: string;
}

/** Rows and bytes of the tables the statement names. */
export interface Sizes {
  /** Of the largest table. */
  readonly rows: number;
  /** Of the largest row, or of the longest parameter or literal where that is more. */
  readonly rowBytes: number;
  /** Of all rows of the largest table. */
  readonly tableBytes: number;
  /** Rows of the index's table that have the same values in its first columns; all rows for none. Undefined: no such index. */
  readonly withIndex: (index: string, columns: number) => number | undefined;
}

export interface Cost {
  /** Rows that come out of the joins. */
  readonly rows: number;
  /** Steps, each about 0.1 microseconds. */
  readonly steps: number;
  /** Bytes held at once. */
  readonly bytes: number;
}

/** Steps for each row that may be read. */
export const STEPS_PER_ROW = 100;
/** Bytes that sorting and subqueries of one statement may hold; an isolate has 128 MiB. */
export const HELD_BYTES = 64 * 1024 * 1024;
/** The longest value that a statement may make. */
export const VALUE_BYTES = 8 * 1024 * 1024;
/** Texts up to this, handled once for each row, cost no more than reading the row. */
const SHORT_BYTES = 4_096;
/** Numbers become texts of about this length. */
const SHORTEST_BYTES = 16;
const BYTES_PER_STEP = 256;
const COMPARED_PER_STEP = 4_000;
/** Tokens whose work for one row is a step. */
const TOKENS_PER_STEP = 64;
const FEW_TOKENS = 256;

const LOOP = /^(?:SCAN|SEARCH|MULTI-INDEX OR)\b/;
const PART = /^(?:LEFT|RIGHT|UNION|EXCEPT|INTERSECT|COMPOUND|MERGE)\b/;
const HELD = /TEMP B-TREE|MATERIALIZE|AUTOMATIC|SUBQUERY|MERGE|UNION|EXCEPT|INTERSECT|CO-ROUTINE/;
/** What a name in quotes must not have for the plan to be read closely. */
const PLAN_WORDS = /\b(?:rows?|clause|using|index|or)\b|[(=?]/;

/**
 * @returns true where the statement goes through one table at most, with nothing that costs more than reading it
 */
export function isSimple(
  plan: readonly PlanRow[],
  tokens: readonly Token[],
  growth: Growth,
  textBytes: number,
): boolean {
  const { joined, replaces, aggregates, searches } = growth;
  const heavy = joined + replaces + aggregates + searches > 0 || textBytes > SHORT_BYTES || tokens.length > FEW_TOKENS;
  const loops = plan.filter(({ detail }) => LOOP.test(detail));
  return (
    !heavy && loops.length <= 1 && !plan.some(({ detail }) => HELD.test(detail) || detail.includes("VIRTUAL TABLE"))
  );
}

/** @throws {StatementRefused} for a plan with a step that calls itself */
export function requireNoRecursion(plan: readonly PlanRow[]): void {
  if (plan.some(({ detail }) => detail.startsWith("RECURSIVE STEP"))) {
    throw new StatementRefused("The statement is recursive; a query that calls itself has no end that could be known.");
  }
}

/**
 * @param copies  how often what one name stands for may be there (sql-rules.ts)
 * @returns the most the statement can cost
 */
export function costOf(
  plan: readonly PlanRow[],
  tokens: readonly Token[],
  growth: Growth,
  sizes: Sizes,
  copies: number,
): Cost {
  const { joined, replaces, escapes, aggregates, searches, windows } = growth;
  const valueBytes = longestValue(growth, sizes);
  // Aggregated texts of all groups are together as long as their rows.
  const eachBytes = longestValue({ ...growth, aggregates: 0 }, sizes);
  const { rows, steps } = new PlanReader(plan, tokens, { ...sizes, rowBytes: valueBytes }).read();
  // What `replace` makes is longer by its own share than what it searches.
  const searched = valueBytes / (replaces > 0 ? Math.max(SHORTEST_BYTES, sizes.rowBytes) : 1);
  const compared = searches > 0 ? searched ** 2 / COMPARED_PER_STEP : 0;
  const perRow = Math.max(1, tokens.length / TOKENS_PER_STEP) * (1 + valueBytes / BYTES_PER_STEP + compared);
  const plain = rows <= sizes.rows && joined + replaces + escapes + aggregates === 0;
  const held = plan.some(({ detail }) => HELD.test(detail)) || aggregates > 0;
  const whole = Math.max(copies, tokens.filter(({ text }) => text === "*").length, aggregates);
  return {
    rows,
    steps: steps * perRow * (windows ? Math.max(1, rows) : 1),
    bytes: held ? (plain ? sizes.tableBytes : rows * eachBytes) * whole : valueBytes,
  };
}

/** @throws {StatementRefused} */
export function requireAffordable(cost: Cost, rowsRead: number): void {
  const steps = rowsRead * STEPS_PER_ROW;
  if (cost.steps > steps) {
    throw new StatementRefused(
      `The statement may take ${Math.ceil(cost.steps)} steps with the tables as they are; ${steps} are allowed. An index or fewer joins make it less.`,
    );
  }
  if (cost.bytes > HELD_BYTES) {
    throw new StatementRefused(
      `The statement may hold ${Math.ceil(cost.bytes)} bytes at once; ${HELD_BYTES} are allowed. Sort, group or join fewer rows.`,
    );
  }
}

/**
 * Values put together in one query are at most as long as their operands together; each query around it can do so again. The
 * product is largest where the operands are spread evenly.
 *
 * @throws {StatementRefused} where it may be too long
 */
function longestValue({ selects, joined, replaces, aggregates, escapes }: Growth, { rowBytes, rows }: Sizes): number {
  const levels = Math.max(1, selects);
  const base = Math.max(SHORTEST_BYTES, rowBytes);
  let longest = joined === 0 ? base : base * (joined / levels + 1) ** levels;
  longest *= base ** replaces * 4 ** escapes;
  // An aggregate's text is the rows' together; only a query around it can handle it more than once.
  if (aggregates > 0 && levels > 1) longest *= Math.max(1, rows);
  if (longest <= VALUE_BYTES) return longest;
  throw new StatementRefused(
    `The statement may make a value of ${Math.ceil(longest)} bytes; ${VALUE_BYTES} are allowed. Put fewer or shorter texts together.`,
  );
}

interface Block {
  readonly rows: number;
  readonly steps: number;
}

class PlanReader {
  readonly #children: ReadonlyMap<number, readonly PlanRow[]>;
  readonly #sizes: Sizes;
  /** Most rows of a list after IN or of alternatives joined by OR, both of which are looked up one by one. */
  readonly #listed: number;
  readonly #closely: boolean;
  /** True where subqueries may run once for each row although the plan does not say so. */
  readonly #writes: boolean;
  /** Rows of the largest subquery so far. */
  #derived = 0;
  readonly #named = new Map<string, number>();

  constructor(plan: readonly PlanRow[], tokens: readonly Token[], sizes: Sizes) {
    this.#children = Map.groupBy(plan, ({ parent }) => parent);
    this.#sizes = sizes;
    const count = (text: string): number => tokens.filter((token) => token.text === text).length;
    const lists = plan.some(({ detail }) => /LIST SUBQUERY|IN-OPERATOR/.test(detail));
    const commas = count("in") > 0 ? count(",") : 0;
    this.#listed = lists ? Infinity : 1 + commas + count("or");
    this.#closely = !tokens.some(({ kind, text }) => (kind === "quoted" || kind === "string") && PLAN_WORDS.test(text));
    this.#writes = tokens.some(({ kind, text }) => kind === "name" && /^(?:insert|update|delete|into)$/.test(text));
  }

  read(parent = 0): Block {
    let rows = 1;
    let parts = 0;
    let once = 0;
    let each = 0;
    for (const row of this.#children.get(parent) ?? []) {
      const { id, detail } = row;
      if (LOOP.test(detail)) {
        rows *= Math.max(1, this.#loop(detail));
        continue;
      }
      const inner = this.read(id);
      if (PART.test(detail)) parts += inner.rows;
      if (detail.startsWith("CORRELATED") || (this.#writes && detail.includes("SUBQUERY"))) each += inner.steps;
      else once += inner.steps;
      this.#remember(detail, inner.rows);
    }
    rows *= Math.max(1, parts);
    return { rows, steps: rows * (1 + each) + once };
  }

  #remember(detail: string, rows: number): void {
    const label = /^(?:CO-ROUTINE|MATERIALIZE) (.*)$/.exec(detail)?.[1];
    if (label === undefined) return;
    this.#derived = Math.max(this.#derived, rows);
    this.#named.set(label, rows);
  }

  /** Most rows a loop goes through each time it is begun. */
  #loop(detail: string): number {
    if (detail.includes("VIRTUAL TABLE")) return this.#sizes.rowBytes / 2;
    const all = Math.max(this.#sizes.rows, this.#derived);
    if (!this.#closely) return all;
    const constants = /^SCAN (?:CONSTANT ROW$|(\d+)[- ](?:ROW|CONSTANT))/.exec(detail);
    if (constants) return Number(constants[1] ?? 1);
    const subquery = /^SCAN (\(subquery-\d+\))$/.exec(detail)?.[1];
    if (subquery !== undefined) return this.#named.get(subquery) ?? all;
    if (/ USING INTEGER PRIMARY KEY \(rowid=\?\)/.test(detail)) return Math.min(all, this.#listed);
    const [, name, terms] = / USING (?:COVERING )?INDEX (\w+)(?: \((.*)\))?/.exec(detail) ?? [];
    if (name === undefined) return all;
    const equal = (terms ?? "").split(" AND ").filter((term) => term.endsWith("=?")).length;
    const whole = this.#sizes.withIndex(name, 0) ?? all;
    const alike = equal === 0 ? whole : (this.#sizes.withIndex(name, equal) ?? whole);
    return Math.min(whole, alike * this.#listed ** equal);
  }
}
