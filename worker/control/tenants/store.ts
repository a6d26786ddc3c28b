import { asc, eq, gt } from "drizzle-orm";
import type { Database, Statement } from "../../db/client.ts";
import { tenants } from "../../db/schema.ts";
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

/** @returns false where a tenant of that id exists */
export async function insertTenant(db: Database, tenant: Tenant): Promise<boolean> {
  const rows = await db
    .insert(tenants)
    .values({ ...tenant, snapshotRevision: FIRST_REVISION })
    .onConflictDoNothing()
    .returning({ id: tenants.id });
  return rows.length === 1;
}

export function updateTenant(db: Database, { id, name, plan, status }: Tenant): Statement {
  return db.update(tenants).set({ name, plan, status }).where(eq(tenants.id, id));
}
