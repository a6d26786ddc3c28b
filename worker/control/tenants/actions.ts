import { PlatformError } from "../../../sdk/contract/errors.ts";
import { commit } from "../../db/client.ts";
import type { Deps } from "../../deps.ts";
import type { Actor } from "../../lib/actor.ts";
import { auditRow, type AuditedChange, type NewAuditRow } from "../audit-log/rules.ts";
import { recordAudit } from "../audit-log/store.ts";
import { compileSnapshot, bumpRevision, type CompileDeps } from "../compile.ts";
import { readErasure } from "../backups/tenant-key-store.ts";
import { getErasure } from "../erasures/store.ts";
import { changeTenant } from "./rules.ts";
import type { NewTenant, Tenant, TenantChange } from "./schema.ts";
import { getTenant, insertTenant, updateTenant } from "./store.ts";

export type TenantDeps = CompileDeps & Pick<Deps, "newId">;

/** @throws {PlatformError} TENANT_NOT_FOUND */
export async function readTenant(deps: Pick<CompileDeps, "db">, tenantId: string): Promise<Tenant> {
  const tenant = await getTenant(deps.db, tenantId);
  if (!tenant) throw new PlatformError("TENANT_NOT_FOUND", `There is no tenant "${tenantId}".`);
  return tenant;
}

/** @throws {PlatformError} ALREADY_EXISTS */
export async function createTenant(deps: TenantDeps, actor: Actor, input: NewTenant): Promise<Tenant> {
  if ((await readErasure(deps, input.id)) !== undefined) {
    throw new PlatformError("ALREADY_EXISTS", `A tenant "${input.id}" was erased; its id is not given again.`);
  }
  const tenant: Tenant = { ...input, status: "active", createdAt: deps.clock.now() };
  const audit = auditRows(deps, actor, { action: "tenant.create", resourceId: tenant.id, after: tenant });
  if (!(await insertTenant(deps.db, tenant, audit))) {
    throw new PlatformError("ALREADY_EXISTS", `A tenant "${tenant.id}" exists already.`);
  }
  await compileSnapshot(deps, tenant.id);
  return tenant;
}

/** Execution sees a suspension or another plan once the snapshot reaches it. @throws {PlatformError} TENANT_NOT_FOUND, STATE_CONFLICT */
export async function updateTenantFields(
  deps: TenantDeps,
  actor: Actor,
  tenantId: string,
  change: TenantChange,
): Promise<Tenant> {
  const before = await readTenant(deps, tenantId);
  if (await getErasure(deps.db, tenantId)) {
    throw new PlatformError(
      "STATE_CONFLICT",
      `The tenant "${tenantId}" is being erased, and cannot be changed any more.`,
    );
  }
  const tenant = changeTenant(before, change);
  const audit = auditRows(deps, actor, { action: "tenant.update", resourceId: tenantId, before, after: tenant });
  await commit(deps.db, recordAudit(deps.db, audit), updateTenant(deps.db, tenant), bumpRevision(deps.db, tenantId));
  await compileSnapshot(deps, tenantId);
  return tenant;
}

/**
 * A change of a tenant is in its own log, and in the log of the platform that made it, which outlives the tenant and so holds
 * nothing that the tenant is called.
 */
export function auditRows(
  deps: Pick<TenantDeps, "newId" | "clock">,
  actor: Actor,
  change: AuditedChange,
): NewAuditRow[] {
  const logs = new Set([change.resourceId, actor.tenantId]);
  return [...logs].map((tenantId) => {
    const kept = tenantId === change.resourceId ? change : { ...change, ...withoutNames(change) };
    return auditRow(actor, { ...kept, tenantId }, deps.newId(), deps.clock.now());
  });
}

function withoutNames({ before, after }: AuditedChange): Pick<AuditedChange, "before" | "after"> {
  return { before: withoutName(before), after: withoutName(after) };
}

function withoutName(value: unknown): unknown {
  return typeof value === "object" && value !== null && "name" in value ? { ...value, name: undefined } : value;
}
