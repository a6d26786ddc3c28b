import type { Move } from "../../../durable-objects/plugin-health/breaker-rules.ts";
import type { Verdict } from "../../../durable-objects/plugin-health/verdict-rules.ts";
import type { EventDataOf, EventType, EventValue } from "../../../sdk/contract/events.ts";
import { codesText } from "./fault-rules.ts";

/** Who caused what no one person did. */
const SUBJECT = "system";

type Place = { readonly installId: string; readonly pluginId: string; readonly version: string };

/** An event for the log of a tenant. */
export interface MoveEvent {
  readonly id: string;
  readonly pluginId: string;
  readonly type: EventType;
  readonly data: Readonly<Record<string, EventValue>>;
  readonly subject: string;
  readonly createdAt: number;
}

/** What the log says of a breaker's move. */
export function eventsOfMove(
  move: Move,
  { nextProbeAt }: Verdict,
  place: Place,
  newId: () => string,
): readonly MoveEvent[] {
  const { installId, version } = place;
  const { why, cause, to } = move;
  if (to === "half-open") return [eventOf(move, place, newId, "breaker.half-opened", { installId, version })];
  if (to === "closed") return [eventOf(move, place, newId, "breaker.closed", { installId, version, cause })];
  const { codes = {}, faults = 0, calls = 0, windowMs = 0, configRevision = 0, executionIds = [] } = why ?? {};
  const [executionId] = executionIds;
  const opened = eventOf(move, place, newId, "breaker.opened", {
    installId,
    version,
    cause,
    codes: codesText(codes),
    faults,
    calls,
    windowMs,
    configRevision,
    ...(executionId === undefined ? {} : { executionId }),
    ...(nextProbeAt === null ? {} : { nextProbeAt }),
  });
  if (cause === "probe-failed") return [opened];
  const [code] = Object.entries(codes).toSorted(([, one], [, other]) => other - one)[0] ?? [];
  const data = { installId, failed: faults, calls, windowMs, ...(code === undefined ? {} : { code }) };
  return [eventOf(move, place, newId, "health.threshold-exceeded", data), opened];
}

function eventOf<Type extends EventType>(
  { at }: Move,
  { pluginId }: Place,
  newId: () => string,
  type: Type,
  data: EventDataOf<Type>,
): MoveEvent {
  return { id: newId(), pluginId, type, data: data as MoveEvent["data"], subject: SUBJECT, createdAt: at }; // flat, as the catalogue says
}
