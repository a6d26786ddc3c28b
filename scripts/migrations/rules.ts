import { StatementRefused } from "../../durable-objects/plugin-database/rules.ts";
import type { Token } from "../../durable-objects/plugin-database/sql-rules.ts";
import { alterFindings } from "./column-rules.ts";
import { declarationsOf, heldAgainst } from "./declarations.ts";
import { beginningOf, cascadeFindings, type Finding, type Surroundings } from "./findings.ts";
import type { Offence } from "./rule-table.ts";
import { created, dropped, qualified, SchemaModel } from "./schema-model.ts";
import { isSymbol, nameOf, statementsOf, word, type MigrationFile, type Statement } from "./statements.ts";

/** Holds migrations against `MIGRATION_RULES`. Pure. */

/**
 * @param migrations  all of them, in order
 * @param release  the version that is being worked on, as in package.json
 */
export function migrationOffences(migrations: readonly MigrationFile[], release: string): readonly Offence[] {
  const schema = new SchemaModel();
  return migrations.flatMap((migration) => {
    const read = readStatements(migration);
    if (!Array.isArray(read)) return [read];
    const offences = fileOffences(migration, read, schema, release);
    for (const statement of read) schema.learn(statement);
    return offences;
  });
}

function readStatements({ name, sql }: MigrationFile): Statement[] | Offence {
  const unreadable = (line: number, detail: string): Offence => ({ file: name, line, rule: "unreadable", detail });
  if (sql.includes("\0")) return unreadable(1, "it has a character U+0000");
  try {
    const statements = [...statementsOf(sql)];
    const open = statements.find(({ complete }) => !complete);
    return open ? unreadable(open.line, "the last statement has no semicolon") : statements;
  } catch (error) {
    if (error instanceof StatementRefused) return unreadable(1, error.message);
    throw error;
  }
}

function fileOffences(
  { name, sql }: MigrationFile,
  statements: readonly Statement[],
  before: SchemaModel,
  release: string,
): readonly Offence[] {
  const surroundings: Surroundings = { before: copyOf(before), added: new Set() };
  const found = statements.flatMap((statement) => {
    const findings = statementFindings(statement.tokens, surroundings);
    const declared = declarationsOf(statement.comments);
    return heldAgainst(findings, declared, release).map((offence) => ({
      ...offence,
      file: name,
      line: statement.line,
    }));
  });
  // Wrangler cuts these words out of the text, wherever they are.
  if (!/BEGIN TRANSACTION/.test(sql) || found.some(({ rule }) => rule === "transaction")) return found;
  return [...found, { file: name, line: 1, rule: "transaction", detail: "BEGIN TRANSACTION" }];
}

function copyOf({ tables, indexes }: SchemaModel): SchemaModel {
  const copy = new SchemaModel();
  for (const table of tables) copy.tables.add(table);
  for (const [index, unique] of indexes) copy.indexes.set(index, unique);
  return copy;
}

const TRANSACTIONS = new Set(["begin", "commit", "end", "rollback", "savepoint", "release"]);

/** @returns what a statement does that it must not, unless it is declared */
export function statementFindings(tokens: readonly Token[], surroundings: Surroundings): readonly Finding[] {
  const verb = word(tokens[0]) ?? "";
  if (TRANSACTIONS.has(verb)) return [{ rule: "transaction", what: verb.toUpperCase() }];
  if (verb === "pragma") return [{ rule: "pragma", what: nameOf(tokens[1]) }];
  if (verb === "create") return createFindings(tokens, surroundings);
  if (verb === "drop") return dropFindings(tokens, surroundings);
  if (verb === "alter") return alterFindings(tokens, surroundings);
  return writeFindings(tokens, surroundings);
}

