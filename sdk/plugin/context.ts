import type { ExecutionContext } from "../contract/sandbox.ts";
import { declareFunction, host } from "./host.ts";

const read = declareFunction("context", 0, 1);

/**
 * Whose call this is: tenant, caller and roles, install, version, execution, trace, deadline.
 *
 * @throws {TypeError} on a host without it: this function is the platform's, not Extism's
 */
export function executionContext(): ExecutionContext {
  const bytes = host.call(read);
  if (!bytes) throw new TypeError("This host has no execution context.");
  return JSON.parse(host.decode(bytes)) as ExecutionContext; // written by the platform
}
