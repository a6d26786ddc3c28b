import type { Result, Router } from "hono/router";
import { RegExpRouter } from "hono/router/reg-exp-router";
import { SmartRouter } from "hono/router/smart-router";
import { TrieRouter } from "hono/router/trie-router";

/** Matches kept; the oldest goes first. Callers use few paths, and made-up ones must not fill the memory. */
const CAPACITY = 500;

/**
 * Hono's own routers behind a memory of their answers. Paths such as `/execute/:id` beside `/:id/execute` are more than its
 * fast router takes, and the other one takes longer to find a route than a warm call spends on anything else of ours.
 */
export class RememberingRouter<T> implements Router<T> {
  readonly name = "RememberingRouter";
  readonly #routes: Router<T> = new SmartRouter<T>({ routers: [new RegExpRouter<T>(), new TrieRouter<T>()] });
  readonly #matches = new Map<string, Result<T>>();

  add(method: string, path: string, handler: T): void {
    this.#routes.add(method, path, handler);
  }

  match(method: string, path: string): Result<T> {
    const key = `${method} ${path}`;
    const known = this.#matches.get(key);
    if (known) return known;
    const match = this.#routes.match(method, path);
    this.#matches.set(key, match);
    if (this.#matches.size > CAPACITY) {
      const oldest = this.#matches.keys().next();
      if (!oldest.done) this.#matches.delete(oldest.value);
    }
    return match;
  }
}
