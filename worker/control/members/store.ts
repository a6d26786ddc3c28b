import { and, asc, eq, gt, sql, type SQL } from "drizzle-orm";
import type { Database } from "../../db/client.ts";
import { members } from "../../db/schema.ts";
import { bumpRevision } from "../snapshots/store.ts";
import type { Member } from "./schema.ts";

const fields = { subject: members.subject, roles: members.roles, createdAt: members.createdAt };

/** In the order of their subjects, those after `after`. */
export async function listMembers(db: Database, tenantId: string, limit: number, after?: string): Promise<Member[]> {
  return db
    .select(fields)
    .from(members)
    .where(and(eq(members.tenantId, tenantId), after === undefined ? undefined : gt(members.subject, after)))
    .orderBy(asc(members.subject))
    .limit(limit);
}

/**
 * Adds the member, or gives the one there is these roles.
 *
 * @param quota  members that the tenant may have
 * @returns the member as stored, or undefined where the tenant has no room for another
 */
export async function putMember(
  db: Database,
  tenantId: string,
  { subject, roles, createdAt }: Member,
  quota: number,
): Promise<Member | undefined> {
  const others = sql`(SELECT count(*) FROM ${members} WHERE ${members.tenantId} = ${tenantId} AND ${members.subject} <> ${subject})`;
  const [rows] = await db.batch([
    db
      .insert(members)
      .select(sql`SELECT ${tenantId}, ${subject}, ${JSON.stringify(roles)}, ${createdAt} WHERE ${others} < ${quota}`)
      .onConflictDoUpdate({ target: [members.tenantId, members.subject], set: { roles } })
      .returning(fields),
    bumpRevision(db, tenantId, exists(and(eq(members.tenantId, tenantId), eq(members.subject, subject)))),
  ]);
  return rows[0];
}

/** @returns false where there was no such member */
export async function deleteMember(db: Database, tenantId: string, subject: string): Promise<boolean> {
  const one = and(eq(members.tenantId, tenantId), eq(members.subject, subject));
  const [, rows] = await db.batch([
    bumpRevision(db, tenantId, exists(one)),
    db.delete(members).where(one).returning({ subject: members.subject }),
  ]);
  return rows.length === 1;
}

function exists(condition: SQL | undefined): SQL {
  return sql`EXISTS (SELECT 1 FROM ${members} WHERE ${condition})`;
}
