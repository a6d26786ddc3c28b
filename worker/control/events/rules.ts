import * as v from "valibot";
import { EVENTS, type EventDataOf, type EventType, type EventValue } from "../../../sdk/contract/events.ts";

export type EventData = Readonly<Record<string, EventValue>>;

/** `subject` of events that no one person caused. */
export const SYSTEM_SUBJECT = "system";

/** An event about to be recorded; its number in the tenant's log is given when it is. */
export interface NewEvent {
  readonly id: string;
  readonly tenantId: string;
  /** Null for what concerns the tenant and no plugin. */
  readonly pluginId: string | null;
  readonly type: EventType;
  /** As the catalogue says; checked when it is recorded. */
  readonly data: EventData;
  /** Who caused it. */
  readonly subject: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** An event of a tenant's log. */
export interface PluginEvent extends Omit<NewEvent, "tenantId"> {
  /** Counts a tenant's events from 1, without gaps, in the order in which they were committed. */
  readonly sequence: number;
}

/** A new event whose data the compiler holds against the catalogue. */
export function newEvent<Type extends EventType>(
  event: Omit<NewEvent, "type" | "data"> & { readonly type: Type; readonly data: EventDataOf<Type> },
): NewEvent {
  const data = Object.fromEntries(Object.entries(event.data).filter(([, value]) => value !== undefined));
  return { ...event, data: data as EventData }; // flat by the catalogue's own type
}

/**
 * The data as the log keeps it.
 *
 * @throws {Error} where it is not what the catalogue says of the type: a fault of the code that made it
 */
export function checkedData({ type, data }: Pick<NewEvent, "type" | "data">): string {
  const result = v.safeParse(EVENTS[type].data, data);
  if (result.success) return JSON.stringify(data);
  const places = result.issues.map((issue) => v.getDotPath(issue) ?? "the whole").join(", ");
  throw new Error(`An event ${type} has data that the catalogue does not allow, at: ${places}.`);
}
