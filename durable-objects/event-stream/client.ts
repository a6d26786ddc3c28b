import type { EventStream } from "./object.ts";

/** The live stream of a tenant; built per call, since stubs belong to the request that made them. */
export function streamOf(
  namespace: DurableObjectNamespace<EventStream>,
  tenantId: string,
): DurableObjectStub<EventStream> {
  return namespace.get(namespace.idFromName(tenantId));
}
