import * as v from "valibot";
import { LIMITS } from "../../../sdk/contract/limits.ts";
import { FUNCTION_NAME_PATTERN, PLUGIN_ID_PATTERN } from "../../../sdk/contract/identifiers.ts";

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error"] as const;

const functionName = v.pipe(
  v.string(),
  v.regex(FUNCTION_NAME_PATTERN, "must be the name of an exported function"),
  v.description("Exported function; absent: the plugin's default function"),
);

export const ExecuteParams = v.object({ id: v.pipe(v.string(), v.regex(PLUGIN_ID_PATTERN, "must be a plugin id")) });

export const ExecuteQuery = v.object({ function: v.optional(functionName) });

const fuel = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(LIMITS.fuel.maximum));
const timeout = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(LIMITS.wallClock.maximum));

export const ExecuteBody = v.strictObject({
  function: v.optional(functionName),
  input: v.optional(v.unknown()),
  encoding: v.optional(
    v.pipe(
      v.picklist(["json", "text", "base64"]),
      v.description("How input and output are written. Absent: a string input is text, anything else is JSON"),
    ),
  ),
  options: v.optional(
    v.strictObject({
      fuel: v.optional(v.pipe(fuel, v.description("Weighted units this call may use; at most the install's limit"))),
      timeoutMs: v.optional(v.pipe(timeout, v.description("Wall clock; at most the install's limit"))),
      logs: v.optional(v.pipe(v.boolean(), v.description("True: the answer carries the call's log lines"))),
      logLevel: v.optional(v.picklist(LOG_LEVELS)),
    }),
  ),
});

export type ExecuteBody = v.InferOutput<typeof ExecuteBody>;

const count = v.pipe(v.number(), v.integer(), v.minValue(0));

export const ExecuteAnswer = v.object({
  executionId: v.pipe(
    v.optional(v.string()),
    v.description("Absent where a value stands in for a call that was not made"),
  ),
  status: v.pipe(
    v.picklist(["succeeded", "replaced"]),
    v.description("`replaced`: the call failed, and what the install declared for that answers"),
  ),
  output: v.unknown(),
  encoding: v.pipe(v.picklist(["json", "text", "base64"]), v.description("How `output` is written")),
  durationMs: count,
  fuel: v.pipe(count, v.description("Weighted units used")),
  memoryBytes: v.pipe(count, v.description("Linear and exchange memory held at the end")),
  version: v.optional(v.string()),
  fallback: v.optional(
    v.object({
      by: v.pipe(v.string(), v.description("`value`, or the plugin that answered")),
      code: v.pipe(v.string(), v.description("Error code of the call that failed")),
      detail: v.string(),
      executionId: v.pipe(v.optional(v.string()), v.description("Execution that failed; absent where none was made")),
    }),
  ),
  logs: v.optional(v.array(v.object({ level: v.string(), text: v.string() }))),
  logsTruncated: v.optional(v.boolean()),
});

export type ExecuteAnswer = v.InferOutput<typeof ExecuteAnswer>;
