import type { PluginFiles } from "./object.ts";

interface Owner {
  readonly tenantId: string;
  readonly installId: string;
}

/** The register of an install's files; the name holds the tenant, so that no install's id can reach another tenant's. */
export function filesOf(
  namespace: DurableObjectNamespace<PluginFiles>,
  { tenantId, installId }: Owner,
): DurableObjectStub<PluginFiles> {
  return namespace.get(namespace.idFromName(`${tenantId}/${installId}`));
}

/** Where the bytes of an install's files are: a new key for each write, so that a file is replaced as a whole. */
export function contentKey({ tenantId, installId }: Owner, id: string): string {
  return `plugin-files/${tenantId}/${installId}/${id}`;
}

/** Where the bytes of a piece are, until the file is whole. */
export function pieceKey(key: string, piece: number): string {
  return `${key}.${piece}`;
}
