import type { Answer, HealthDescription } from "./report-rules.ts";
import type { PluginHealth } from "./object.ts";
import type { Forced } from "./verdict-rules.ts";

type Namespace = DurableObjectNamespace<PluginHealth>;

/** The health object of an install; built per call, since stubs belong to the request that made them. */
export function healthOf(namespace: Namespace, installId: string): DurableObjectStub<PluginHealth> {
  return namespace.get(namespace.idFromName(installId));
}

/** Everything known of an install's health. */
export async function describeHealth(namespace: Namespace, installId: string): Promise<HealthDescription> {
  return await healthOf(namespace, installId).describe();
}

/**
 * Orders the state of an install's breakers, whatever its version.
 *
 * @param order  null takes an order back; each version then begins closed
 */
export async function forceBreaker(
  namespace: Namespace,
  installId: string,
  order: Omit<Forced, "since"> | null,
): Promise<HealthDescription> {
  return await healthOf(namespace, installId).force(order);
}

/** Closes a version's breaker and forgets its faults, after a repair that was verified. */
export async function resetBreaker(namespace: Namespace, installId: string, version: string): Promise<Answer> {
  return await healthOf(namespace, installId).reset(version);
}

/** Lets the next call of an open breaker be its probe, without waiting for the cool-down. */
export async function probeBreaker(namespace: Namespace, installId: string, version: string): Promise<Answer> {
  return await healthOf(namespace, installId).probeSoon(version);
}
