import * as v from "valibot";
import { EVENT_TYPES, EVENTS, type EventType, type Severity } from "../../../sdk/contract/events.ts";
import { PLUGIN_ID_PATTERN } from "../../../sdk/contract/identifiers.ts";
import type { PluginEvent } from "./rules.ts";

const SEVERITIES = ["info", "notice", "warning", "error"] as const satisfies readonly Severity[];

const type = v.picklist(EVENT_TYPES, `must be one of ${EVENT_TYPES.join(", ")}`);
const sequence = v.pipe(
  v.string(),
  v.regex(/^\d{1,15}$/, "must be the sequence number of an event, or 0"),
  v.transform(Number),
  v.metadata({ jsonSchema: { type: "integer", minimum: 0 } }),
);

export const typeFilter = v.optional(v.pipe(type, v.description("Only events of this type")));
export const afterFilter = v.optional(v.pipe(sequence, v.description("Only events with a larger sequence number")));
export const pluginFilter = v.optional(
  v.pipe(
    v.string(),
    v.regex(PLUGIN_ID_PATTERN, "must be a plugin id: `name` or `publisher.name`"),
    v.description("Only events of this plugin"),
  ),
);

export const EventFilter = v.object({ type: typeFilter });

export const EventHistoryFilter = v.object({
  type: typeFilter,
  plugin: pluginFilter,
  after: afterFilter,
  order: v.pipe(
    v.optional(v.picklist(["newest", "oldest"], "must be newest or oldest"), "newest"),
    v.description("Which come first"),
  ),
});

export const StreamQuerySchema = v.object({
  after: afterFilter,
  type: typeFilter,
  plugin: pluginFilter,
  ticket: v.optional(
    v.pipe(v.string(), v.maxLength(128), v.description("From POST /events/stream/tickets, in place of a token")),
  ),
});

export type StreamQuery = v.InferOutput<typeof StreamQuerySchema>;

export const TicketAnswer = v.object({
  ticket: v.pipe(v.string(), v.description("Good once")),
  expiresAt: v.pipe(v.number(), v.integer(), v.description("Milliseconds since the epoch")),
});

export const EventAnswer = v.object({
  id: v.string(),
  sequence: v.pipe(v.number(), v.integer(), v.description("Counts the tenant's events from 1, without gaps")),
  pluginId: v.pipe(v.nullable(v.string()), v.description("Null for what concerns the tenant and no plugin")),
  type,
  severity: v.picklist(SEVERITIES),
  data: v.record(v.string(), v.nullable(v.union([v.string(), v.number(), v.boolean()]))),
  subject: v.pipe(v.string(), v.description("Who caused it")),
  createdAt: v.pipe(v.number(), v.integer(), v.description("Milliseconds since the epoch")),
});

/** The event as answers, the stream and webhooks show it. */
export function describeEvent(event: PluginEvent): v.InferInput<typeof EventAnswer> {
  return { ...event, severity: severityOf(event.type) };
}

function severityOf(eventType: EventType): Severity {
  return EVENTS[eventType].severity;
}
