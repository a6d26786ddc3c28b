import * as v from "valibot";

const time = v.pipe(
  v.string(),
  v.regex(/^\d{1,15}$/, "must be milliseconds since the epoch"),
  v.transform(Number),
  v.metadata({ jsonSchema: { type: "integer", minimum: 0 } }),
);

export const MetricsQuery = v.object({
  resolution: v.optional(v.picklist(["minute", "hour"], "must be minute or hour"), "minute"),
  from: v.optional(v.pipe(time, v.description("At or after; absent: an hour or a day before `to`"))),
  to: v.optional(v.pipe(time, v.description("Before; absent: now"))),
  name: v.optional(v.pipe(v.string(), v.maxLength(64), v.description("Only this metric"))),
});
export type MetricsQuery = v.InferOutput<typeof MetricsQuery>;

const number = v.number();

export const MetricsAnswer = v.object({
  from: number,
  to: number,
  resolution: v.string(),
  items: v.array(
    v.object({
      name: v.string(),
      kind: v.picklist(["counter", "gauge", "histogram"]),
      labels: v.record(v.string(), v.string()),
      points: v.array(
        v.object({
          at: v.pipe(number, v.description("When the minute or hour began, milliseconds since the epoch")),
          count: v.pipe(number, v.description("Values recorded")),
          sum: number,
          min: number,
          max: number,
          last: v.pipe(number, v.description("Of the latest call")),
          p50: v.optional(number),
          p95: v.optional(number),
          p99: v.optional(number),
        }),
      ),
    }),
  ),
  truncated: v.pipe(v.boolean(), v.description("There is more; ask for a shorter period or one metric")),
});
