import type { SystemMode } from "./object.ts";

/** The one object that holds the platform's mode; built per call, since stubs belong to the request that made them. */
export function systemModeOf(namespace: DurableObjectNamespace<SystemMode>): DurableObjectStub<SystemMode> {
  return namespace.get(namespace.idFromName("system"));
}
