/** A small generator with a seed, so that a failing sequence can be run again. */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** @returns a whole number from 0 to `bound - 1` */
  below(bound: number): number {
    // xorshift32; a state of 0 would stay 0.
    let x = this.#state === 0 ? 0x9e3779b9 : this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state % bound;
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items[this.below(Math.max(1, items.length))];
  }
}
