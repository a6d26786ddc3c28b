import type { Offers } from "../../../sdk/contract/offers.ts";

/** @returns true where a function of the plugin may end what others asked for: a hook or a request that goes through it */
export function isCriticalPart(offers: Offers | undefined, pluginId: string): boolean {
  const hooks = Object.values(offers?.hooks ?? {}).flat();
  const { request = [], response = [] } = offers?.middleware ?? {};
  return [...hooks, ...request, ...response].some(
    (offer) => offer.pluginId === pluginId && offer.criticality === "critical",
  );
}

/** Names of the services that others get from the plugin. */
export function servicesFrom(offers: Offers | undefined, pluginId: string): string[] {
  const services = Object.entries(offers?.services ?? {});
  return services.flatMap(([name, offer]) => (offer.pluginId === pluginId ? [name] : []));
}
