/** Isolates one request may have at work at once: the platform's cap is 4, and it counts those that just ended for a while. */
export const MOST_AT_WORK = 2;
/** Plugins that may wait for each other in one chain, the last of which waits for none. Each costs memory while it waits. */
export const MOST_IN_CHAIN = 4;

/**
 * Who may have an isolate at work, among the calls of one request. A call keeps its slot while it waits for a call of its
 * own, so calls can wait for each other in a circle; the one that would close it is refused. One per request.
 */
export class Slots {
  /** Calls at work, and the call that made each. */
  readonly #held = new Map<string, string | undefined>();
  /** In order of arrival. */
  readonly #waiting = new Map<string, string | undefined>();

  get atWork(): number {
    return this.#held.size;
  }

  /** True where a call that asks now need not wait. */
  get hasRoom(): boolean {
    return this.#held.size < MOST_AT_WORK && this.#waiting.size === 0;
  }

  /**
   * Asks for a slot, the first time or again.
   *
   * @param call    the call's id
   * @param parent  the call on whose behalf it runs
   * @returns `never` where every slot is held by a call that waits for one that waits for a slot
   */
  ask(call: string, parent: string | undefined): "taken" | "wait" | "never" {
    this.#waiting.set(call, parent);
    const [first] = this.#waiting.keys();
    if (this.#held.size < MOST_AT_WORK && first === call) {
      this.#waiting.delete(call);
      this.#held.set(call, parent);
      return "taken";
    }
    return this.#isStuck() ? "never" : "wait";
  }

  /** Gives a slot back, or a place in line. */
  leave(call: string): void {
    this.#held.delete(call);
    this.#waiting.delete(call);
  }

  #isStuck(): boolean {
    const waitedFor = new Set<string>();
    for (const parent of this.#waiting.values()) {
      for (let at = parent; at !== undefined && !waitedFor.has(at); at = this.#held.get(at)) waitedFor.add(at);
    }
    return this.#held.size >= MOST_AT_WORK && [...this.#held.keys()].every((call) => waitedFor.has(call));
  }
}
