import type { MessageInbox } from "./object.ts";

/** The inbox of an install; built per call, since stubs belong to the request that made them. */
export function inboxOf(
  namespace: DurableObjectNamespace<MessageInbox>,
  tenantId: string,
  installId: string,
): DurableObjectStub<MessageInbox> {
  return namespace.get(namespace.idFromName(`${tenantId}:${installId}`));
}
