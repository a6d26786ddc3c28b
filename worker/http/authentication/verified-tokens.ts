const CAPACITY = 2_000;

interface Entry<T> {
  readonly claims: T;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/** Tokens whose signature was verified a moment ago. Bounded; the one unused for longest goes first. In memory only. */
export class VerifiedTokens<T> {
  readonly #entries = new Map<string, Entry<T>>();

  get(token: string, now: number): T | undefined {
    const entry = this.#entries.get(token);
    if (!entry) return undefined;
    this.#entries.delete(token);
    if (now >= entry.until) return undefined;
    this.#entries.set(token, entry);
    return entry.claims;
  }

  set(token: string, claims: T, until: number): void {
    this.#entries.delete(token);
    this.#entries.set(token, { claims, until });
    if (this.#entries.size <= CAPACITY) return;
    const oldest = this.#entries.keys().next();
    if (!oldest.done) this.#entries.delete(oldest.value);
  }
}
