import { PlatformError } from "../../../sdk/contract/errors.ts";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import type { Tenant, TenantChange } from "./schema.ts";

/**
 * The tenant after a change. Fields that the change leaves out stay.
 *
 * @throws {PlatformError} STATE_CONFLICT where the platform tenant would be suspended: nobody could then undo it
 */
export function changeTenant(tenant: Tenant, change: TenantChange): Tenant {
  if (tenant.id === PLATFORM_TENANT && change.status === "suspended") {
    throw new PlatformError("STATE_CONFLICT", `The platform tenant "${PLATFORM_TENANT}" cannot be suspended.`);
  }
  const { name = tenant.name, plan = tenant.plan, status = tenant.status } = change;
  return { ...tenant, name, plan, status };
}
