/** What a tenant's live stream keeps, whom it sends what, and when it gives a listener up. */

/** Events kept so that listeners can resume; older ones are in the history. */
export const RING_EVENTS = 1_000;
/** Open sockets of one tenant. */
export const STREAM_SOCKETS = 100;
/** Events sent to one socket and not acknowledged: more, and it is too slow to go on. */
export const UNACKNOWLEDGED_EVENTS = 2_000;
/** A socket ends after this long, so that who listens is checked again. Milliseconds. */
export const SOCKET_AGE_MS = 3_600_000;
/** How long a ticket opens the stream. Milliseconds. */
export const TICKET_MS = 30_000;
/** Tickets of one tenant that wait to be used. */
export const TICKETS = 1_000;

type Closing = readonly [code: number, reason: string];

/** Why a socket is closed; codes from 4000 are the application's own (RFC 6455 §7.4.2). */
export const CLOSINGS = {
  unknownMessage: [4400, "only `ping` and `ack <sequence>` are understood"],
  aged: [4401, "connect again with `after` the last sequence you handled"],
  gone: [4410, "there is nothing to listen to any more"],
  slow: [4408, "too many events are not acknowledged; connect again with `after` the last sequence you handled"],
} as const satisfies Record<string, Closing>;

/** An event as the object keeps and sends it. */
export interface StreamEvent {
  readonly sequence: number;
  readonly type: string;
  readonly pluginId: string | null;
  /** The event as answers of the API show it, JSON. */
  readonly json: string;
}

/** What a listener wants to hear. Absent: everything. */
export interface StreamFilter {
  readonly type?: string | undefined;
  readonly pluginId?: string | undefined;
}

/** What is kept with a socket while the object sleeps. */
export interface Listener {
  readonly filter: StreamFilter;
  /** Number of the last event that was looked at for it. */
  readonly position: number;
  readonly unacknowledged: number;
  /** Milliseconds since the epoch. */
  readonly openedAt: number;
}

export function isWanted({ type, pluginId }: StreamFilter, event: StreamEvent): boolean {
  return (type === undefined || type === event.type) && (pluginId === undefined || pluginId === event.pluginId);
}

/** What to send for new events, and the listener afterwards. Events at or before its position are never sent again. */
export function advance(
  listener: Listener,
  events: readonly StreamEvent[],
): { readonly send: readonly StreamEvent[]; readonly listener: Listener } {
  const send = events.filter((event) => event.sequence > listener.position && isWanted(listener.filter, event));
  const position = Math.max(listener.position, events.at(-1)?.sequence ?? 0);
  return { send, listener: { ...listener, position, unacknowledged: listener.unacknowledged + send.length } };
}

/** @param sequence  number of the last event that was handled: no more than those after it can be open */
export function acknowledge(listener: Listener, sequence: number): Listener {
  const open = Math.max(0, listener.position - sequence);
  return { ...listener, unacknowledged: Math.min(listener.unacknowledged, open) };
}

/** @returns the number of an `ack <sequence>`, undefined where the text is none */
export function acknowledged(message: string | ArrayBuffer): number | undefined {
  const digits = typeof message === "string" ? /^ack (\d{1,15})$/.exec(message)?.[1] : undefined;
  return digits === undefined ? undefined : Number(digits);
}

/** Why a listener must go, or undefined. */
export function closingOf(listener: Listener, now: number): Closing | undefined {
  if (listener.unacknowledged > UNACKNOWLEDGED_EVENTS) return CLOSINGS.slow;
  return now - listener.openedAt >= SOCKET_AGE_MS ? CLOSINGS.aged : undefined;
}

/**
 * Where a listener that handled everything up to `after` goes on.
 *
 * @param after  undefined: it wants only what comes
 * @param first  number of the oldest event kept, undefined where none is
 * @param last   number of the newest one
 */
export function resumeFrom(
  after: number | undefined,
  first: number | undefined,
  last: number,
): { readonly position: number; readonly missed: boolean } {
  if (after === undefined) return { position: last, missed: false };
  if (first !== undefined && after < first - 1) return { position: first - 1, missed: true };
  return { position: after, missed: false };
}
