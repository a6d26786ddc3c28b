import type { Context, Hono } from "hono";
import { PlatformError } from "../../sdk/contract/errors.ts";
import { authenticate } from "./authentication/authenticate.ts";
import { authorise } from "./authentication/authorise.ts";
import { readJsonBody } from "./json-body.ts";
import { allowedMethods, pathTable, type PathEntry } from "./path-table.ts";
import type { AppEnv, Route } from "./route.ts";
import { validate } from "./validation.ts";

/** Mounts the table onto the app. Each request passes, in this order: identity, permission, params, query, body, handler. */
export function register(app: Hono<AppEnv>, routes: readonly Route[]): void {
  for (const entry of pathTable(routes)) {
    for (const { path, route } of entry.operations) {
      app.on(route.method.toUpperCase(), path, (context) => serve(route, context).catch(rethrowAsError));
    }
    app.all(entry.path, (context) => refuseMethod(entry, context.req.method));
  }
}

async function serve(route: Route, context: Context<AppEnv>): Promise<Response> {
  if (route.permission !== "public") {
    const proven = await route.identify?.(context);
    const actor = proven ?? (await authenticate(context.get("deps"), context.req.raw.headers));
    authorise(actor, route.permission);
    context.set("actor", { ...actor, traceId: context.get("traceId") });
  }
  return route.handler(context, {
    params: route.params && validate(route.params, context.req.param(), "params"),
    query: route.query && validate(route.query, singleValues(context), "query"),
    body: route.body && (await readJsonBody(context.req.raw, route.body)),
  });
}

/** The router hands only instances of Error to its error handler; anything else would escape the worker. */
function rethrowAsError(thrown: unknown): never {
  throw thrown instanceof Error ? thrown : new Error("A value that is no Error was thrown.", { cause: thrown });
}

/** @throws {PlatformError} REQUEST_INVALID where a parameter is given more than once: neither value would be a safe choice */
function singleValues(context: Context<AppEnv>): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(context.req.queries()).map(([name, values]) => {
      if (values.length === 1) return [name, values[0]];
      const message = `is given ${values.length} times, may be given once`;
      throw new PlatformError("REQUEST_INVALID", `The query parameter "${name.slice(0, 100)}" ${message}.`, {
        issues: [{ path: name.slice(0, 100), message }],
      });
    }),
  );
}

function refuseMethod(entry: PathEntry, method: string): never {
  const allow = allowedMethods(entry);
  throw new PlatformError("METHOD_NOT_ALLOWED", `${method} is not answered here; allowed: ${allow}.`, {
    members: { allow },
  });
}
