import { asc, eq, gt, sql } from "drizzle-orm";
import type { Database, Statement } from "../../db/client.ts";
import { tenants } from "../../db/schema.ts";
import type { NewAuditRow } from "../audit-log/rules.ts";
import { recordAudit } from "../audit-log/store.ts";
import type { Tenant } from "./schema.ts";

const FIRST_REVISION = 1;

const fields = {
  id: tenants.id,
  name: tenants.name,
  plan: tenants.plan,
  status: tenants.status,
  createdAt: tenants.createdAt,
};

/** In the order of their ids, those after `after`. */
export async function listTenants(db: Database, limit: number, after?: string): Promise<Tenant[]> {
  const where = after === undefined ? undefined : gt(tenants.id, after);
  return db.select(fields).from(tenants).where(where).orderBy(asc(tenants.id)).limit(limit);
}

export async function getTenant(db: Database, tenantId: string): Promise<Tenant | undefined> {
  const rows = await db.select(fields).from(tenants).where(eq(tenants.id, tenantId));
  return rows[0];
}

/**
 * @param audit  rows of the log, written where the tenant is
 * @returns false where a tenant of that id exists
 */
export async function insertTenant(db: Database, tenant: Tenant, audit: readonly NewAuditRow[]): Promise<boolean> {
  const isFree = sql`NOT EXISTS (SELECT 1 FROM ${tenants} WHERE ${tenants.id} = ${tenant.id})`;
  const [, rows] = await db.batch([
    recordAudit(db, audit, isFree),
    db
      .insert(tenants)
      .values({ ...tenant, snapshotRevision: FIRST_REVISION })
      .onConflictDoNothing()
      .returning({ id: tenants.id }),
  ]);
  return rows.length === 1;
}

export function updateTenant(db: Database, { id, name, plan, status }: Tenant): Statement {
  return db.update(tenants).set({ name, plan, status }).where(eq(tenants.id, id));
}
