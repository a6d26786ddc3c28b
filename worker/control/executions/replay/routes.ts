import { defineRoute, type Route } from "../../../http/route.ts";
import { ExecutionParams } from "../schema.ts";
import { replayExecution } from "./actions.ts";
import { ReplayAnswer } from "./schema.ts";

/** Why there may be no recording. */
export const NOT_READABLE = [
  "EXECUTION_NOT_FOUND",
  "RECORDING_NOT_FOUND",
  "RECORDING_EXPIRED",
  "RECORDING_KEY_UNKNOWN",
  "RECORDING_UNREADABLE",
] as const;

export const replayRoutes: readonly Route[] = [
  defineRoute({
    method: "post",
    mount: "plugins",
    path: "/executions/:executionId/replay",
    operationId: "replayExecution",
    summary: "Run a recorded call again and compare",
    tag: "Executions",
    permission: "plugins:operate",
    params: ExecutionParams,
    answers: { 200: { description: "Both runs, and in what they differ", schema: ReplayAnswer } },
    errors: NOT_READABLE,
    handler: async (context, { params }) =>
      context.json(await replayExecution(context.get("deps"), context.get("actor"), params.executionId)),
  }),
];
