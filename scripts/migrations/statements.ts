import { lexemesOf, tokenOf, type Token } from "../../durable-objects/plugin-database/sql-rules.ts";

/** A migration file as its statements, split as `sqlite3_complete` and wrangler do it. */

export interface Statement {
  /** Without the semicolon that ends it. */
  readonly tokens: readonly Token[];
  /** Comments before it, without their marks. */
  readonly comments: readonly string[];
  /** Of its first token, from 1. */
  readonly line: number;
  /** False where the file ends before a semicolon. */
  readonly complete: boolean;
}

export interface MigrationFile {
  /** As `0007_more-columns.sql`. */
  readonly name: string;
  readonly sql: string;
}

/**
 * @returns statements in order; comments that no statement follows are left out
 * @throws {StatementRefused} for quotes and comments without an end
 */
export function statementsOf(sql: string): readonly Statement[] {
  const statements: Statement[] = [];
  let tokens: Token[] = [];
  let comments: string[] = [];
  let line = 1;
  const end = (complete: boolean): void => {
    if (tokens.length > 0) statements.push({ tokens, comments, line, complete });
    [tokens, comments] = [[], []];
  };
  for (const { kind, text, end: at } of lexemesOf(sql)) {
    if (kind === "space") {
      if (tokens.length === 0 && /^(?:--|\/\*)/.test(text)) comments.push(...commentLines(text));
      continue;
    }
    const token = tokenOf({ kind, text });
    if (isSymbol(token, ";") && (!isTrigger(tokens) || hasEnded(tokens))) {
      end(true);
      continue;
    }
    if (tokens.length === 0) line = sql.slice(0, at).split("\n").length;
    tokens.push(token);
  }
  end(false);
  return statements;
}

function commentLines(text: string): readonly string[] {
  const inner = text.startsWith("--") ? text.slice(2) : text.slice(2, -2);
  return inner.split("\n").map((part) => part.trim());
}

function isTrigger(tokens: readonly Token[]): boolean {
  const [first, second, third] = tokens.map((token) => word(token));
  return first === "create" && (second === "trigger" || (/^temp(?:orary)?$/.test(second ?? "") && third === "trigger"));
}

/** The body of a trigger ends with the END that follows a semicolon; that of a CASE does not. */
function hasEnded(tokens: readonly Token[]): boolean {
  const [before, last] = tokens.slice(-2);
  return word(last) === "end" && isSymbol(before, ";");
}

export function isSymbol(token: Token | undefined, text: string): boolean {
  return token?.kind === "symbol" && token.text === text;
}

/** The keyword or name that a token is, in lower case; undefined for what is in quotes. */
export function word(token: Token | undefined): string | undefined {
  return token?.kind === "name" ? token.text : undefined;
}

/** What a token names where a name is due: SQLite takes words in any quotes for one. */
export function nameOf(token: Token | undefined): string {
  return token && /^(?:name|quoted|string)$/.test(token.kind) ? token.text : "";
}
