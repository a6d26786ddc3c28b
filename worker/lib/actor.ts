import type { Role } from "../../sdk/contract/roles.ts";

/** Who makes a request. Made only by authentication; the tenant comes from the token, never from the request. */
export interface Actor {
  readonly tenantId: string;
  /** Token subject or API key id, for records. */
  readonly subject: string;
  readonly roles: readonly Role[];
  /** Trace of the request, so that what it changed can be found with it; absent where no request is the cause. */
  readonly traceId?: string;
}
