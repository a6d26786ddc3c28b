import { drizzle, type DrizzleD1Database } from "drizzle-orm/d1";
import type { BatchItem } from "drizzle-orm/batch";

export type Database = DrizzleD1Database;
/** A write not yet run, so that an action can commit several in one batch. */
export type Statement = BatchItem<"sqlite">;

export function openDatabase(binding: D1Database): Database {
  return drizzle(binding);
}

/** Runs the statements in one transaction: all of them or none. D1 has no interactive transactions. */
export async function commit(db: Database, first: Statement, ...rest: Statement[]): Promise<void> {
  await db.batch([first, ...rest]);
}
