import { defineRoute, type Route } from "../../../http/route.ts";
import { NOT_READABLE } from "../replay/routes.ts";
import { ExecutionParams } from "../schema.ts";
import { downloadRecording, readRecordedPart } from "./actions.ts";
import { RecordedPartParams } from "./schema.ts";

const RECORDING_TYPE = "application/vnd.patchbay.recording";

export const recordingRoutes: readonly Route[] = [
  defineRoute({
    method: "get",
    mount: "plugins",
    path: "/executions/:executionId/recording",
    operationId: "downloadRecording",
    summary: "A recorded call with all that decides how it ends",
    tag: "Executions",
    permission: "tenant:admin",
    params: ExecutionParams,
    answers: { 200: { description: "The recording, as docs/recording.md lays it out", contentType: RECORDING_TYPE } },
    errors: NOT_READABLE,
    handler: async (context, { params }) => {
      const bytes = await downloadRecording(context.get("deps"), context.get("actor"), params.executionId);
      return context.body(bytes, 200, {
        "content-type": RECORDING_TYPE,
        "content-disposition": `attachment; filename="${params.executionId}.recording"`,
      });
    },
  }),
  defineRoute({
    method: "get",
    mount: "plugins",
    path: "/executions/:executionId/recording/parts/:digest",
    operationId: "getRecordedPart",
    summary: "A module that a recorded call ran, as it ran, or the files that it could read",
    tag: "Executions",
    permission: "tenant:admin",
    params: RecordedPartParams,
    answers: { 200: { description: "Bytes with this SHA-256", contentType: "application/octet-stream" } },
    errors: [...NOT_READABLE, "MODULE_UNAVAILABLE", "INTEGRITY_FAILED"],
    handler: async (context, { params }) =>
      context.body(await readRecordedPart(context.get("deps"), context.get("actor"), params), 200, {
        "content-type": "application/octet-stream",
      }),
  }),
];
