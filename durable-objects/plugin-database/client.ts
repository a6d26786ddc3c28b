import type { PluginDatabase } from "./object.ts";

/** The database of an install; the name holds the tenant, so that no install's id can reach another tenant's. */
export function databaseOf(
  namespace: DurableObjectNamespace<PluginDatabase>,
  owner: { readonly tenantId: string; readonly installId: string },
): DurableObjectStub<PluginDatabase> {
  return namespace.get(namespace.idFromName(`${owner.tenantId}/${owner.installId}`));
}
