import { executeRoutes } from "./control/executions/execute-routes.ts";
import { executionRoutes } from "./control/executions/routes.ts";
import { installRoutes } from "./control/installs/routes.ts";
import { keyRoutes } from "./control/keys/routes.ts";
import { memberRoutes } from "./control/members/routes.ts";
import { packageRoutes } from "./control/packages/routes.ts";
import { pluginRoutes } from "./control/plugins/routes.ts";
import { tenantRoutes } from "./control/tenants/routes.ts";
import { documentationRoutes } from "./http/documentation/routes.ts";
import { healthRoutes } from "./http/health/routes.ts";
import type { Route } from "./http/route.ts";

const operations: readonly Route[] = [
  ...packageRoutes,
  ...pluginRoutes,
  ...installRoutes,
  ...executeRoutes,
  ...executionRoutes,
  ...tenantRoutes,
  ...memberRoutes,
  ...keyRoutes,
  ...healthRoutes,
];

/** Every operation of the API, once. Mounting, authorisation, validation, OpenAPI and the security suite follow from it. */
export const routes: readonly Route[] = [...operations, ...documentationRoutes(operations)];
