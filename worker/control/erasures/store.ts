import { and, eq, lte, ne, sql } from "drizzle-orm";
import type { Database, Statement } from "../../db/client.ts";
import { tenantErasures } from "../../db/schema.ts";
import type { Erasure } from "./erasure-record.ts";
import type { Change } from "./rules.ts";

/** Rows of erasures. */

export function insertErasure(db: Database, erasure: Erasure): Statement {
  return db.insert(tenantErasures).values(erasure).onConflictDoNothing();
}

export async function getErasure(db: Database, tenantId: string): Promise<Erasure | undefined> {
  const [row] = await db.select().from(tenantErasures).where(eq(tenantErasures.tenantId, tenantId));
  return row;
}

/** Of these tenants those that are being erased or were. */
export async function listErasedAmong(db: Database, tenantIds: readonly string[]): Promise<ReadonlySet<string>> {
  const asked = sql`SELECT value FROM json_each(${JSON.stringify(tenantIds)})`;
  const rows = await db
    .select({ tenantId: tenantErasures.tenantId })
    .from(tenantErasures)
    .where(sql`${tenantErasures.tenantId} IN (${asked})`);
  return new Set(rows.map(({ tenantId }) => tenantId));
}

/** Those that are to go on, longest waiting first. */
export async function listDueErasures(db: Database, now: number, limit: number): Promise<readonly Erasure[]> {
  return db
    .select()
    .from(tenantErasures)
    .where(and(ne(tenantErasures.status, "completed"), lte(tenantErasures.dueAt, now)))
    .orderBy(tenantErasures.dueAt)
    .limit(limit);
}

/** @returns false where somebody else has moved it on since it was read */
export async function changeErasure(db: Database, known: Erasure, change: Change, now: number): Promise<boolean> {
  const rows = await db
    .update(tenantErasures)
    .set({ ...change, updatedAt: Math.max(now, known.updatedAt + 1) })
    .where(and(eq(tenantErasures.tenantId, known.tenantId), eq(tenantErasures.updatedAt, known.updatedAt)))
    .returning({ tenantId: tenantErasures.tenantId });
  return rows.length === 1;
}
