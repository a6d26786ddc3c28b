import { chooseLane } from "./admit.ts";

/** Isolates remembered at once; past that the oldest are forgotten and only cost one more module read. */
const CAPACITY = 10_000;

/**
 * What this worker isolate knows of the plugin isolates it uses: which ids have started, the generation in use for an
 * install, and the memory reserved by calls in flight. One per worker isolate; plain data, shared by all requests.
 */
export class IsolateBook {
  readonly #started = new Set<string>();
  readonly #generations = new Map<string, number>();
  readonly #reserved = new Map<string, number[]>();

  hasStarted(id: string): boolean {
    return this.#started.has(id);
  }

  markStarted(id: string): void {
    if (this.#started.size >= CAPACITY) this.#started.clear();
    this.#started.add(id);
  }

  generation(installId: string): number {
    return this.#generations.get(installId) ?? 0;
  }

  setGeneration(installId: string, generation: number): void {
    this.#generations.set(installId, Math.max(generation, this.generation(installId)));
  }

  /** Reserves memory in a lane of a plugin until `release` is called with what this returns. */
  reserve(pluginIdentity: string, bytes: number): number {
    const lanes = this.#reserved.get(pluginIdentity) ?? [];
    const lane = chooseLane(lanes, bytes);
    lanes[lane] = (lanes[lane] ?? 0) + bytes;
    this.#reserved.set(pluginIdentity, lanes);
    return lane;
  }

  release(pluginIdentity: string, lane: number, bytes: number): void {
    const lanes = this.#reserved.get(pluginIdentity);
    if (!lanes) return;
    lanes[lane] = Math.max(0, (lanes[lane] ?? 0) - bytes);
    if (lanes.every((taken) => taken === 0)) this.#reserved.delete(pluginIdentity);
  }
}
