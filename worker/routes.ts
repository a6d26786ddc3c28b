import type { Context } from "hono";
import { PlatformError } from "../sdk/contract/errors.ts";
import { LIMITS } from "../sdk/contract/limits.ts";
import { alertEmailRoutes } from "./control/alerts/email-routes.ts";
import { alertRoutes } from "./control/alerts/routes.ts";
import { advisoryRoutes } from "./control/advisories/routes.ts";
import { anomalyRoutes } from "./control/anomalies/routes.ts";
import { selfDebugRoutes } from "./control/audits/routes.ts";
import { deadLetterRoutes } from "./control/dead-letters/routes.ts";
import { configRoutes } from "./control/config/routes.ts";
import { configTemplateRoutes } from "./control/config/template-routes.ts";
import { eventRoutes } from "./control/events/routes.ts";
import { followEvents } from "./control/events/actions/follow.ts";
import { streamRoutes } from "./control/events/stream-routes.ts";
import { backupRoutes } from "./control/backups/routes.ts";
import { auditRoutes } from "./control/audit-log/routes.ts";
import { executeRoutes } from "./control/executions/execute-routes.ts";
import { recordingRoutes } from "./control/executions/recordings/routes.ts";
import { replayRoutes } from "./control/executions/replay/routes.ts";
import { executionRoutes } from "./control/executions/routes.ts";
import { grantRoutes } from "./control/grants/routes.ts";
import { healingRoutes } from "./control/healing/routes.ts";
import { pluginHealthRoutes } from "./control/health/routes.ts";
import { hookRoutes } from "./control/hooks/routes.ts";
import { erasureRoutes } from "./control/erasures/routes.ts";
import { endpointRoutes } from "./control/endpoints/routes.ts";
import { incomingWebhookRoutes } from "./control/incoming-webhooks/routes.ts";
import { installRoutes } from "./control/installs/routes.ts";
import { keyRoutes } from "./control/keys/routes.ts";
import { lifecycleRoutes } from "./control/lifecycle/routes.ts";
import { memberRoutes } from "./control/members/routes.ts";
import { packageRoutes } from "./control/packages/routes.ts";
import { metricRoutes } from "./control/metrics/routes.ts";
import { modeRoutes } from "./control/modes/routes.ts";
import { oauthRoutes } from "./control/oauth/routes.ts";
import { pluginWebhookRoutes } from "./control/plugin-webhooks/routes.ts";
import { pluginRoutes } from "./control/plugins/routes.ts";
import { profileRoutes } from "./control/profiles/routes.ts";
import { reportRoutes } from "./control/reports/routes.ts";
import { settingsRoutes } from "./control/settings/routes.ts";
import { tenantRoutes } from "./control/tenants/routes.ts";
import { topicRoutes } from "./control/topics/routes.ts";
import { upgradeRoutes } from "./control/upgrades/routes.ts";
import { webhookRoutes } from "./control/webhooks/routes.ts";
import type { FirstAnswer } from "./execution/idempotency/idempotent-calls.ts";
import {
  EXECUTION_HEADER,
  IDEMPOTENCY_HEADER,
  isFinal,
  namedFunction,
  parseIdempotencyKey,
} from "./execution/idempotency/key-rules.ts";
import { resolve } from "./execution/resolve.ts";
import { documentationRoutes } from "./http/documentation/routes.ts";
import { healthRoutes } from "./http/health/routes.ts";
import { readLimitedBody } from "./http/limited-body.ts";
import { withModes } from "./http/mode-gate.ts";
import { answerProblem } from "./http/problem.ts";
import type { AppEnv, Route } from "./http/route.ts";

