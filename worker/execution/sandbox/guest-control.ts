import type { Limits } from "../../../sdk/contract/limits.ts";
import type { SandboxFailure } from "../../../sdk/contract/sandbox.ts";
import { HOST_COSTS } from "./costs.ts";
import type { FuelMeter } from "./fuel-meter.ts";

/** Unwinds the guest's frames. What it means is in {@link GuestControl}; the guest may catch it, but not go on. */
export class GuestStopped extends Error {
  override readonly name = "GuestStopped";
}

/**
 * The host's hold on a running guest: what each import costs, the deadline, and how to stop it. A guest can catch what an
 * import throws, so stopping is taking its fuel away; the throw only saves it the way to its next check.
 */
export class GuestControl {
  readonly #meter: FuelMeter;
  readonly #limits: Limits;
  readonly #clock: () => number;
  readonly #startedAt: number;
  #failure: SandboxFailure | undefined;
  #exitCode: number | undefined;
  #crash: { readonly error: unknown } | undefined;
  #hostCalls = 0;

  /** @param clock  milliseconds; production moves it on at input and output only, so it bounds waiting and never computing */
  constructor(meter: FuelMeter, limits: Limits, clock: () => number) {
    this.#meter = meter;
    this.#limits = limits;
    this.#clock = clock;
    this.#startedAt = clock();
  }

  /** Why the host stopped the guest, undefined where it did not. */
  get failure(): SandboxFailure | undefined {
    return this.#failure;
  }

  /** Code given to `proc_exit`. */
  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  /** A fault of the host's own functions. */
  get crash(): { readonly error: unknown } | undefined {
    return this.#crash;
  }

  /** Capability calls so far, refused ones included. */
  get hostCalls(): number {
    return this.#hostCalls;
  }

  /** True once the host has ended the guest, for whatever reason. */
  get ended(): boolean {
    return this.#failure !== undefined || this.#exitCode !== undefined || this.#crash !== undefined;
  }

  /** Begins an import: takes its price and looks at the deadline. */
  enterImport(): void {
    if (this.ended) this.#halt();
    this.charge(HOST_COSTS.call);
    this.checkDeadline();
  }

  /**
   * Takes fuel for work about to be done.
   *
   * @param units  whole and not negative
   */
  charge(units: number): void {
    if (!this.#meter.take(units)) this.#halt();
  }

  checkDeadline(): void {
    if (this.remainingMs() < 0) this.stopAtDeadline();
  }

  /** Milliseconds until the deadline, negative behind it. */
  remainingMs(): number {
    return this.#limits.wallClock - (this.#clock() - this.#startedAt);
  }

  stopAtDeadline(beyondMs = 0): never {
    const allowed = this.#limits.wallClock;
    const used = Math.ceil(this.#clock() - this.#startedAt + beyondMs);
    this.stop({
      code: "WALL_CLOCK_EXCEEDED",
      detail: `The call needs ${used} ms; the limit is ${allowed} ms.`,
      limit: { name: "wallClock", used, allowed },
    });
  }

  /** Counts a call of a capability. */
  enterCapability(): void {
    this.#hostCalls += 1;
    const allowed = this.#limits.hostCalls;
    if (this.#hostCalls <= allowed) return;
    this.stop({
      code: "HOST_CALLS_EXCEEDED",
      detail: `The plugin made ${this.#hostCalls} capability calls; the limit is ${allowed}.`,
      limit: { name: "hostCalls", used: this.#hostCalls, allowed },
    });
  }

  /** Ends the guest with a failure. The first one stays. */
  stop(failure: SandboxFailure): never {
    this.#failure ??= failure;
    this.#halt();
  }

  /** Ends the guest at its own wish. */
  exit(code: number): never {
    this.#exitCode ??= code;
    this.#halt();
  }

  /** Ends the guest because a function of the host failed; the caller of the sandbox gets the error itself. */
  fail(error: unknown): never {
    this.#crash ??= { error };
    this.#halt();
  }

  #halt(): never {
    this.#meter.drain();
    throw new GuestStopped("The guest was stopped.");
  }
}
