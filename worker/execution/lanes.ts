import { chooseLane } from "./admit.ts";

/** Calls that may wait for a place in one plugin's isolates; further ones are refused at once. */
export const MOST_WAITING = 64;
/** A waiting call that has not asked for so long has gone away with its request. Milliseconds. */
export const SILENCE_MS = 1_000;

/** Memory held in one lane by a call in flight. */
export interface Place {
  readonly lane: number;
  readonly bytes: number;
  /** From then on the place is free, released or not: a request that is cut off runs no `finally`. */
  readonly expiresAt: number;
}

/** What one call asks for. Times are milliseconds since the epoch. */
export interface PlaceRequest {
  /** Whose lanes: the isolate's identity without generation and lane. */
  readonly isolate: string;
  readonly bytes: number;
  /** When the call will be over for certain. */
  readonly expiresAt: number;
}

/** A call in line. */
export interface Ticket {
  readonly request: PlaceRequest;
  askedAt: number;
}

interface Isolate {
  readonly places: Set<Place>;
  /** In order of arrival. */
  readonly line: Set<Ticket>;
}

/**
 * Memory that calls in flight hold, by plugin and lane, and the calls that wait for some. All calls of one isolate share its
 * memory, so what they could need together must fit. One per worker isolate, shared by all requests; plain data. Nothing
 * passes from request to request but numbers: who waits asks again.
 */
export class Lanes {
  readonly #isolates = new Map<string, Isolate>();

  /** @returns undefined where the call has to wait, behind others or for memory */
  reserve(request: PlaceRequest, now: number): Place | undefined {
    const isolate = this.#of(request.isolate, now);
    return isolate.line.size > 0 ? undefined : this.#place(isolate, request);
  }

  /** @returns undefined where the line is full */
  lineUp(request: PlaceRequest, now: number): Ticket | undefined {
    const { line } = this.#of(request.isolate, now);
    if (line.size >= MOST_WAITING) return undefined;
    const ticket = { request, askedAt: now };
    line.add(ticket);
    return ticket;
  }

  /** A place for the first in line where there is room; to be asked again and again by who holds the ticket. */
  ask(ticket: Ticket, now: number): Place | undefined {
    ticket.askedAt = now;
    const isolate = this.#of(ticket.request.isolate, now);
    // One whose request slept so long that it was taken for gone comes last.
    isolate.line.add(ticket);
    const [first] = isolate.line;
    if (first !== ticket) return undefined;
    const place = this.#place(isolate, ticket.request);
    if (place) isolate.line.delete(ticket);
    return place;
  }

  /** Gives a ticket back unused. */
  leave(ticket: Ticket): void {
    const isolate = this.#isolates.get(ticket.request.isolate);
    isolate?.line.delete(ticket);
    this.#forgetIfIdle(ticket.request.isolate, isolate);
  }

  release(isolate: string, place: Place): void {
    const found = this.#isolates.get(isolate);
    found?.places.delete(place);
    this.#forgetIfIdle(isolate, found);
  }

  /** Bytes held in each lane of a plugin. */
  held(isolate: string): readonly number[] {
    return heldBytes(this.#isolates.get(isolate)?.places ?? []);
  }

  #place({ places }: Isolate, { bytes, expiresAt }: PlaceRequest): Place | undefined {
    const lane = chooseLane(heldBytes(places), bytes);
    if (lane === undefined) return undefined;
    const place = { lane, bytes, expiresAt };
    places.add(place);
    return place;
  }

  /** The plugin's lanes without what has lapsed. */
  #of(identity: string, now: number): Isolate {
    const isolate = this.#isolates.get(identity) ?? { places: new Set<Place>(), line: new Set<Ticket>() };
    this.#isolates.set(identity, isolate);
    for (const place of isolate.places) if (place.expiresAt <= now) isolate.places.delete(place);
    for (const ticket of isolate.line) if (now - ticket.askedAt > SILENCE_MS) isolate.line.delete(ticket);
    return isolate;
  }

  #forgetIfIdle(identity: string, isolate: Isolate | undefined): void {
    if (isolate?.places.size === 0 && isolate.line.size === 0) this.#isolates.delete(identity);
  }
}

function heldBytes(places: Iterable<Place>): number[] {
  const lanes: number[] = [];
  for (const { lane, bytes } of places) {
    while (lanes.length <= lane) lanes.push(0);
    lanes[lane] = (lanes[lane] ?? 0) + bytes;
  }
  return lanes;
}
