import { PlatformError } from "../../sdk/contract/errors.ts";
import type { Limits } from "../../sdk/contract/limits.ts";
import { MOST_LANES } from "./admit.ts";
import type { Lanes, Place, PlaceRequest } from "./lanes.ts";
import { askUntil, patienceOf, type WaitDeps } from "./waiting.ts";

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
  deps: WaitDeps,
): Promise<Place> {
  const now = deps.clock.now();
  const place = lanes.reserve(request, now);
  if (place) return place;
  const ticket = lanes.lineUp(request, now);
  if (!ticket) throw busy("and too many calls wait for a place already");
  const patience = patienceOf(wallClock);
  try {
    const given = await askUntil(deps, patience, () => lanes.ask(ticket, deps.clock.now()));
    if (given) return given;
    throw busy(`and no call ended within ${patience} ms`);
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
