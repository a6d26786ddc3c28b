import { Lanes } from "./lanes.ts";

/** Isolates, and generations, remembered at once; past that all are forgotten, which costs one more module read or one failed try. */
const CAPACITY = 10_000;

/**
 * What this worker isolate knows of the plugin isolates it uses: which ids have started, the generation in use for an
 * install, and the memory held by calls in flight. One per worker isolate; plain data, shared by all requests.
 */
export class IsolateBook {
  readonly lanes = new Lanes();
  readonly #started = new Set<string>();
  readonly #generations = new Map<string, number>();

  hasStarted(id: string): boolean {
    return this.#started.has(id);
  }

  markStarted(id: string): void {
    if (this.#started.size >= CAPACITY) this.#started.clear();
    this.#started.add(id);
  }

  /** The first one until this worker isolate learns of another, which it does when the one it knows fails. */
  generation(installId: string): number {
    return this.#generations.get(installId) ?? 0;
  }

  setGeneration(installId: string, generation: number): void {
    const latest = Math.max(generation, this.generation(installId));
    if (this.#generations.size >= CAPACITY) this.#generations.clear();
    this.#generations.set(installId, latest);
  }
}
