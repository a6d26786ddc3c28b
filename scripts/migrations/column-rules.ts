import type { Token } from "../../durable-objects/plugin-database/sql-rules.ts";
import { beginningOf, cascadeFindings, type Finding, type Surroundings } from "./findings.ts";
import { qualified } from "./schema-model.ts";
import { isSymbol, nameOf, word } from "./statements.ts";

/** What ALTER TABLE does to rows and to running code. Pure. */
export function alterFindings(tokens: readonly Token[], { before, added }: Surroundings): readonly Finding[] {
  const unknown: Finding = { rule: "unknown", what: beginningOf(tokens) };
  if (word(tokens[1]) !== "table") return [unknown];
  const { name: table, next } = qualified(tokens, 2);
  const verb = word(tokens[next]);
  const isColumn = word(tokens[next + 1]) === "column";
  const columnAt = isColumn ? next + 2 : next + 1;
  const column = nameOf(tokens[columnAt]);
  if (verb === "rename") return [{ rule: table.startsWith("__new_") ? "rebuild" : "rename", what: table }];
  if (verb === "drop" && word(tokens[next + 1]) !== "constraint") {
    return [{ rule: "drop-column", what: `${table}.${column}` }];
  }
  // ADD CONSTRAINT and ALTER COLUMN of newer SQLite are not among what is known here.
  if (verb !== "add" || /^(?:constraint|check)$/.test(word(tokens[next + 1]) ?? "")) return [unknown];
  added.add(`${table}.${column}`);
  const what = `${table}.${column}`;
  const definition = tokens.slice(columnAt + 1);
  // A table that the same migration made has no rows, and no code knows it.
  const rules = before.tables.has(table) ? addedColumnRules(definition) : [];
  return [...rules.map((rule) => ({ rule, what })), ...cascadeFindings(definition, what)];
}

type ColumnRule = "column-needs-default" | "column-unique" | "column-check" | "column-generated" | "column-references";

function addedColumnRules(definition: readonly Token[]): readonly ColumnRule[] {
  const words = outerWords(definition);
  const has = (...sequence: string[]): boolean =>
    words.some((_, index) => sequence.every((text, offset) => words[index + offset] === text));
  const rules: ColumnRule[] = [];
  if (has("unique") || has("primary", "key")) rules.push("column-unique");
  if (has("check")) rules.push("column-check");
  if (has("as") || has("generated")) rules.push("column-generated");
  if (has("references")) rules.push("column-references");
  if (!hasUsableDefault(definition, has("not", "null"))) rules.push("column-needs-default");
  return rules;
}

/** Keywords and names that are not within brackets. */
function outerWords(tokens: readonly Token[]): readonly (string | undefined)[] {
  let depth = 0;
  return tokens.flatMap((token) => {
    if (isSymbol(token, "(")) depth += 1;
    if (isSymbol(token, ")")) depth -= 1;
    return depth === 0 ? [word(token)] : [];
  });
}

/** SQLite takes constants only, and no NULL where there are rows for which it must stand. */
function hasUsableDefault(definition: readonly Token[], isNotNull: boolean): boolean {
  const at = definition.findIndex((token) => word(token) === "default");
  if (at < 0) return !isNotNull;
  const value = definition[at + 1];
  if (isSymbol(value, "(") || word(value)?.startsWith("current_")) return false;
  return !isNotNull || word(value) !== "null";
}
