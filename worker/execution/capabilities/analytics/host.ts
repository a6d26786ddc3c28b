import * as v from "valibot";
import { quotaOf } from "../../../../sdk/contract/grants.ts";
import { hostCall } from "../capability.ts";

const LARGEST = 1e15;
const name = v.pipe(
  v.string("must be text"),
  v.regex(/^[a-z][a-z0-9_.]{0,63}$/, "must be 1 to 64 lower-case letters, digits, _ or ., a letter first"),
);
const bounds = `must be a number of at most ${LARGEST}`;
const Point = v.pipe(
  v.strictObject({
    name,
    kind: v.picklist(["counter", "gauge", "histogram"], "must be counter, gauge or histogram"),
    value: v.pipe(v.number(bounds), v.finite(bounds), v.minValue(-LARGEST, bounds), v.maxValue(LARGEST, bounds)),
    labels: v.optional(
      v.pipe(
        v.record(name, v.pipe(v.string("must be text"), v.maxLength(64, "must have at most 64 characters"))),
        v.maxEntries(8, "must have at most 8"),
      ),
      {},
    ),
  }),
  v.check(({ kind, value }) => kind !== "counter" || value >= 0, "a counter only grows"),
);

/** `analytics_record`: adds to counters, sets gauges, adds to histograms. Stored after the call, however it ends. */
export const analyticsRecord = hostCall(
  "analytics",
  v.strictObject({ points: v.pipe(v.array(Point), v.minLength(1, "must not be empty"), v.maxLength(1_000)) }),
  ({ grant, quotas, measure }, { points }) => {
    quotas.take("analytics", "points", points.length);
    measure(points, quotaOf("analytics", "series", grant));
    return Promise.resolve({ value: { recorded: points.length } });
  },
);
