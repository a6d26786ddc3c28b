import { ERRNO, WasiError } from "./errno.ts";

export const NANOSECONDS_PER_MILLISECOND = 1_000_000n;
/** What each reading adds, so that a guest that waits for time to pass sees it pass. Also the clocks' resolution. */
export const TICK_NANOSECONDS = 1_000n;

const REALTIME = 0;
const LAST_CLOCK = 3;

/**
 * The guest's time. It starts at the call's `now` and moves only by readings and by sleeping, so a replayed call sees the same
 * times. The clocks other than real time (monotonic, process and thread CPU) count from the start of the instance.
 */
export class GuestClock {
  /** Real time less the time that the other clocks show. */
  readonly #epoch: bigint;
  #elapsed: bigint;

  /**
   * @param now     milliseconds since the epoch
   * @param uptime  what the clocks other than real time begin with, in nanoseconds; above 0 for an instance used before,
   *   whose monotonic clock must not run back
   */
  constructor(now: number, uptime = 0n) {
    this.#epoch = BigInt(Math.trunc(now)) * NANOSECONDS_PER_MILLISECOND - uptime;
    this.#elapsed = uptime;
  }

  /** Nanoseconds that the clocks other than real time show. */
  get uptime(): bigint {
    return this.#elapsed;
  }

  /**
   * Reads a clock, in nanoseconds. Never 0, which some runtimes take for a broken clock.
   *
   * @throws {WasiError} EINVAL for a clock that does not exist
   */
  read(id: number): bigint {
    this.#elapsed += TICK_NANOSECONDS;
    return this.peek(id);
  }

  /** As {@link read}, without moving time. */
  peek(id: number): bigint {
    if (id < REALTIME || id > LAST_CLOCK) throw new WasiError(ERRNO.inval);
    return id === REALTIME ? this.#epoch + this.#elapsed : this.#elapsed;
  }

  /** Moves time on after the guest has slept. */
  advance(nanoseconds: bigint): void {
    this.#elapsed += nanoseconds;
  }
}
