import type { IdempotencyKey } from "./object.ts";

/**
 * The object of a tenant's key; built per call, since stubs belong to the request that made them.
 *
 * @param digest  of what the key belongs to and the key itself: an object's name is readable, a key need not be
 */
export function idempotencyKeyOf(
  namespace: DurableObjectNamespace<IdempotencyKey>,
  tenantId: string,
  digest: string,
): DurableObjectStub<IdempotencyKey> {
  return namespace.get(namespace.idFromName(`${tenantId}:${digest}`));
}
