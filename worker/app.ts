import { Hono } from "hono";
import { PlatformError } from "../sdk/contract/errors.ts";
import { judgeEnvironment } from "./control/environment/actions.ts";
import { createDeps, type Deps } from "./deps.ts";
import { markMode } from "./http/mode-gate.ts";
import { answerProblem } from "./http/problem.ts";
import { register } from "./http/register.ts";
import { RememberingRouter } from "./http/remembering-router.ts";
import type { AppEnv, Route } from "./http/route.ts";
import { finishHeaders } from "./http/security-headers.ts";
import { errorText } from "./lib/error-text.ts";
import { logError } from "./lib/json-log.ts";
import { traceIdOf } from "./http/trace.ts";

/** Behind an isolate's first answer: is this deployment one that fits the data? */
function checkEnvironment(deps: Deps): void {
  if (deps.environment.checked) return;
  deps.environment.checked = true;
  deps.defer(
    judgeEnvironment(deps).catch((error: unknown) => {
      deps.environment.checked = false;
      logError("environment.unjudged", { error: errorText(error) });
    }),
  );
}

/**
 * The HTTP application of a table of routes: context before, headers after, every failure a problem document.
 *
 * @param makeDeps  of each request; tests give their own time and memory
 */
export function createApp(
  routes: readonly Route[],
  makeDeps: (env: Env, context: Pick<ExecutionContext, "waitUntil">) => Deps = createDeps,
): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ strict: false, router: new RememberingRouter() });
  app.use(async (context, next) => {
    const deps = makeDeps(context.env, context.executionCtx);
    const traceId = traceIdOf(context.req.header("traceparent"), deps.randomBytes);
    context.set("deps", deps);
    context.set("traceId", traceId);
    await next();
    markMode(context);
    deps.breakers.catchUp();
    checkEnvironment(deps);
    finishHeaders(context.res, traceId);
  });
  register(app, routes);
  app.notFound((context) =>
    answerProblem(context, new PlatformError("ROUTE_NOT_FOUND", `Nothing is served at ${context.req.path}.`)),
  );
  app.onError((error, context) => answerProblem(context, error));
  return app;
}
