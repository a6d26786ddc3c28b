import type { PluginStorage } from "./object.ts";

/** The storage object of an install; the name holds the tenant, so that no install's id can reach another tenant's. */
export function storageOf(
  namespace: DurableObjectNamespace<PluginStorage>,
  owner: { readonly tenantId: string; readonly installId: string },
): DurableObjectStub<PluginStorage> {
  return namespace.get(namespace.idFromName(`${owner.tenantId}/${owner.installId}`));
}
