import * as v from "valibot";
import { ANOMALY_METRICS } from "./detector-rules.ts";

const metric = v.picklist(ANOMALY_METRICS, `must be one of ${ANOMALY_METRICS.join(", ")}`);
const time = v.pipe(v.number(), v.integer(), v.description("Milliseconds since the epoch"));

export const AnomalyFilter = v.object({
  metric: v.optional(metric),
  active: v.optional(
    v.pipe(
      v.picklist(["true", "false"], "must be true or false"),
      v.transform((text) => text === "true"),
      v.description("True: only those under way. False: only those that ended"),
    ),
  ),
});

export const AnomalyAnswer = v.object({
  id: v.string(),
  installId: v.string(),
  pluginId: v.string(),
  metric,
  direction: v.picklist(["up", "down"]),
  expected: v.pipe(
    v.number(),
    v.description("Usual: calls by minute, share of calls that fail, milliseconds or units of fuel"),
  ),
  observed: v.pipe(v.number(), v.description("The farthest from it")),
  score: v.pipe(v.number(), v.description("Standard deviations between the two")),
  startedAt: time,
  endedAt: v.pipe(v.nullable(time), v.description("Null: it is under way")),
});
