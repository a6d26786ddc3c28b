import { isSymbol, nameOf, word, type Statement } from "./statements.ts";
import type { Token } from "../../durable-objects/plugin-database/sql-rules.ts";

/** What earlier migrations made, as far as the rules ask for it. */
export class SchemaModel {
  readonly tables = new Set<string>();
  /** Name of each index, and whether it is unique. */
  readonly indexes = new Map<string, boolean>();

  learn(statement: Statement): void {
    const made = created(statement.tokens);
    if (made?.kind === "table") this.tables.add(made.name);
    if (made?.kind === "index") this.indexes.set(made.name, made.unique);
    const gone = dropped(statement.tokens);
    if (gone?.kind === "table") this.tables.delete(gone.name);
    if (gone?.kind === "index") this.indexes.delete(gone.name);
  }
}

export interface Created {
  readonly kind: "table" | "index" | "trigger" | "view";
  readonly name: string;
  readonly unique: boolean;
  /** Of an index or a trigger: the table it is on. */
  readonly table: string;
}

/** What a CREATE makes; undefined for other statements and for what only lives as long as a connection. */
export function created(tokens: readonly Token[]): Created | undefined {
  if (word(tokens[0]) !== "create") return undefined;
  const unique = word(tokens[1]) === "unique";
  const at = unique || word(tokens[1]) === "virtual" ? 2 : 1;
  const kind = word(tokens[at]);
  if (kind !== "table" && kind !== "index" && kind !== "trigger" && kind !== "view") return undefined;
  const { name, next } = qualified(tokens, afterExistence(tokens, at + 1));
  const on = tokens.findIndex((token, index) => index >= next && word(token) === "on");
  return { kind, name, unique, table: on < 0 ? "" : qualified(tokens, on + 1).name };
}

export interface Dropped {
  readonly kind: string;
  readonly name: string;
}

export function dropped(tokens: readonly Token[]): Dropped | undefined {
  if (word(tokens[0]) !== "drop") return undefined;
  return { kind: word(tokens[1]) ?? "", name: qualified(tokens, afterExistence(tokens, 2)).name };
}

/** @returns index of the first token after IF EXISTS or IF NOT EXISTS */
function afterExistence(tokens: readonly Token[], at: number): number {
  if (word(tokens[at]) !== "if") return at;
  return word(tokens[at + 1]) === "not" ? at + 3 : at + 2;
}

/** A name that may have the database's before it. */
export function qualified(tokens: readonly Token[], at: number): { readonly name: string; readonly next: number } {
  const isQualified = isSymbol(tokens[at + 1], ".");
  return isQualified ? { name: nameOf(tokens[at + 2]), next: at + 3 } : { name: nameOf(tokens[at]), next: at + 1 };
}
