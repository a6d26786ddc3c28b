import { executeRoutes } from "./control/executions/execute-routes.ts";
import { installRoutes } from "./control/installs/routes.ts";
import { healthRoutes } from "./http/health/routes.ts";
import type { Route } from "./http/route.ts";

/** Every operation of the API, once. Mounting, authorisation, validation, OpenAPI and the security suite follow from it. */
export const routes: readonly Route[] = [...installRoutes, ...executeRoutes, ...healthRoutes];
