import * as v from "valibot";
import { PLUGIN_ID_PATTERN, ULID_PATTERN } from "../../../sdk/contract/identifiers.ts";
import {
  ALERT_METRIC_NAMES,
  ALERT_STATES,
  COMPARISONS,
  SEVERITIES,
  type Alert,
  type KnownRule,
} from "./alert-record.ts";
import { ALERTABLE_TYPES } from "./built-in-rules.ts";

/** Windows that figures of executions are looked at over: each is one query a minute. */
const METRIC_WINDOWS = [5, 15, 60] as const;
const DAY_MINUTES = 1_440;
/** Longest time between notifications, and longest absence that can be waited for: a week. */
const WEEK_MINUTES = 10_080;
const COUNT = 100;

const whole = (minimum: number, maximum: number, what: string) => {
  const rule = `must be a whole number of ${what} from ${minimum} to ${maximum}`;
  const found = (issue: v.BaseIssue<unknown>): string => `${rule}; found ${String(issue.input)}`;
  return v.pipe(v.number(rule), v.integer(found), v.minValue(minimum, found), v.maxValue(maximum, found));
};
const oneOf = <const T extends readonly string[]>(names: T) => v.picklist(names, `must be one of ${names.join(", ")}`);
/** Text of one line: it stands in headers of e-mails. */
const line = (maximum: number) =>
  v.pipe(
    v.string(),
    v.regex(/^[^\p{Cc}\u2028\u2029]+$/u, "must be text of one line, without control characters"),
    v.maxLength(maximum, `must be at most ${maximum} characters`),
  );
const ulid = v.pipe(v.string(), v.regex(ULID_PATTERN, "must be an id"));
const ruleId = v.pipe(
  v.string(),
  v.regex(/^([0-7][0-9A-HJKMNP-TV-Z]{25}|[a-z][a-z-]{1,38})$/, "must be the id of a rule"),
);
const pluginId = v.pipe(v.string(), v.regex(PLUGIN_ID_PATTERN, "must be a plugin id: `name` or `publisher.name`"));
const severity = oneOf(SEVERITIES);

const type = v.picklist(ALERTABLE_TYPES, `must be one of ${ALERTABLE_TYPES.join(", ")}`);
const types = v.pipe(
  v.array(type),
  v.maxLength(ALERTABLE_TYPES.length),
  v.transform((list) => [...new Set(list)]),
);
const someTypes = v.pipe(types, v.minLength(1, "must name at least one type"));
const value = v.union([v.pipe(v.string(), v.maxLength(256)), v.number(), v.boolean(), v.null()]);

const EventBody = v.pipe(
  v.strictObject({
    kind: v.literal("event"),
    types: v.optional(v.pipe(types, v.description("Empty: every type of at least `minimumSeverity`")), []),
    minimumSeverity: v.exactOptional(severity),
    filter: v.exactOptional(
      v.pipe(
        v.record(v.pipe(v.string(), v.maxLength(64)), value),
        v.check((fields) => Object.keys(fields).length <= 5, "must have at most 5 fields"),
        v.description("Fields of the event's data and the values that they must have"),
      ),
    ),
    count: v.optional(whole(1, COUNT, "events"), 1),
    windowMinutes: whole(5, DAY_MINUTES, "minutes"),
    endedBy: v.exactOptional(v.pipe(types, v.description("Events that end the alert; without any, the window does"))),
  }),
  v.check(
    ({ types: named, minimumSeverity }) => named.length > 0 || minimumSeverity !== undefined,
    "must name types, minimumSeverity or both",
  ),
);
const AbsenceBody = v.strictObject({
  kind: v.literal("absence"),
  types: someTypes,
  windowMinutes: whole(5, WEEK_MINUTES, "minutes"),
});
const MetricBody = v.strictObject({
  kind: v.literal("metric"),
  metric: oneOf(ALERT_METRIC_NAMES),
  comparison: v.pipe(v.optional(oneOf(COMPARISONS), "above"), v.description("`above`: at least the threshold")),
  threshold: v.pipe(v.number("must be a number"), v.finite("must be finite"), v.minValue(0, "must be 0 or more")),
  windowMinutes: v.picklist(METRIC_WINDOWS, `must be one of ${METRIC_WINDOWS.join(", ")}`),
  minimumCalls: v.optional(whole(0, 1_000_000, "calls"), 1),
});

export const RuleBody = v.strictObject({
  name: line(80),
  condition: v.variant("kind", [EventBody, AbsenceBody, MetricBody]),
  pluginId: v.optional(v.nullable(v.pipe(pluginId, v.description("Only this plugin; null: all"))), null),
  per: v.pipe(
    v.optional(oneOf(["plugin", "tenant"]), "plugin"),
    v.description("Whether each plugin has an alert of its own, or the tenant one"),
  ),
  severity: v.optional(severity, "warning"),
  channels: v.pipe(
    v.optional(v.array(v.strictObject({ kind: oneOf(["webhook", "email"]), id: ulid })), []),
    v.maxLength(10, "must be at most 10"),
    v.description("Webhooks and confirmed addresses; every notification is an event besides"),
  ),
  forMinutes: v.optional(whole(0, DAY_MINUTES, "minutes"), 0),
  holdMinutes: v.optional(whole(0, DAY_MINUTES, "minutes"), 5),
  repeatMinutes: v.pipe(
    v.optional(
      v.union([v.literal(0), whole(5, WEEK_MINUTES, "minutes")], `must be 0 or from 5 to ${WEEK_MINUTES} minutes`),
      240,
    ),
    v.description("Told again after this time while it fires and nobody looks after it; 0: never"),
  ),
  enabled: v.optional(v.boolean(), true),
});
export type RuleInput = v.InferOutput<typeof RuleBody>;

