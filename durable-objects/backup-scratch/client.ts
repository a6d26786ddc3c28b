import type { BackupScratch } from "./object.ts";

/** The trial of one verification; the name is used once, so that nothing of another trial is in it. */
export function scratchOf(
  namespace: DurableObjectNamespace<BackupScratch>,
  name: string,
): DurableObjectStub<BackupScratch> {
  return namespace.get(namespace.idFromName(name));
}
