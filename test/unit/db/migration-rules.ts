/**
 * Statements that lose rows or break the version still running while a deploy rolls out. A rebuilt table (drizzle-kit's
 * `__new_` tables) is one of them: D1 checks foreign keys and fires cascades on the DROP that ends it.
 */
const FORBIDDEN: readonly (readonly [name: string, pattern: RegExp])[] = [
  ["DROP TABLE", /\bdrop\s+table\b/i],
  ["__new_", /__new_/i],
  ["DROP COLUMN", /\bdrop\s+column\b/i],
  ["RENAME TO", /\brename\s+(column\s+\S+\s+)?to\b/i],
  ["ON DELETE CASCADE", /\bon\s+delete\s+cascade\b/i],
];

/** Names of the forbidden statements in a migration, in the order of the table; comments do not count. */
export function destructiveStatements(sql: string): string[] {
  const statements = sql.replaceAll(/--.*$/gm, "");
  return FORBIDDEN.filter(([, pattern]) => pattern.test(statements)).map(([name]) => name);
}
