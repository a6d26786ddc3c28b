import { StatementRefused } from "./rules.ts";

/**
 * Which statements a plugin may run, decided on their tokens (https://sqlite.org/src/file/src/tokenize.c); names are compared as
 * SQLite does, without regard to ASCII case. Pure.
 */

export interface Token {
  /** `name`: a keyword or an identifier. `quoted`: an identifier in quotes. */
  readonly kind: "name" | "quoted" | "string" | "number" | "parameter" | "symbol";
  /** Names and what is in quotes: lower case, without the quotes. */
  readonly text: string;
}

/** How long values may become that the statement makes, beside those it finds. */
export interface Growth {
  readonly selects: number;
  /** Operands that are put together to longer values. */
  readonly joined: number;
  /** Calls of `replace`, which multiplies lengths. */
  readonly replaces: number;
  /** Aggregates of texts. */
  readonly aggregates: number;
  /** Calls of functions that escape, one around the other; all of them where there are several queries. */
  readonly escapes: number;
  /** True where a window function may go through its whole window for each row. */
  readonly windows: boolean;
  /** Functions whose time is the product of two lengths. */
  readonly searches: number;
}

export const SQL_BYTES = 100_000;

const TOKEN =
  /(?<space>[ \t\n\f\r\uFEFF]+|--[^\n]*|\/\*[^]*?\*\/)|(?<string>'[^']*(?:''[^']*)*')|(?<quoted>"[^"]*(?:""[^"]*)*"|`[^`]*(?:``[^`]*)*`|\[[^\]]*\])|(?<parameter>\?\d*)|(?<number>\.?\d[\w.$\u0080-\uFFFF]*)|(?<name>[A-Za-z_\u0080-\uFFFF][\w$\u0080-\uFFFF]*)|(?<open>\/\*|["'`[])|(?<symbol>[^])/y;

const LEADING = new Set("select with values insert update delete replace create alter drop explain".split(" "));
const RESERVED = /^(?:_cf_|sqlite_|pragma_)/;
const DEFINED: Readonly<Record<string, RegExp>> = {
  create: /^create (?:table|view|index|unique index)\b/,
  drop: /^drop (?:table|view|index)\b/,
  alter: /^alter table\b/,
  explain: /^explain query plan (?:select|with|values|insert|update|delete|replace)\b/,
};
const JOINING = new Set(
  "concat concat_ws char printf format hex quote json json_array json_object json_insert json_set json_replace json_patch json_quote jsonb jsonb_array jsonb_object jsonb_insert jsonb_set jsonb_replace jsonb_patch".split(
    " ",
  ),
);
const AGGREGATES = new Set(
  "group_concat string_agg json_group_array json_group_object jsonb_group_array jsonb_group_object".split(" "),
);
/** They write marks before marks, so that each call around another multiplies the length again. */
const ESCAPES = new Set(
  "hex quote json_quote json_array json_object json_insert json_set json_replace json_patch".split(" "),
);
const SEARCHES = new Set(["instr", "replace", "trim", "ltrim", "rtrim"]);
const KEYWORDS = new Set(
  "select from where and or not null as is in like between case when then else end group order by on join left inner cross asc desc union all having limit exists".split(
    " ",
  ),
);
const ALLOCATED_BYTES = 1_024;
const FORMAT_LENGTH = 256;

/** A token, or what is between two of them, and where it ends. */
export interface Lexeme {
  readonly kind: Token["kind"] | "space";
  /** As it is written. */
  readonly text: string;
  readonly end: number;
}

/**
 * Text as tokens, and spaces and comments as one lexeme each.
 *
 * @throws {StatementRefused} for quotes and comments without an end
 */
export function* lexemesOf(sql: string): Generator<Lexeme> {
  const pattern = new RegExp(TOKEN);
  while (pattern.lastIndex < sql.length) {
    const { groups = {} } = pattern.exec(sql) ?? {};
    if (groups["open"] !== undefined) refuse(`has a ${groups["open"]} without an end`);
    const found = Object.entries(groups).find(([, text]) => text !== undefined);
    if (!found) return;
    const [kind, text] = found;
    yield { kind: kind as Lexeme["kind"], text, end: pattern.lastIndex }; // named in the pattern
  }
}

/**
 * @param sql  text of any length
 * @throws {StatementRefused} for quotes and comments without an end, and characters no statement has
 */
export function tokensOf(sql: string): readonly Token[] {
  const tokens: Token[] = [];
  for (const lexeme of lexemesOf(sql)) if (lexeme.kind !== "space") tokens.push(tokenOf(lexeme));
  return tokens;
}

/** @param lexeme  one that is no space */
export function tokenOf({ kind, text }: Pick<Lexeme, "kind" | "text">): Token {
  return { kind: kind as Token["kind"], text: plain(kind, text) }; // the caller looked at it
}

function plain(kind: string, text: string): string {
  const inner = kind === "string" || kind === "quoted" ? text.slice(1, -1) : text;
  return inner.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/**
 * @returns the tokens of the one statement, without a semicolon at its end
 * @throws {StatementRefused}
 */
export function requireAllowed(sql: string): readonly Token[] {
  if (new TextEncoder().encode(sql).byteLength > SQL_BYTES) refuse(`has more than ${SQL_BYTES} bytes`);
  if (sql.includes("\0")) refuse("has a character U+0000");
  const tokens = [...tokensOf(sql)];
  while (tokens.at(-1)?.text === ";" && tokens.at(-1)?.kind === "symbol") tokens.pop();
  if (tokens.some(({ kind, text }) => kind === "symbol" && text === ";"))
    refuse("is more than one; each goes by itself");
  const [first] = tokens;
  if (!first) refuse("is empty");
  if (first.kind !== "name" || !LEADING.has(first.text)) refuse(`begins with ${first.text}; ${allowedVerbs()}`);
  const beginning = tokens
    .slice(0, 4)
    .map(({ text }) => text)
    .join(" ");
  const defined = DEFINED[first.text];
  if (defined && !defined.test(beginning)) {
    refuse(`begins with "${beginning}"; there are tables, indexes and views, and EXPLAIN QUERY PLAN`);
  }
  requireNames(tokens);
  requireFunctions(tokens);
  if (first.text === "create" || first.text === "alter") requireDefinition(tokens, beginning);
  return tokens;
}

function allowedVerbs(): string {
  return `a statement begins with one of: ${[...LEADING].join(", ").toUpperCase()}`;
}

function requireNames(tokens: readonly Token[]): void {
  for (const { kind, text } of tokens) {
    if ((kind === "name" || kind === "quoted") && RESERVED.test(text)) refuse(`has the reserved name ${text}`);
    if (kind === "symbol" && /[:@#$]/.test(text)) refuse("has a named parameter; parameters are ? or ?1");
  }
}

/** Functions that make large values out of small ones take literals here, so that what they make is known. */
function requireFunctions(tokens: readonly Token[]): void {
  for (const [index, name] of calls(tokens)) {
    const [argument, after] = tokens.slice(index + 2, index + 4);
    if (name === "load_extension") refuse("calls load_extension");
    if (name === "zeroblob" || name === "randomblob") {
      const literal = argument?.kind === "number" && after?.text === ")" ? Number(argument.text) : Infinity;
      if (!(literal <= ALLOCATED_BYTES))
        refuse(`calls ${name} with something else than a number up to ${ALLOCATED_BYTES}`);
    }
    if (name === "printf" || name === "format") {
      const fits = argument?.kind === "string" && argument.text.length <= FORMAT_LENGTH;
      if (!fits || /\*|\d{3}/.test(argument.text) || !/^[,)]$/.test(after?.text ?? "")) {
        refuse(
          `calls ${name} with a format that is not a literal of at most ${FORMAT_LENGTH} characters with widths below 100`,
        );
      }
    }
  }
}

/** Nothing in a schema may run statements or make values grow by itself: the cost of a later statement would not show. */
function requireDefinition(tokens: readonly Token[], beginning: string): void {
  if (tokens.some(({ kind, text }) => (kind === "quoted" || kind === "string") && text.includes("?"))) {
    refuse("has a question mark in quotes, which definitions must not have");
  }
  if (/^create (?:unique )?index/.test(beginning)) {
    const name = tokens.find(({ text }, index) => index > 1 && !/^(?:index|if|not|exists)$/.test(text));
    if (!/^\w+$/.test(name?.text ?? "")) refuse("names an index with other characters than letters, digits and _");
  }
  if (beginning.startsWith("create view")) return;
  for (const [index, { kind, text }] of tokens.entries()) {
    if (kind !== "name") continue;
    if (text === "references" || text === "foreign") refuse("has a foreign key; keys are not enforced here");
    const next = tokens[index + 1]?.text ?? "";
    if (text === "generated" || (text === "as" && /^(?:\(|select|with|values)$/.test(next))) {
      refuse("has a generated column or a query; create the table first, then fill it");
    }
  }
  const { joined, replaces, aggregates } = growthOf(tokens);
  if (joined + replaces + aggregates > 0) refuse("puts texts together in a definition");
}

/** @returns what the statement does that makes values longer */
export function growthOf(tokens: readonly Token[]): Growth {
  const names = calls(tokens).map(([index, name]) => ({ index, name }));
  const count = (of: (name: string) => boolean): number => names.filter(({ name }) => of(name)).length;
  const bars = tokens.filter(({ kind, text }) => kind === "symbol" && text === "|").length;
  const operands = names.filter(({ name }) => JOINING.has(name)).map(({ index }) => argumentsOf(tokens, index + 1));
  const word = (text: string): boolean => tokens.some((token) => token.kind === "name" && token.text === text);
  const aggregates = count((name) => AGGREGATES.has(name));
  const selects = tokens.filter(({ kind, text }) => kind === "name" && text === "select").length;
  return {
    selects,
    escapes: selects > 1 ? count((name) => ESCAPES.has(name)) : escapesWithin(tokens),
    windows: word("over") && (word("exclude") || aggregates > 0),
    joined: Math.ceil(bars / 2) + operands.reduce((sum, operand) => sum + operand, 0),
    replaces: count((name) => name === "replace"),
    aggregates,
    searches: count((name) => SEARCHES.has(name)),
  };
}

/**
 * How many copies of an expression or a table SQLite may make when it plans the statement: it puts a query's columns in for their
 * names in the query around it, so that a name used twice on each of thirty levels is there 2^30 times.
 *
 * @param tokens  of the statement and of the views it uses
 * @returns product of the most uses of one name, of queries within one another; of all queries where they have names
 */
export function copiesOf(tokens: readonly Token[]): number {
  const named = tokens.some(({ kind, text }) => kind === "name" && (text === "with" || text === "view"));
  const root = new Query(0);
  const within = [root];
  let depth = 0;
  for (const [index, { kind, text }] of tokens.entries()) {
    if (kind === "symbol" && text === "(") depth += 1;
    if (kind === "symbol" && text === ")") {
      depth -= 1;
      while (within.length > 1 && (within.at(-1)?.depth ?? 0) > depth) within.pop();
    }
    if (kind === "name" && text === "select") {
      while (within.length > 1 && within.at(-1)?.depth === depth) within.pop();
      const query = new Query(depth);
      within.at(-1)?.inner.push(query);
      within.push(query);
    }
    const next = tokens[index + 1]?.text;
    const counts = kind !== "symbol" && kind !== "number" && next !== "(" && next !== "." && !KEYWORDS.has(text);
    if (counts) within.at(-1)?.use(text);
  }
  return root.inner.reduce(
    (product, query) => (named ? product * query.copies(named) : Math.max(product, query.copies(named))),
    1,
  );
}

class Query {
  readonly depth: number;
  readonly inner: Query[] = [];
  readonly #uses = new Map<string, number>();

  constructor(depth: number) {
    this.depth = depth;
  }

  use(name: string): void {
    this.#uses.set(name, (this.#uses.get(name) ?? 0) + 1);
  }

  copies(named: boolean): number {
    const inner = this.inner.map((query) => query.copies(named));
    const within = named ? inner.reduce((product, copies) => product * copies, 1) : Math.max(1, ...inner);
    return Math.max(1, ...this.#uses.values()) * within;
  }
}

/** Index and name of what is called. */
function calls(tokens: readonly Token[]): readonly (readonly [number, string])[] {
  return tokens.flatMap(({ kind, text }, index) =>
    (kind === "name" || kind === "quoted") && tokens[index + 1]?.text === "(" ? [[index, text] as const] : [],
  );
}

/** The most calls of functions that escape that are open at once. */
function escapesWithin(tokens: readonly Token[]): number {
  const open: boolean[] = [];
  let most = 0;
  for (const [index, { kind, text }] of tokens.entries()) {
    if (kind !== "symbol") continue;
    if (text === "(") open.push(ESCAPES.has(tokens[index - 1]?.text ?? ""));
    if (text === ")") open.pop();
    most = Math.max(most, open.filter(Boolean).length);
  }
  return most;
}

/** @param open  index of the bracket */
function argumentsOf(tokens: readonly Token[], open: number): number {
  let depth = 0;
  let count = 1;
  for (const { kind, text } of tokens.slice(open)) {
    if (kind !== "symbol") continue;
    if (text === "(") depth += 1;
    if (text === ")") depth -= 1;
    if (depth === 0) break;
    if (text === "," && depth === 1) count += 1;
  }
  return count;
}

function refuse(why: string): never {
  throw new StatementRefused(`The statement ${why}.`);
}