export const RuleParams = v.object({ rule: ruleId });
export const AlertParams = v.object({ alert: ulid });
export const SilenceParams = v.object({ silence: ulid });

export const AlertFilterSchema = v.object({
  state: v.optional(oneOf(ALERT_STATES)),
  severity: v.optional(severity),
  rule: v.optional(ruleId),
  plugin: v.optional(pluginId),
});

export const AcknowledgeBody = v.strictObject({ note: v.exactOptional(line(500)) });

const time = v.pipe(v.number(), v.integer(), v.description("Milliseconds since the epoch"));

export const SilenceBody = v.strictObject({
  rule: v.exactOptional(ruleId),
  pluginId: v.exactOptional(pluginId),
  severity: v.exactOptional(severity),
  from: v.exactOptional(v.pipe(time, v.minValue(0), v.description("Absent: from now on"))),
  until: v.pipe(time, v.minValue(0)),
  reason: line(500),
});
export type SilenceInput = v.InferOutput<typeof SilenceBody>;

const count = v.pipe(v.number(), v.integer());

export const RuleAnswer = v.object({
  id: v.string(),
  builtIn: v.pipe(v.boolean(), v.description("Comes with the platform; a change of it is the tenant's own")),
  name: v.string(),
  condition: v.looseObject({ kind: v.string() }),
  pluginId: v.nullable(v.string()),
  per: oneOf(["plugin", "tenant"]),
  severity,
  channels: v.array(v.object({ kind: v.string(), id: v.string() })),
  forMinutes: count,
  holdMinutes: count,
  repeatMinutes: count,
  enabled: v.boolean(),
  createdBy: v.nullable(v.string()),
  createdAt: v.nullable(time),
  updatedAt: v.nullable(time),
});
export const RulesAnswer = v.object({ items: v.array(RuleAnswer) });

export const AlertAnswer = v.object({
  id: v.string(),
  rule: v.object({ id: v.string(), name: v.string() }),
  pluginId: v.pipe(v.nullable(v.string()), v.description("Null where it is about the tenant")),
  severity,
  state: oneOf(ALERT_STATES),
  evidence: v.object({
    value: v.number(),
    threshold: v.number(),
    windowMinutes: count,
    summary: v.string(),
    eventIds: v.exactOptional(v.array(v.string())),
    executions: v.exactOptional(count),
  }),
  startedAt: time,
  firedAt: v.nullable(time),
  clearedAt: v.pipe(v.nullable(v.number()), v.description("Since when the condition no longer holds")),
  resolvedAt: v.nullable(time),
  notifications: v.pipe(v.number(), v.integer(), v.description("How often somebody was told")),
  lastNotifiedAt: v.nullable(time),
  silenceId: v.pipe(v.nullable(v.string()), v.description("The silence that keeps it quiet")),
  acknowledgedBy: v.nullable(v.string()),
  acknowledgedAt: v.nullable(time),
  note: v.nullable(v.string()),
});

export const SilenceAnswer = v.object({
  id: v.string(),
  ruleId: v.nullable(v.string()),
  pluginId: v.nullable(v.string()),
  severity: v.nullable(severity),
  from: time,
  until: time,
  reason: v.string(),
  createdBy: v.string(),
  createdAt: time,
});
export const SilencesAnswer = v.object({ items: v.array(SilenceAnswer) });

export const TestResultAnswer = v.object({
  channels: v.array(
    v.object({
      kind: v.string(),
      id: v.string(),
      delivered: v.boolean(),
      status: v.nullable(v.number()),
      errorCode: v.nullable(v.string()),
    }),
  ),
});

export function describeRule(rule: KnownRule): v.InferInput<typeof RuleAnswer> {
  const { id, builtIn, name, condition, pluginId: plugin, per, severity: level, enabled } = rule;
  const { channels, forMinutes, holdMinutes, repeatMinutes, createdBy, createdAt, updatedAt } = rule;
  const times = { forMinutes, holdMinutes, repeatMinutes, enabled, createdBy, createdAt, updatedAt };
  return { id, builtIn, name, condition: { ...condition }, pluginId: plugin, per, severity: level, channels, ...times };
}

export function describeAlert(alert: Alert): v.InferInput<typeof AlertAnswer> {
  const { tenantId: _own, ruleId: id, ruleName: name, scope, revision: _revision, evidence, ...shown } = alert;
  const { eventIds, ...found } = evidence;
  return {
    ...shown,
    rule: { id, name },
    pluginId: scope || null,
    evidence: { ...found, ...(eventIds ? { eventIds: [...eventIds] } : {}) },
  };
}
