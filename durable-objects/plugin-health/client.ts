import type { PluginHealth } from "./object.ts";

/** The health object of an install; built per call, since stubs belong to the request that made them. */
export function healthOf(
  namespace: DurableObjectNamespace<PluginHealth>,
  installId: string,
): DurableObjectStub<PluginHealth> {
  return namespace.get(namespace.idFromName(installId));
}