const operations: readonly Route[] = [
  ...packageRoutes,
  ...eventRoutes,
  ...streamRoutes,
  ...webhookRoutes,
  ...alertRoutes,
  ...alertEmailRoutes,
  ...reportRoutes,
  ...pluginWebhookRoutes,
  ...oauthRoutes,
  ...metricRoutes,
  ...topicRoutes,
  ...deadLetterRoutes,
  ...selfDebugRoutes,
  ...advisoryRoutes,
  ...anomalyRoutes,
  ...pluginRoutes,
  ...installRoutes,
  ...upgradeRoutes,
  ...lifecycleRoutes,
  ...pluginHealthRoutes,
  ...healingRoutes,
  ...grantRoutes,
  ...configRoutes,
  ...configTemplateRoutes,
  ...auditRoutes,
  ...executeRoutes.map(withIdempotencyKey),
  ...executionRoutes,
  ...hookRoutes,
  ...endpointRoutes,
  ...incomingWebhookRoutes,
  ...replayRoutes,
  ...recordingRoutes,
  ...profileRoutes,
  ...modeRoutes,
  ...tenantRoutes,
  ...erasureRoutes,
  ...settingsRoutes,
  ...backupRoutes,
  ...memberRoutes,
  ...keyRoutes,
  ...healthRoutes,
].map((route) => withModes(withFollowers(route)));

/** Every operation of the API, once. Mounting, authorisation, validation, OpenAPI and the security suite follow from it. */
export const routes: readonly Route[] = [...operations, ...documentationRoutes];

/** The route, so that those who follow the tenant's log hear of what it changed. Running a plugin is told by its record. */
function withFollowers(route: Route): Route {
  if (route.method === "get" || route.permission === "public" || route.permission === "plugins:execute") return route;
  return {
    ...route,
    handler: async (context, input) => {
      const response = await route.handler(context, input);
      const deps = context.get("deps");
      deps.defer(followEvents(deps, context.get("actor").tenantId));
      return response;
    },
  };
}

/** Room for the largest input in base64 and its JSON envelope; the route holds the exact limit. */
const KEYED_BODY_LIMIT = Math.ceil((LIMITS.input.maximum * 4) / 3) + 64 * 1024;

/** The route, so that calls with one `Idempotency-Key` run once. Without the header it is the route and nothing more. */
function withIdempotencyKey(route: Route): Route {
  return {
    ...route,
    headers: {
      ...route.headers,
      "Idempotency-Key": { description: "Names a call that is to run once", required: false },
    },
    description:
      `${route.description ?? ""} With an \`Idempotency-Key\` header (1 to 255 visible ASCII characters) the first call runs; ` +
      "later ones with the same key, plugin, function and body get its answer for 24 hours, marked `idempotency-replayed: true`.",
    errors: [...route.errors, "IDEMPOTENCY_MISMATCH", "IDEMPOTENCY_ANSWER_LOST", "IDEMPOTENCY_UNAVAILABLE"],
    handler: async (context, input) => {
      const header = context.req.header(IDEMPOTENCY_HEADER);
      if (header === undefined) return route.handler(context, input);
      const key = parseIdempotencyKey(header);
      const body = await readLimitedBody(context.req.raw, KEYED_BODY_LIMIT, "INPUT_TOO_LARGE", "input");
      const { url, method, headers } = context.req.raw;
      context.req.raw = new Request(url, { method, headers, body }); // for the route, which reads it again
      const call = await keyedCall(context, body);
      if (!call) return route.handler(context, input);
      return context
        .get("deps")
        .idempotency.answer({ ...call, key, body }, () => firstAnswer(context, () => route.handler(context, input)));
    },
  };
}

/** @returns undefined where nothing would run, so that the route says why */
async function keyedCall(context: Context<AppEnv>, body: Uint8Array) {
  const { tenantId } = context.get("actor");
  const pluginId = context.req.param("id") ?? "";
  const contentType = context.req.header("content-type") ?? "";
  const isJson = /^application\/json\s*(;|$)/i.test(contentType);
  const snapshot = await context.get("deps").snapshots.read(tenantId);
  const resolution =
    snapshot && resolve(snapshot, pluginId, namedFunction(isJson, body, context.req.query("function")));
  if (!resolution || "refused" in resolution) return undefined;
  return { tenantId, pluginId, functionName: resolution.target.functionName, contentType };
}

/** A plugin's failure is an answer like any other; what was refused before it ran, or may succeed later, is thrown on. */
async function firstAnswer(context: Context<AppEnv>, run: () => Promise<Response> | Response): Promise<FirstAnswer> {
  try {
    return { response: await run(), keep: true };
  } catch (error) {
    if (!(error instanceof PlatformError) || !isFinal(error)) throw error;
    const response = answerProblem(context, error);
    return { response, keep: response.headers.has(EXECUTION_HEADER) };
  }
}
