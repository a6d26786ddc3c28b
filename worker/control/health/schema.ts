import * as v from "valibot";
import { PLUGIN_ID_PATTERN } from "../../../sdk/contract/identifiers.ts";
import { CHECK_STATUSES, HEALTH_STATUSES } from "./score-rules.ts";

const pluginId = v.pipe(v.string(), v.regex(PLUGIN_ID_PATTERN, "must be a plugin id: `name` or `publisher.name`"));
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const time = v.pipe(v.number(), v.integer(), v.description("Milliseconds since the epoch"));
const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
const state = v.picklist(["closed", "open", "half-open"]);
const status = v.picklist(HEALTH_STATUSES);
const checkStatus = v.picklist(CHECK_STATUSES);
const REASON_LENGTH = 500;

export const HealthParams = v.object({ id: pluginId });

export const BreakerOrder = v.strictObject({
  state: v.pipe(
    v.picklist(["open", "closed", "automatic"]),
    v.description("`automatic` takes the order back: the breaker begins closed and decides itself again"),
  ),
  reason: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(REASON_LENGTH)),
});
export type BreakerOrder = v.InferOutput<typeof BreakerOrder>;

const ms = v.nullable(v.pipe(v.number(), v.minValue(0)));
const Window = v.object({
  calls: count,
  failed: v.pipe(count, v.description("Whoever was to blame")),
  faults: v.pipe(count, v.description("Of the failed, by the plugin's doing: these count against its breaker")),
  refused: v.pipe(count, v.description("Calls that the breaker did not let run; not among the calls")),
  errorRate: v.pipe(v.nullable(share), v.description("Failed calls by calls; null without calls")),
  codes: v.pipe(v.record(v.string(), count), v.description("Failed calls by error code")),
  latencyMs: v.pipe(
    v.object({ p50: ms, p95: ms, p99: ms }),
    v.description("Off by at most `latencyRelativeError` of their value"),
  ),
});

const Why = v.object({
  cause: v.picklist(["faults", "fault-share", "probe-failed"]),
  codes: v.record(v.string(), count),
  faults: count,
  calls: count,
  windowMs: count,
  configRevision: count,
  executionIds: v.pipe(v.array(v.string()), v.description("The latest that failed, newest first")),
  recording: v.pipe(
    v.nullable(v.string()),
    v.description("The newest of these executions that is recorded, so that it can be replayed"),
  ),
});

export const Breaker = v.object({
  state,
  since: time,
  why: v.pipe(v.nullable(Why), v.description("Null while closed, or where an operator ordered the state")),
  nextProbeAt: v.pipe(
    v.nullable(time),
    v.description("From when one call is let through; null: there is no need, or an order"),
  ),
  goodProbes: v.pipe(count, v.description("Probes that succeeded one after the other; three close it")),
  coolDownMs: v.nullable(count),
  forced: v.nullable(v.object({ state, reason: v.string(), by: v.string(), since: time })),
});
export type BreakerAnswer = v.InferInput<typeof Breaker>;

const Check = v.object({
  status: checkStatus,
  code: v.pipe(v.nullable(v.string()), v.description("Error code, where the check failed")),
  checkedAt: time,
});

export const HealthAnswer = v.object({
  pluginId: v.string(),
  installId: v.string(),
  version: v.string(),
  state: v.pipe(v.string(), v.description("Of the install")),
  status,
  score: v.object({
    value: v.pipe(v.nullable(v.pipe(count, v.maxValue(100))), v.description("Null where nothing is known")),
    parts: v.array(
      v.object({
        name: v.string(),
        weight: count,
        value: v.pipe(v.nullable(share), v.description("Null: does not count, there is nothing to judge by")),
        detail: v.string(),
      }),
    ),
  }),
  breaker: Breaker,
  windows: v.object({ quarterHour: Window, hour: Window, day: Window }),
  latencyRelativeError: v.number(),
  uptime: v.object({ day: share, week: share, since: v.nullable(time) }),
  selfCheck: v.pipe(v.nullable(Check), v.description("What the plugin's `health_check` said last; null: never asked")),
  safeMode: v.nullable(v.object({ reason: v.string(), by: v.string(), since: time })),
  moves: v.pipe(
    v.array(v.object({ version: v.string(), from: state, to: state, at: time, cause: v.string() })),
    v.description("Latest moves of its breakers, newest first"),
  ),
  otherVersions: v.array(v.object({ version: v.string(), state })),
});
export type HealthAnswer = v.InferInput<typeof HealthAnswer>;

/** The last check of an install. */
const HealthSummary = v.object({
  pluginId: v.string(),
  installId: v.string(),
  version: v.string(),
  status,
  score: v.nullable(count),
  breaker: state,
  calls: v.pipe(count, v.description("Of the hour before")),
  errorRate: v.nullable(share),
  p95Ms: ms,
  uptime: share,
  selfCheck: checkStatus,
  selfCheckCode: v.nullable(v.string()),
  checkedAt: time,
});
export type HealthSummary = v.InferOutput<typeof HealthSummary>;

export const HealthSummaryAnswer = v.object({
  counts: v.pipe(v.record(status, count), v.description("Installs by status")),
  items: v.pipe(v.array(HealthSummary), v.description("Worst first, at most 500")),
});
