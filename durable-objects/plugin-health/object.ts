import { DurableObject } from "cloudflare:workers";
import { FIRST_GENERATION, replaceFailed, type Generations, type Replacement } from "./rules.ts";

const GENERATIONS = "generations";

/** What outlives the isolates of one install. Never loads plugin code, so it shares no fate with what it watches. */
export class PluginHealth extends DurableObject {
  /** @returns what replaces a generation that failed; durable before it is answered */
  async replaceGeneration(failed: number): Promise<Replacement> {
    const known = (await this.ctx.storage.get<Generations>(GENERATIONS)) ?? FIRST_GENERATION;
    const { answer, next } = replaceFailed(known, failed, Date.now());
    if (next !== known) await this.ctx.storage.put(GENERATIONS, next);
    return answer;
  }
}
