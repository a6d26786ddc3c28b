import type { Criticality, Fallback, HookMode, HookOverride, PriorityClass } from "./hooks.ts";
import type { EndpointMethod } from "./manifest-offers.ts";
import type { Permission, Role } from "./roles.ts";

/** What active installs of a tenant offer beside calls by their id, as it is compiled into the tenant's snapshot. */
export interface Offers {
  /** By name of the hook, in the order in which the functions run. */
  readonly hooks?: Readonly<Record<string, readonly HookOffer[]>>;
  /** Both in the order in which they run. */
  readonly middleware?: { readonly request: readonly MiddlewareOffer[]; readonly response: readonly MiddlewareOffer[] };
  /** Who answers for a service, by its name. */
  readonly services?: Readonly<Record<string, ServiceOffer>>;
  /** By plugin id; more specific paths come first. */
  readonly endpoints?: Readonly<Record<string, readonly EndpointOffer[]>>;
}

/** One function at a point, with its place in the order. */
export interface PlacedFunction {
  readonly pluginId: string;
  readonly functionName: string;
  readonly class: PriorityClass;
  readonly priority: number;
  readonly criticality: Criticality;
  /** Milliseconds; absent: what the install's own limit allows. */
  readonly timeoutMs?: number;
}

export interface HookOffer extends PlacedFunction {
  readonly fallback?: Fallback;
  readonly mode?: HookMode;
  /** Present where the operator took the function out of the hook. */
  readonly disabled?: true;
  /** Members that the operator set for the install; absent: all are the manifest's. */
  readonly set?: readonly (keyof HookOverride)[];
  /** Who may run the hook needs this beside what running hooks takes. */
  readonly permission?: Permission;
  /** One of them is needed. */
  readonly roles?: readonly Role[];
}

export interface MiddlewareOffer extends PlacedFunction {
  /** Patterns of what it sees; absent: everything. */
  readonly paths?: readonly string[];
}

export interface ServiceOffer {
  readonly pluginId: string;
  readonly functionName: string;
}

export interface EndpointOffer {
  readonly method: EndpointMethod;
  /** As in the manifest, such as `/orders/:id`. */
  readonly path: string;
  readonly functionName: string;
  /** `token`: anybody of the tenant. */
  readonly permission: Permission | "public" | "token";
  /** One of them is needed beside the permission; absent: any. */
  readonly roles?: readonly Role[];
  /** Origins whose pages may read answers; `*` is any. */
  readonly origins?: readonly string[];
  /** Request headers passed on beside the usual ones, in lower case. */
  readonly headers?: readonly string[];
  /** Bytes. */
  readonly maxBodyBytes: number;
  readonly timeoutMs?: number;
}
