import {
  inOrder,
  PRIORITY,
  type Criticality,
  type HookOverride,
  type HookOverrides,
  type PriorityClass,
} from "../../sdk/contract/hooks.ts";
import type { Manifest } from "../../sdk/contract/manifest.ts";
import { ENDPOINT_BODY_BYTES } from "../../sdk/contract/manifest-offers.ts";
import type {
  EndpointOffer,
  HookOffer,
  MiddlewareOffer,
  Offers,
  PlacedFunction,
  ServiceOffer,
} from "../../sdk/contract/offers.ts";

/** What of a manifest says where the plugin takes part. Manifests stored by earlier versions lack members. */
export type OfferingManifest = {
  readonly [Part in "hooks" | "middleware" | "services" | "api"]?: Manifest[Part] | null;
};

export interface OfferingInstall {
  readonly pluginId: string;
  readonly active: boolean;
  readonly offering: OfferingManifest;
  /** What the operator set; absent: nothing. */
  readonly hooks?: HookOverrides;
}

type ManifestHook = Manifest["hooks"][number];
type ManifestMiddleware = Manifest["middleware"][number];
type ManifestEndpoint = NonNullable<Manifest["api"]>["endpoints"][number];

/** Brings what the tenant's active installs offer into the order in which it is used. What nobody offers is absent. */
export function offersOf(installs: readonly OfferingInstall[]): Offers {
  const active = installs.filter((install) => install.active);
  const middleware = active.flatMap(middlewareOf).toSorted(inOrder);
  const at = (point: "request" | "response"): readonly MiddlewareOffer[] =>
    middleware.filter((entry) => entry.point === point).map(({ point: _point, ...offer }) => offer);
  return {
    ...present("hooks", hooksOf(active)),
    ...(middleware.length > 0 ? { middleware: { request: at("request"), response: at("response") } } : {}),
    ...present("services", servicesOf(active)),
    ...present("endpoints", endpointsOf(active)),
  };
}

function present<Name extends string, Value extends object>(name: Name, value: Value): { [Key in Name]?: Value } {
  return Object.keys(value).length > 0 ? ({ [name]: value } as { [Key in Name]?: Value }) : {}; // a computed key loses its type
}

/** Object.fromEntries makes own properties of any name, `__proto__` included. */
function hooksOf(installs: readonly OfferingInstall[]): Record<string, readonly HookOffer[]> {
  const entries = installs.flatMap(({ pluginId, offering, hooks = {} }) =>
    (offering.hooks ?? []).map((hook) => {
      const override = Object.hasOwn(hooks, hook.name) ? hooks[hook.name] : undefined;
      return { name: hook.name, offer: overridden(hookOffer(pluginId, hook), override) };
    }),
  );
  const byName = Map.groupBy(entries, ({ name }) => name);
  return Object.fromEntries(
    [...byName].map(([name, group]) => [name, group.map(({ offer }) => offer).toSorted(inOrder)]),
  );
}

function hookOffer(pluginId: string, hook: ManifestHook): HookOffer {
  const { fallback, mode, permission, roles } = hook;
  return {
    ...placed(pluginId, hook, "business", "optional"),
    ...(fallback ? { fallback } : {}),
    ...(mode ? { mode } : {}),
    ...(permission ? { permission } : {}),
    ...(roles ? { roles } : {}),
  };
}

/** The manifest's offer with what the operator set in its place. */
function overridden(offer: HookOffer, override: HookOverride = {}): HookOffer {
  const set = Object.keys(override) as (keyof HookOverride)[]; // Object.keys loses the key type
  if (set.length === 0) return offer;
  const { fallback, ...rest } = override;
  const { fallback: own, ...kept } = offer;
  const standIn = fallback === undefined ? own : (fallback ?? undefined);
  return { ...kept, ...rest, ...(standIn ? { fallback: standIn } : {}), set };
}

function middlewareOf({ pluginId, offering }: OfferingInstall) {
  return (offering.middleware ?? []).map((entry: ManifestMiddleware) => ({
    ...placed(pluginId, entry, "middleware", "critical"),
    ...(entry.paths ? { paths: entry.paths } : {}),
    point: entry.point,
  }));
}

function placed(
  pluginId: string,
  entry: Partial<Pick<ManifestHook, "class" | "priority" | "criticality">> &
    Pick<ManifestHook, "function" | "timeoutMs">,
  usualClass: PriorityClass,
  usual: Criticality,
): PlacedFunction {
  return {
    pluginId,
    functionName: entry.function,
    class: entry.class ?? usualClass,
    priority: entry.priority ?? PRIORITY.default,
    criticality: entry.criticality ?? usual,
    ...(entry.timeoutMs === undefined ? {} : { timeoutMs: entry.timeoutMs }),
  };
}

/** Where several provide a service, the first by plugin id does: an install that comes later cannot take it over by chance. */
function servicesOf(installs: readonly OfferingInstall[]): Record<string, ServiceOffer> {
  const offered = installs
    .flatMap(({ pluginId, offering }) =>
      (offering.services?.provides ?? []).map(({ name, function: functionName }) => ({ name, pluginId, functionName })),
    )
    .toSorted((left, right) => (left.pluginId < right.pluginId ? 1 : -1));
  return Object.fromEntries(offered.map(({ name, ...offer }) => [name, offer])); // the last of a name stays
}

function endpointsOf(installs: readonly OfferingInstall[]): Record<string, readonly EndpointOffer[]> {
  const offered = installs.flatMap(({ pluginId, offering }): [string, readonly EndpointOffer[]][] => {
    const endpoints = offering.api?.endpoints ?? [];
    return endpoints.length > 0 ? [[pluginId, endpoints.map(endpointOffer).toSorted(bySpecificity)]] : [];
  });
  return Object.fromEntries(offered);
}

function endpointOffer(endpoint: ManifestEndpoint): EndpointOffer {
  const { method, path, function: functionName, permission, roles, cors, headers, timeoutMs } = endpoint;
  return {
    method,
    path,
    functionName,
    permission: permission ?? "plugins:execute",
    ...(roles ? { roles } : {}),
    ...(cors ? { origins: cors.origins } : {}),
    ...(headers ? { headers } : {}),
    maxBodyBytes: endpoint.maxBodyBytes ?? ENDPOINT_BODY_BYTES,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
}

/** A literal segment goes before a parameter at the first place where two paths differ in that. */
function bySpecificity(left: EndpointOffer, right: EndpointOffer): number {
  const [a, b] = [left.path.split("/"), right.path.split("/")];
  for (let index = 0; index < Math.min(a.length, b.length); index++) {
    const difference = Number(a[index]?.startsWith(":")) - Number(b[index]?.startsWith(":"));
    if (difference !== 0) return difference;
  }
  return 0;
}
