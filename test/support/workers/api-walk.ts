import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import { joinPath, MOUNTS } from "../../../worker/http/path-table.ts";
import type { Route } from "../../../worker/http/route.ts";
import { routes } from "../../../worker/routes.ts";
import type { ApiAnswer } from "./api.ts";
import { exampleOf, requestFor } from "./examples.ts";
import type { FaultyApp } from "./faulty-app.ts";
import type { Resources } from "./resources.ts";
import { mintToken } from "./tokens.ts";

/** Every operation of the API once, for one tenant. */

const ORDER: Readonly<Record<Route["method"], number>> = { get: 0, put: 1, patch: 1, post: 2, delete: 3, options: 0 };
/** After these there is less to work with. */
const LAST = new Set([
  "acknowledgeFinding",
  "setSafeMode",
  "setSafeModeById",
  "deactivatePlugin",
  "unloadPlugin",
  "stopPlugins",
  "quarantinePluginById",
  "uninstallPlugin",
  "uninstallPluginByPath",
]);

/** Reads first, and what ends things last. */
export const WALK: readonly Route[] = routes.toSorted((one, other) => placeOf(one) - placeOf(other));

function placeOf({ operationId, method }: Route): number {
  return ORDER[method] + (LAST.has(operationId) ? 4 : 0);
}

export interface Answered {
  readonly route: Route;
  readonly answer: ApiAnswer;
}

export async function walkApi(
  app: FaultyApp,
  resources: Resources,
  walk: readonly Route[] = WALK,
): Promise<readonly Answered[]> {
  const answered: Answered[] = [];
  for (const route of walk) {
    const example = exampleOf(route, resources);
    const tenant = route.permission === "platform:admin" ? PLATFORM_TENANT : resources.tenantId;
    const token = await mintToken({ tenant, roles: ["admin"] });
    const [mount = ""] = MOUNTS[route.mount];
    const answer = await app.request(route.method, joinPath(mount, example.path), requestFor(example, token));
    answered.push({ route, answer });
  }
  return answered;
}
