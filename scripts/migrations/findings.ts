import type { Token } from "../../durable-objects/plugin-database/sql-rules.ts";
import type { RuleName } from "./rule-table.ts";
import type { SchemaModel } from "./schema-model.ts";
import { word } from "./statements.ts";

/** What is wrong with a statement before anything is declared. `what`: the object that a contract would name. */
export interface Finding {
  readonly rule: RuleName;
  readonly what: string;
}

/** What a statement is held against: the schema before its migration, and what the migration itself added to it. */
export interface Surroundings {
  readonly before: SchemaModel;
  /** `table.column` of each column added by the same migration. */
  readonly added: Set<string>;
}

/** ON DELETE or ON UPDATE with anything but NO ACTION and RESTRICT. */
export function cascadeFindings(tokens: readonly Token[], table: string): readonly Finding[] {
  const cascades = tokens.some((token, index) => {
    const [event, action] = [word(tokens[index + 1]), word(tokens[index + 2])];
    return word(token) === "on" && /^(?:delete|update)$/.test(event ?? "") && /^(?:cascade|set)$/.test(action ?? "");
  });
  return cascades ? [{ rule: "cascade", what: table }] : [];
}

export function beginningOf(tokens: readonly Token[]): string {
  return tokens
    .slice(0, 4)
    .map(({ text }) => text)
    .join(" ");
}