function createFindings(tokens: readonly Token[], { before }: Surroundings): readonly Finding[] {
  const made = created(tokens);
  if (!made) return [{ rule: "unknown", what: beginningOf(tokens) }];
  const { kind, name, unique, table } = made;
  if (kind === "table" && name.startsWith("__new_")) return [{ rule: "rebuild", what: name }];
  if (kind === "table") return cascadeFindings(tokens, name);
  if (kind === "index" && unique && before.tables.has(table)) return [{ rule: "unique-index", what: name }];
  if (kind === "trigger" && before.tables.has(table)) return [{ rule: "trigger", what: name }];
  return [];
}

function dropFindings(tokens: readonly Token[], { before }: Surroundings): readonly Finding[] {
  const { kind, name } = dropped(tokens) ?? { kind: "", name: "" };
  if (kind === "table" || kind === "view" || kind === "trigger") return [{ rule: `drop-${kind}`, what: name }];
  if (kind !== "index") return [{ rule: "unknown", what: beginningOf(tokens) }];
  // One that no migration made is not known to be anything less.
  return before.indexes.get(name) === false ? [] : [{ rule: "drop-unique-index", what: name }];
}

/** INSERT, UPDATE, DELETE and REPLACE, after a WITH too. */
function writeFindings(tokens: readonly Token[], surroundings: Surroundings): readonly Finding[] {
  const at = word(tokens[0]) === "with" ? mainVerbAt(tokens) : 0;
  const [verb, second, third] = tokens.slice(at, at + 3).map((token) => word(token));
  const replaces = second === "or" && third === "replace";
  const afterOr = second === "or" ? at + 3 : at + 1;
  if (verb === "delete") return [{ rule: "delete-rows", what: qualified(tokens, at + 2).name }];
  if (verb === "replace" || (verb === "insert" && replaces)) {
    const into = tokens.findIndex((token, index) => index > at && word(token) === "into");
    return [{ rule: "delete-rows", what: qualified(tokens, into + 1).name }];
  }
  if (verb === "update") {
    const { name, next } = qualified(tokens, afterOr);
    if (replaces) return [{ rule: "delete-rows", what: name }];
    return updateFindings(tokens, name, next, surroundings);
  }
  if (verb !== "insert") return [{ rule: "unknown", what: beginningOf(tokens) }];
  const { name } = qualified(tokens, afterOr + 1);
  if (name.startsWith("__new_")) return [{ rule: "rebuild", what: name }];
  const updates = tokens.some((token, index) => word(token) === "do" && word(tokens[index + 1]) === "update");
  return updates && surroundings.before.tables.has(name) ? [{ rule: "update-rows", what: name }] : [];
}

/** @returns index of the verb after the common table expressions */
function mainVerbAt(tokens: readonly Token[]): number {
  let depth = 0;
  return tokens.findIndex((token) => {
    if (isSymbol(token, "(")) depth += 1;
    if (isSymbol(token, ")")) depth -= 1;
    return depth === 0 && /^(?:insert|update|delete|replace|select|values)$/.test(word(token) ?? "");
  });
}

/** Columns that the same migration added, and tables that it made, held nothing before. */
function updateFindings(
  tokens: readonly Token[],
  table: string,
  from: number,
  { before, added }: Surroundings,
): readonly Finding[] {
  if (!before.tables.has(table)) return [];
  const old = updatedColumns(tokens, from).filter((column) => !added.has(`${table}.${column}`));
  return old.map((column) => ({ rule: "update-rows", what: `${table}.${column}` }));
}

/** Left sides of SET. */
function updatedColumns(tokens: readonly Token[], from: number): readonly string[] {
  const set = tokens.findIndex((token, index) => index >= from && word(token) === "set");
  const columns: string[] = [];
  let depth = 0;
  let isLeft = true;
  for (const token of tokens.slice(set + 1)) {
    if (isSymbol(token, "(")) depth += 1;
    else if (isSymbol(token, ")")) depth -= 1;
    else if (depth === 0 && /^(?:from|where|returning)$/.test(word(token) ?? "")) break;
    else if (isSymbol(token, "=") && depth === 0) isLeft = false;
    else if (isSymbol(token, ",") && depth === 0) isLeft = true;
    else if (isLeft && nameOf(token) !== "") columns.push(nameOf(token));
  }
  return columns;
}
