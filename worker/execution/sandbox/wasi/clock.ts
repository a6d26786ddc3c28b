import { ERRNO, WasiError } from "./errno.ts";

const NANOSECONDS_PER_MILLISECOND = 1_000_000n;
/** What each reading adds, so that a guest that waits for time to pass sees it pass. Also the clocks' resolution. */
export const TICK_NANOSECONDS = 1_000n;

const REALTIME = 0;
const LAST_CLOCK = 3;

/**
 * The guest's time. It starts at the call's `now` and moves only by readings and by sleeping, so a replayed call sees the same
 * times. The clocks other than real time (monotonic, process and thread CPU) count from the start of the call.
 */
export class GuestClock {
  readonly #epoch: bigint;
  #elapsed = 0n;

  /** @param now  milliseconds since the epoch */
  constructor(now: number) {
    this.#epoch = BigInt(Math.trunc(now)) * NANOSECONDS_PER_MILLISECOND;
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
