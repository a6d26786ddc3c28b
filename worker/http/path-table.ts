import type { Route } from "./route.ts";

/** Where each mount answers; the first is the one the API description shows. */
export const MOUNTS: Readonly<Record<Route["mount"], readonly string[]>> = {
  plugins: ["/api/plugins", "/api/v1/plugins"],
  admin: ["/api/v1/admin"],
  root: [""],
};

/** All operations of one path, so that another method can be told which ones it answers. */
export interface PathEntry {
  readonly path: string;
  readonly operations: readonly Operation[];
}

/** A route at one of its mounts; its path may name parameters otherwise than its entry's. */
export interface Operation {
  readonly path: string;
  readonly route: Route;
}

/**
 * Every path of the API with its operations, in the order in which they must be tried: literal segments before
 * parameters before wildcards, so that `/upload` is never taken for a plugin's id.
 *
 * @throws {Error} where two routes answer the same method and path
 */
export function pathTable(routes: readonly Route[]): PathEntry[] {
  const entries = new Map<string, { path: string; operations: Operation[] }>();
  for (const route of routes) {
    for (const mount of MOUNTS[route.mount]) {
      const path = joinPath(mount, route.path);
      const shape = path.replaceAll(/:[^/]+/g, ":");
      const entry = entries.get(shape) ?? { path, operations: [] };
      if (entry.operations.some((other) => other.route.method === route.method)) {
        throw new Error(`Two routes answer ${route.method.toUpperCase()} ${path}.`);
      }
      entry.operations.push({ path, route });
      entries.set(shape, entry);
    }
  }
  return [...entries.values()].sort((left, right) => comparePaths(left.path, right.path));
}

/** `/` of a router is its mount itself: no path but `/` ends with a slash. */
export function joinPath(mount: string, path: string): string {
  return path === "/" && mount !== "" ? mount : mount + path;
}

/** Methods of an entry for the `Allow` header (RFC 9110 §10.2.1). */
export function allowedMethods(entry: PathEntry): string {
  const methods = entry.operations.map(({ route }) => route.method.toUpperCase());
  return (methods.includes("GET") ? [...methods, "HEAD"] : methods).sort().join(", ");
}

function comparePaths(left: string, right: string): number {
  const [a, b] = [left.split("/"), right.split("/")];
  for (let index = 0; index < Math.min(a.length, b.length); index++) {
    const difference = rank(a[index]) - rank(b[index]);
    if (difference !== 0) return difference;
  }
  return b.length - a.length;
}

function rank(segment = ""): number {
  if (segment === "*") return 2;
  return segment.startsWith(":") ? 1 : 0;
}
