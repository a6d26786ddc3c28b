import type { Context } from "hono";
import { PlatformError } from "../../../sdk/contract/errors.ts";
import type { Snapshot } from "../../execution/snapshot.ts";
import { defineRoute, type AppEnv, type Route } from "../../http/route.ts";
import { fireThrough } from "./actions.ts";
import { describeHooks, FireAnswer, FireBody, HookParams, HooksAnswer } from "./schema.ts";

export const hookRoutes: readonly Route[] = [
  defineRoute({
    method: "get",
    mount: "plugins",
    path: "/hooks",
    operationId: "listHooks",
    summary: "Hooks, with the functions of active plugins that run for each, in their order",
    tag: "Hooks",
    permission: "plugins:read",
    answers: { 200: { description: "Every hook, by name", schema: HooksAnswer } },
    errors: [],
    handler: async (context) => context.json(describeHooks((await readSnapshot(context)).offers ?? {})),
  }),
  defineRoute({
    method: "post",
    mount: "plugins",
    path: "/hooks/:hook",
    operationId: "fireHook",
    summary: "Run the functions of a hook",
    tag: "Hooks",
    permission: "plugins:execute",
    params: HookParams,
    body: FireBody,
    answers: { 200: { description: "What came out, and how each function ended", schema: FireAnswer } },
    errors: ["HOOK_ABORTED", "MIDDLEWARE_REFUSED", "MIDDLEWARE_FAILED", "OUTPUT_ENCODING_INVALID"],
    handler: async (context, { params: { hook }, body }) => {
      const deps = context.get("deps");
      const snapshot = await readSnapshot(context);
      const firing = { snapshot, actor: context.get("actor"), traceId: context.get("traceId") };
      const fired = await fireThrough(deps, firing, hook, { payload: body.payload ?? null, mode: body.mode });
      return context.json({ hook, ...fired, steps: [...fired.steps] });
    },
  }),
];

async function readSnapshot(context: Context<AppEnv>): Promise<Snapshot> {
  const { tenantId } = context.get("actor");
  const snapshot = await context.get("deps").snapshots.read(tenantId);
  if (!snapshot) throw new PlatformError("TENANT_UNKNOWN", `The tenant "${tenantId}" does not exist.`);
  return snapshot;
}
