import type { Context } from "hono";
import { readLimitedBody } from "../../http/limited-body.ts";
import { parseJsonBody } from "../../http/json-body.ts";
import { defineRoute, type AppEnv, type Route } from "../../http/route.ts";
import { encodeInput } from "../executions/encoding.ts";
import { EXECUTE_BODY_LIMIT, EXECUTE_FAILURES, eventOptions } from "../executions/execute-routes.ts";
import { ExecuteBody, ExecuteParams } from "../executions/execute-schema.ts";
import { ExecutionParams } from "../executions/schema.ts";
import { profileExecution, profilePlugin } from "./actions/profile.ts";
import { ProfileAnswer, ProfileQuery, RecordedProfileQuery } from "./schema.ts";
import { speedscopeFile, SPEEDSCOPE_TYPE } from "./speedscope-report.ts";

const FORMATS =
  `With \`format=speedscope\`, or \`Accept: ${SPEEDSCOPE_TYPE}\`, the answer is a file that https://www.speedscope.app opens as a ` +
  "flame graph, with fuel in place of time.";

const profile = { method: "post", mount: "plugins", tag: "Profiles", permission: "plugins:profile" } as const;
const answers = { 200: { description: "Where the fuel went", schema: ProfileAnswer } } as const;

export const profileRoutes: readonly Route[] = [
  defineRoute({
    ...profile,
    path: "/:id/profile",
    operationId: "profilePlugin",
    summary: "Run a function and see where its fuel goes",
    description:
      "Takes the body of an execution and runs it as one: same result, same fuel, same limits, a record in the history. " +
      `A failed call has a profile too. ${FORMATS}`,
    params: ExecuteParams,
    query: ProfileQuery,
    rawBody: { "application/json": ExecuteBody },
    answers,
    errors: [...EXECUTE_FAILURES, "VERSION_NOT_FOUND", "MODULE_UNSUPPORTED", "MODULE_INVALID"],
    handler: async (context, { params, query }) => {
      const bytes = await readLimitedBody(context.req.raw, EXECUTE_BODY_LIMIT, "INPUT_TOO_LARGE", "input");
      const body = parseJsonBody(ExecuteBody, bytes);
      const actor = context.get("actor");
      const answer = await profilePlugin(context.get("deps"), actor, {
        pluginId: params.id,
        functionName: body.function ?? query.function,
        input: encodeInput(body),
        options: eventOptions(body),
        subject: actor.subject,
        roles: actor.roles,
        traceId: context.get("traceId"),
      });
      return show(context, answer, query.format);
    },
  }),
  defineRoute({
    ...profile,
    path: "/executions/:executionId/profile",
    operationId: "profileExecution",
    summary: "Run a recorded call again and see where its fuel went",
    description: `Runs the call as a replay does: it appears in no history. ${FORMATS}`,
    params: ExecutionParams,
    query: RecordedProfileQuery,
    answers,
    errors: [
      ...EXECUTE_FAILURES,
      "EXECUTION_NOT_FOUND",
      "RECORDING_NOT_FOUND",
      "RECORDING_EXPIRED",
      "RECORDING_KEY_UNKNOWN",
      "RECORDING_UNREADABLE",
      "VERSION_NOT_FOUND",
      "MODULE_UNSUPPORTED",
      "MODULE_INVALID",
    ],
    handler: async (context, { params, query }) => {
      const answer = await profileExecution(context.get("deps"), context.get("actor"), params.executionId);
      return show(context, answer, query.format);
    },
  }),
];

function show(context: Context<AppEnv>, answer: ProfileAnswer, format: "json" | "speedscope" | undefined): Response {
  context.header("x-execution-id", answer.executionId);
  context.header("x-fuel-used", String(answer.charged));
  context.header("vary", "accept");
  const accepts = context.req.header("accept")?.includes(SPEEDSCOPE_TYPE) ? "speedscope" : "json";
  if ((format ?? accepts) === "json") return context.json(answer);
  const { pluginId, version, functionName, executionId, tree } = answer;
  const file = speedscopeFile(tree, `${pluginId} ${version} ${functionName}`);
  return context.body(JSON.stringify(file), 200, {
    "content-type": SPEEDSCOPE_TYPE,
    "content-disposition": `attachment; filename="${executionId}.speedscope.json"`,
  });
}
