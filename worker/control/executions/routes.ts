import * as v from "valibot";
import { ULID_PATTERN } from "../../../sdk/contract/identifiers.ts";
import { decodeCursor, pageOf, pageQuery, toPage } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { PluginParams } from "../installs/schema.ts";
import { listPluginExecutions, readExecution } from "./actions.ts";
import { describeRecording } from "./replay/actions.ts";
import { ExecutionWithRecording } from "./replay/schema.ts";
import { ExecutionAnswer, ExecutionFilter, ExecutionParams } from "./schema.ts";

/** Reading what ran. Running is in execute-routes.ts. */

const Position = v.tuple([v.pipe(v.string(), v.regex(ULID_PATTERN))]);
const read = { method: "get", mount: "plugins", tag: "Executions", permission: "executions:read" } as const;

export const executionRoutes: readonly Route[] = [
  defineRoute({
    ...read,
    path: "/executions/:executionId",
    operationId: "getExecution",
    summary: "One execution",
    params: ExecutionParams,
    answers: { 200: { description: "The execution, and whether it can be replayed", schema: ExecutionWithRecording } },
    errors: ["EXECUTION_NOT_FOUND"],
    handler: async (context, { params }) => {
      const [deps, actor] = [context.get("deps"), context.get("actor")];
      const execution = await readExecution(deps, actor, params.executionId);
      return context.json({ ...execution, recording: await describeRecording(deps, actor, execution) });
    },
  }),
  defineRoute({
    ...read,
    path: "/:id/executions",
    operationId: "listExecutions",
    summary: "Executions of a plugin, newest first",
    params: PluginParams,
    query: v.object({ ...pageQuery, ...ExecutionFilter.entries }),
    answers: { 200: { description: "A page of executions", schema: pageOf(ExecutionAnswer) } },
    errors: ["PLUGIN_NOT_FOUND"],
    handler: async (context, { params, query }) => {
      const { limit, cursor, ...filter } = query;
      const page = { limit, before: decodeCursor(cursor, Position)?.[0] };
      const rows = await listPluginExecutions(context.get("deps"), context.get("actor"), params.id, filter, page);
      return context.json(toPage(rows, limit, (row) => [row.id]));
    },
  }),
];
