import { PlatformError } from "../../../sdk/contract/errors.ts";
import { commit } from "../../db/client.ts";
import { compileSnapshot, bumpRevision, type CompileDeps } from "../compile.ts";
import { changeTenant } from "./rules.ts";
import type { NewTenant, Tenant, TenantChange } from "./schema.ts";
import { getTenant, insertTenant, updateTenant } from "./store.ts";

/** @throws {PlatformError} TENANT_NOT_FOUND */
export async function readTenant(deps: Pick<CompileDeps, "db">, tenantId: string): Promise<Tenant> {
  const tenant = await getTenant(deps.db, tenantId);
  if (!tenant) throw new PlatformError("TENANT_NOT_FOUND", `There is no tenant "${tenantId}".`);
  return tenant;
}

/** @throws {PlatformError} ALREADY_EXISTS */
export async function createTenant(deps: CompileDeps, input: NewTenant): Promise<Tenant> {
  const tenant: Tenant = { ...input, status: "active", createdAt: deps.clock.now() };
  if (!(await insertTenant(deps.db, tenant))) {
    throw new PlatformError("ALREADY_EXISTS", `A tenant "${tenant.id}" exists already.`);
  }
  await compileSnapshot(deps, tenant.id);
  return tenant;
}

/** Execution sees a suspension or another plan once the snapshot reaches it. @throws {PlatformError} TENANT_NOT_FOUND, STATE_CONFLICT */
export async function updateTenantFields(deps: CompileDeps, tenantId: string, change: TenantChange): Promise<Tenant> {
  const tenant = changeTenant(await readTenant(deps, tenantId), change);
  await commit(deps.db, updateTenant(deps.db, tenant), bumpRevision(deps.db, tenantId));
  await compileSnapshot(deps, tenantId);
  return tenant;
}
