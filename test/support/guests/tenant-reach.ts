import { PlatformError } from "../../../sdk/contract/errors.ts";
import type { TenantReach } from "../../../worker/execution/capabilities/capability.ts";
import { CONTEXT } from "./call-context.ts";

/** A tenant with no plugin that a test's call could reach. */
export const REACH: TenantReach = {
  snapshot: {
    format: 1,
    tenantId: CONTEXT.tenantId,
    status: "active",
    revision: 1,
    compiledAt: 0,
    installs: {},
    keys: {},
    members: {},
  },
  callPlugin: (pluginId) => Promise.reject(new PlatformError("INSTALL_NOT_FOUND", `"${pluginId}" is not installed.`)),
};
