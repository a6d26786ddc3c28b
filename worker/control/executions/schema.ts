import * as v from "valibot";
import { FUNCTION_NAME_PATTERN, ULID_PATTERN } from "../../../sdk/contract/identifiers.ts";

const STATUSES = ["succeeded", "failed"] as const;

/** A moment in a query: whole milliseconds since the epoch, or an RFC 3339 date and time. */
const MOMENT = /^(\d{1,15}|\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))$/;

function moment(description: string) {
  const message = "must be milliseconds since the epoch, or a date and time such as 2026-11-21T08:00:00Z";
  return v.optional(
    v.pipe(
      v.string(),
      v.regex(MOMENT, message),
      v.transform((text) => (/^\d+$/.test(text) ? Number(text) : Date.parse(text))),
      v.check((time) => Number.isFinite(time), message),
      v.description(description),
    ),
  );
}

export const ExecutionFilter = v.object({
  status: v.optional(v.picklist(STATUSES, `must be one of ${STATUSES.join(", ")}`)),
  functionName: v.optional(v.pipe(v.string(), v.regex(FUNCTION_NAME_PATTERN, "must be the name of a function"))),
  from: moment("Only executions that started at this moment or later"),
  to: moment("Only executions that started before this moment"),
});

export type ExecutionFilter = v.InferOutput<typeof ExecutionFilter>;

export const ExecutionParams = v.object({
  executionId: v.pipe(v.string(), v.regex(ULID_PATTERN, "must be an execution id (ULID)")),
});

const count = (description: string) => v.pipe(v.number(), v.description(description));

export const ExecutionAnswer = v.object({
  id: v.string(),
  installId: v.string(),
  pluginId: v.string(),
  version: v.string(),
  functionName: v.string(),
  status: v.picklist(STATUSES),
  errorCode: v.nullable(v.string()),
  errorDetail: v.nullable(v.string()),
  durationMs: count("Wall clock, host included"),
  fuel: count("Weighted units used"),
  memoryBytes: count("Memory held at the end"),
  hostCalls: count("Capability calls made"),
  inputBytes: count("Size of the input"),
  outputBytes: count("Size of the output"),
  logLines: count("Log lines written"),
  traceId: v.string(),
  subject: v.pipe(v.string(), v.description("Who called")),
  startedAt: count("Milliseconds since the epoch"),
});
