import { PlatformError } from "../../../sdk/contract/errors.ts";

/** The tenant's snapshot lists every member, and is read whole into memory. */
export const MEMBERS_PER_TENANT = 1_000;

export function membersExceeded(): PlatformError {
  return new PlatformError("QUOTA_EXCEEDED", `The tenant has ${MEMBERS_PER_TENANT} members; more are not allowed.`, {
    limit: { name: "members", used: MEMBERS_PER_TENANT, allowed: MEMBERS_PER_TENANT },
  });
}
