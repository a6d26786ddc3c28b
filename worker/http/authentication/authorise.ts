import { PlatformError } from "../../../sdk/contract/errors.ts";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import { permits, type Permission } from "../../../sdk/contract/roles.ts";
import type { Actor } from "../../lib/actor.ts";

/**
 * Platform administration belongs to the platform tenant: an admin of any other tenant does not have it.
 *
 * @throws {PlatformError} PERMISSION_DENIED
 */
export function authorise(actor: Actor, permission: Permission): void {
  const home = permission !== "platform:admin" || actor.tenantId === PLATFORM_TENANT;
  if (home && permits(actor.roles, permission)) return;
  throw new PlatformError("PERMISSION_DENIED", `The permission "${permission}" is required.`, {
    members: { permission },
  });
}
