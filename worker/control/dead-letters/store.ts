import { and, desc, eq, getTableColumns, lt, sql, type SQL } from "drizzle-orm";
import type { Database } from "../../db/client.ts";
import { deadLetters } from "../../db/schema.ts";
import type { DeadLetter, DeadLetterSummary } from "./schema.ts";

/** A message kept again for the same subscriber replaces what was kept of it, under a new id. */
export function upsertDeadLetter(db: Database, letter: DeadLetter) {
  const { tenantId: _tenant, messageId: _message, installId: _install, functionName: _function, ...set } = letter;
  return db
    .insert(deadLetters)
    .values(letter)
    .onConflictDoUpdate({
      target: [deadLetters.tenantId, deadLetters.messageId, deadLetters.installId, deadLetters.functionName],
      set,
    });
}

/** @returns undefined where the tenant has no such dead letter */
export async function getDeadLetter(db: Database, tenantId: string, id: string): Promise<DeadLetter | undefined> {
  const rows = await db
    .select()
    .from(deadLetters)
    .where(and(eq(deadLetters.tenantId, tenantId), eq(deadLetters.id, id)));
  return rows[0];
}

/** Newest first, without what the messages say. */
export async function listDeadLetters(
  db: Database,
  tenantId: string,
  filter: { readonly topic?: string | undefined; readonly plugin?: string | undefined },
  page: { readonly limit: number; readonly before?: string | undefined },
): Promise<DeadLetterSummary[]> {
  const { delivery: _content, tenantId: _own, ...columns } = getTableColumns(deadLetters);
  return db
    .select(columns)
    .from(deadLetters)
    .where(
      and(
        eq(deadLetters.tenantId, tenantId),
        filter.topic === undefined ? undefined : eq(deadLetters.topic, filter.topic),
        filter.plugin === undefined ? undefined : eq(deadLetters.pluginId, filter.plugin),
        page.before === undefined ? undefined : lt(deadLetters.id, page.before),
      ),
    )
    .orderBy(desc(deadLetters.id))
    .limit(page.limit);
}

/** Condition that the dead letter is there, for an event in the batch that deletes it. */
export function deadLetterIsThere({ tenantId, id }: DeadLetter): SQL {
  return sql`EXISTS (SELECT 1 FROM ${deadLetters} WHERE ${and(eq(deadLetters.tenantId, tenantId), eq(deadLetters.id, id))})`;
}

export function deleteDeadLetter(db: Database, { tenantId, id }: DeadLetter) {
  return db.delete(deadLetters).where(and(eq(deadLetters.tenantId, tenantId), eq(deadLetters.id, id)));
}

/** @returns how many were deleted, at most `limit` */
export async function deleteDeadLettersBefore(db: Database, time: number, limit: number): Promise<number> {
  const result = await db.run(
    sql`DELETE FROM dead_letters WHERE id IN (SELECT id FROM dead_letters WHERE created_at < ${time} ORDER BY created_at LIMIT ${limit})`,
  );
  return result.meta.changes;
}
