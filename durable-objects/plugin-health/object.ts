import { DurableObject } from "cloudflare:workers";
import { nextGeneration } from "./rules.ts";

const GENERATION = "generation";

/** What outlives the isolates of one install. Never loads plugin code, so it shares no fate with what it watches. */
export class PluginHealth extends DurableObject {
  /** @returns the generation that replaces one that failed; durable before it is answered */
  async replaceGeneration(failed: number): Promise<number> {
    const current = (await this.ctx.storage.get<number>(GENERATION)) ?? 0;
    const next = nextGeneration(current, failed);
    if (next !== current) await this.ctx.storage.put(GENERATION, next);
    return next;
  }
}
