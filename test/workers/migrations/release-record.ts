import type { SentStatement } from "../../support/workers/recorded-database.ts";
import type { Row, Value } from "../../support/workers/schema-versions.ts";

/** What a release's worker sends to the database, as a file keeps it. */
export interface ReleaseRecord {
  /** Version in package.json. */
  readonly release: string;
  /** Last migration that it knew. */
  readonly migration: string;
  /** What the database held at first, by table. */
  readonly rows: Readonly<Record<string, readonly Row[]>>;
  /** Texts of statements; transactions name them by their place here. */
  readonly statements: readonly string[];
  readonly transactions: readonly (readonly (readonly [statement: number, params: readonly Value[]])[])[];
}

/** Leaves out transactions that only read what was read in the same words before. */
export function condensed(
  sent: readonly (readonly SentStatement[])[],
): Pick<ReleaseRecord, "statements" | "transactions"> {
  const places = new Map<string, number>();
  const transactions: (readonly [number, readonly Value[]])[][] = [];
  for (const transaction of sent) {
    const reads = transaction.every(({ sql }) => /^\s*(?:select|with|pragma)\b/i.test(sql));
    if (reads && transaction.every(({ sql }) => places.has(sql))) continue;
    const placed = transaction.map(({ sql, params }): readonly [number, readonly Value[]] => {
      const place = places.get(sql) ?? places.size;
      places.set(sql, place);
      return [place, params];
    });
    transactions.push(placed);
  }
  return { statements: [...places.keys()], transactions };
}

/** As JSON with a line for each row, statement and transaction, so that two files can be compared. */
export function writeRelease({ release, migration, rows, statements, transactions }: ReleaseRecord): string {
  const lines = (values: readonly unknown[]): string => values.map((value) => `  ${JSON.stringify(value)}`).join(",\n");
  const tables = Object.entries(rows).map(([table, of]) => `  ${JSON.stringify(table)}: [\n${lines(of)}\n  ]`);
  return `{
"release": ${JSON.stringify(release)},
"migration": ${JSON.stringify(migration)},
"rows": {
${tables.join(",\n")}
},
"statements": [
${lines(statements)}
],
"transactions": [
${lines(transactions)}
]
}
`;
}
