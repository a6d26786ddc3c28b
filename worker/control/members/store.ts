import { and, asc, eq, gt, sql, type SQL } from "drizzle-orm";
import type { Database } from "../../db/client.ts";
import { members } from "../../db/schema.ts";
import type { NewAuditRow } from "../audit-log/rules.ts";
import { recordAudit } from "../audit-log/store.ts";
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
 * @param audit  row of the log, written where anything changes
 * @returns the member as stored, or undefined where the tenant has no room for another
 */
export async function putMember(
  db: Database,
  tenantId: string,
  { subject, roles, createdAt }: Member,
  quota: number,
  audit: NewAuditRow,
): Promise<Member | undefined> {
  const others = sql`(SELECT count(*) FROM ${members} WHERE ${members.tenantId} = ${tenantId} AND ${members.subject} <> ${subject})`;
  const one = and(eq(members.tenantId, tenantId), eq(members.subject, subject));
  const changes = sql`${others} < ${quota} AND NOT ${exists(and(one, eq(members.roles, roles)))}`;
  const [, rows] = await db.batch([
    recordAudit(db, [audit], changes, rolesBefore(one)),
    db
      .insert(members)
      .select(sql`SELECT ${tenantId}, ${subject}, ${JSON.stringify(roles)}, ${createdAt} WHERE ${others} < ${quota}`)
      .onConflictDoUpdate({ target: [members.tenantId, members.subject], set: { roles } })
      .returning(fields),
    bumpRevision(db, tenantId, exists(one)),
  ]);
  return rows[0];
}

/**
 * @param audit  row of the log, written where there is such a member
 * @returns false where there was no such member
 */
export async function deleteMember(
  db: Database,
  tenantId: string,
  subject: string,
  audit: NewAuditRow,
): Promise<boolean> {
  const one = and(eq(members.tenantId, tenantId), eq(members.subject, subject));
  const [, , rows] = await db.batch([
    recordAudit(db, [audit], exists(one), rolesBefore(one)),
    bumpRevision(db, tenantId, exists(one)),
    db.delete(members).where(one).returning({ subject: members.subject }),
  ]);
  return rows.length === 1;
}

/** The member as it is before the change, for the log. */
function rolesBefore(one: SQL | undefined): SQL {
  return sql`(SELECT json_object('roles', json(${members.roles})) FROM ${members} WHERE ${one})`;
}

function exists(condition: SQL | undefined): SQL {
  return sql`EXISTS (SELECT 1 FROM ${members} WHERE ${condition})`;
}
