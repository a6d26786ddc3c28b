import { PlatformError } from "../../sdk/contract/errors.ts";
import type { Limits } from "../../sdk/contract/limits.ts";
import type { Clock } from "../lib/clock.ts";
import { MOST_LANES } from "./admit.ts";
import type { Lanes, Place, PlaceRequest } from "./lanes.ts";

/** How often a waiting call asks. Milliseconds. */
const ASK_AGAIN_MS = 10;

export interface QueueDeps {
  readonly clock: Clock;
  readonly pause: (milliseconds: number) => Promise<void>;
}

/**
 * Takes a place for a call, in order of arrival. A call waits for half its wall clock at most, so that the rest is enough to
 * run; what it waited is part of its deadline.
 *
 * @throws {PlatformError} ISOLATE_BUSY where no place came free in time, or too many wait already
 */
export async function takePlace(
  lanes: Lanes,
  request: PlaceRequest,
  { wallClock }: Limits,
  { clock, pause }: QueueDeps,
): Promise<Place> {
  const startedAt = clock.now();
  const place = lanes.reserve(request, startedAt);
  if (place) return place;
  const ticket = lanes.lineUp(request, startedAt);
  if (!ticket) throw busy("and too many calls wait for a place already");
  const patience = Math.floor(wallClock / 2);
  try {
    for (;;) {
      const now = clock.now();
      const given = lanes.ask(ticket, now);
      if (given) return given;
      const left = startedAt + patience - now;
      if (left <= 0) throw busy(`and no call ended within ${patience} ms`);
      await pause(Math.min(ASK_AGAIN_MS, left));
    }
  } finally {
    lanes.leave(ticket);
  }
}

function busy(because: string): PlatformError {
  return new PlatformError(
    "ISOLATE_BUSY",
    `The plugin's ${MOST_LANES} isolates have no memory left for one more call at a time, ${because}.`,
  );
}
