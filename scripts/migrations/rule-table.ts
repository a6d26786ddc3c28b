/**
 * What a migration must not do to the rows it finds and to the code that runs beside it. `remedy` says what helps:
 *
 * - `never`: another way must be found; `instead` names it.
 * - `declare`: allowed where the comment before the statement says why it does no harm: `-- declared <rule>: <reason>`.
 * - `contract`: allowed as the last step of expand, deploy, contract, where the comment before the statement says what goes and
 *   since which release no code uses it: `-- contract <rule> <what>, unused since <release>: <reason>`.
 */
export interface RuleSpec {
  readonly remedy: "never" | "declare" | "contract";
  readonly title: string;
  readonly instead?: string;
}

export const MIGRATION_RULES = {
  "drop-table": { remedy: "contract", title: "drops a table" },
  "drop-column": { remedy: "contract", title: "drops a column" },
  "drop-view": { remedy: "contract", title: "drops a view" },
  "drop-unique-index": {
    remedy: "contract",
    title: "drops a unique index, by which code may resolve conflicts",
  },
  "drop-trigger": { remedy: "declare", title: "drops a trigger, on which code may rely" },
  rename: {
    remedy: "never",
    title: "renames what running code uses by its name",
    instead: "add the new name, fill it, and drop the old one in a later release",
  },
  rebuild: {
    remedy: "never",
    title: "rebuilds a table: D1 enforces foreign keys while the old one is dropped",
    instead: "add a column, or a table beside it",
  },
  cascade: {
    remedy: "never",
    title: "deletes or changes rows by themselves when others go",
    instead: "delete them in the batch that deletes the other row",
  },
  "delete-rows": { remedy: "declare", title: "deletes rows" },
  "update-rows": { remedy: "declare", title: "changes values that were there before" },
  "column-needs-default": {
    remedy: "never",
    title: "adds a NOT NULL column without a constant default, which fails once there are rows",
    instead: "give it a constant default, or leave it nullable",
  },
  "column-unique": {
    remedy: "never",
    title: "adds a column as a key, which SQLite does not do",
    instead: "add the column, fill it, and make a unique index",
  },
  "column-check": { remedy: "declare", title: "adds a CHECK, which code that runs beside it does not know of" },
  "column-generated": { remedy: "declare", title: "adds a generated column, which must be computable for each row" },
  "column-references": {
    remedy: "declare",
    title: "adds a foreign key, which stops running code from deleting what is pointed at",
  },
  "unique-index": {
    remedy: "declare",
    title: "makes a unique index over rows that may not be unique, or that running code does not keep so",
  },
  trigger: { remedy: "declare", title: "adds a trigger to a table that running code writes to" },
  transaction: {
    remedy: "never",
    title: "begins or ends a transaction: each migration is applied in one already",
    instead: "leave it out",
  },
  pragma: { remedy: "never", title: "sets a pragma, which D1 ignores or refuses", instead: "leave it out" },
  unknown: {
    remedy: "never",
    title: "is of a kind that this check does not know",
    instead: "use CREATE, ALTER TABLE … ADD, INSERT or UPDATE, or teach the check",
  },
  unreadable: {
    remedy: "never",
    title: "cannot be split into statements",
    instead:
      "close every quote and comment, and end the last statement with a semicolon: what records the migration comes after it",
  },
  declaration: {
    remedy: "never",
    title: "has a declaration that does not hold",
    instead: "correct it or take it away",
  },
} as const satisfies Record<string, RuleSpec>;

export type RuleName = keyof typeof MIGRATION_RULES;

export interface Offence {
  readonly file: string;
  readonly line: number;
  readonly rule: RuleName;
  readonly detail: string;
}

export function describeOffence({ file, line, rule, detail }: Offence): string {
  const { remedy, title, instead }: RuleSpec = MIGRATION_RULES[rule];
  const help = {
    never: instead ?? "",
    declare: `where it does no harm, say so before it: "-- declared ${rule}: <why>"`,
    contract: `where no code uses it any more, say so before it: "-- contract ${rule} <what>, unused since <release>: <why>"`,
  }[remedy];
  return `migrations/${file}:${line}: ${title} (${detail}); ${help}.`;
}
