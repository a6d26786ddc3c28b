import * as v from "valibot";
import { PLUGIN_ID_PATTERN } from "../../../sdk/contract/identifiers.ts";

export const LifecycleParams = v.object({
  id: v.pipe(v.string(), v.regex(PLUGIN_ID_PATTERN, "must be a plugin id: `name` or `publisher.name`")),
});

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const state = v.picklist(["initializing", "initialized", "starting", "running", "stopping", "stopped", "error"]);

const LifecycleResult = v.object({
  pluginId: v.string(),
  version: v.string(),
  state: v.pipe(state, v.description("State of the instance afterwards; `error`: a function failed")),
  code: v.optional(v.string()),
  detail: v.optional(v.string()),
});

export type LifecycleResult = v.InferInput<typeof LifecycleResult>;

export const LifecycleAnswer = v.object({
  items: v.pipe(
    v.array(LifecycleResult),
    v.description("Plugins that have something to call, in the order of the calls"),
  ),
});

export const HealthCheckAnswer = v.object({
  pluginId: v.string(),
  version: v.string(),
  status: v.pipe(
    v.picklist(["healthy", "unhealthy", "unchecked"]),
    v.description("`unchecked`: the plugin has no `health_check`"),
  ),
  state: v.pipe(v.nullable(state), v.description("Of the instance; null where the plugin has no lifecycle")),
  report: v.pipe(v.unknown(), v.description("What the function answered, where that is JSON")),
  code: v.optional(v.string()),
  detail: v.optional(v.string()),
  durationMs: count,
});
