import type { ExecutionContext } from "../../../sdk/contract/sandbox.ts";

/** For whom a test's call runs. */
export const CONTEXT: ExecutionContext = {
  tenantId: "demo",
  subject: "me",
  roles: ["caller"],
  installId: "01J00000000000000000000000",
  pluginId: "demo.guest",
  version: "1.0.0",
  executionId: "01TEST",
  traceId: "0".repeat(32),
  deadline: 0,
};
