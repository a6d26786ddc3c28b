import { WorkerEntrypoint } from "cloudflare:workers";
import { createDeps } from "./deps.ts";
import { answerNestedCall, type NestedAnswer, type SharedBudget } from "./execution/fresh-request.ts";
import type { NestedEvent } from "./execution/invoke.ts";

/**
 * Runs a plugin that another plugin's call waits for in a request of its own. It trusts its arguments: only this worker itself
 * reaches it, through `ctx.exports`; it has no route, and plugins have no bindings.
 */
export class NestedCalls extends WorkerEntrypoint<Env> {
  call(tenantId: string, event: NestedEvent, budget: SharedBudget): Promise<NestedAnswer> {
    const answer = answerNestedCall(createDeps(this.env, this.ctx), tenantId, event, budget);
    // Recorded even where the caller has not waited.
    this.ctx.waitUntil(answer);
    return answer;
  }
}
