import * as v from "valibot";
import { EVENTS, type EventType } from "../../../sdk/contract/events.ts";

const EVENT_TYPES = Object.keys(EVENTS) as EventType[]; // Object.keys loses the key type

export const EventFilter = v.object({
  type: v.optional(
    v.pipe(
      v.picklist(EVENT_TYPES, `must be one of ${EVENT_TYPES.join(", ")}`),
      v.description("Only events of this type"),
    ),
  ),
});

export const EventAnswer = v.object({
  id: v.string(),
  pluginId: v.string(),
  type: v.picklist(EVENT_TYPES),
  data: v.record(v.string(), v.nullable(v.union([v.string(), v.number()]))),
  subject: v.pipe(v.string(), v.description("Who caused it")),
  createdAt: v.pipe(v.number(), v.integer(), v.description("Milliseconds since the epoch")),
});
