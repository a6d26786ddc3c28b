import { WorkflowEntrypoint, type WorkflowEvent, type WorkflowStep } from "cloudflare:workers";
import { advance, giveUp, type Run } from "./control/backups/actions/run.ts";
import { advanceErasure, postponeErasure } from "./control/erasures/actions/run.ts";
import { createDeps, type Deps } from "./deps.ts";
import { systemClock } from "./lib/clock.ts";

/** One step of the Workflow takes steps of the run for so long: fewer are stored, and one that fails costs less. */
const STEP_MS = 10_000;
const RETRIES = { retries: { limit: 5, delay: "5 seconds", backoff: "exponential" }, timeout: "10 minutes" } as const;

/** Takes the steps of one backup, restore or erasure. Where the run is, is in its row; this only goes on. */
export class BackupRun extends WorkflowEntrypoint<Env, Run> {
  override async run({ payload }: WorkflowEvent<Run>, step: WorkflowStep): Promise<void> {
    try {
      for (let count = 0; ; count++) {
        if (await step.do(`steps ${count}`, RETRIES, () => this.#advance(payload))) return;
      }
    } catch (error) {
      await step.do("give up", () => {
        const deps = createDeps(this.env, this.ctx);
        return payload.kind === "erasure" ? postponeErasure(deps, payload.id, error) : giveUp(deps, payload, error);
      });
    }
  }

  async #advance(run: Run): Promise<boolean> {
    const until = systemClock.now() + STEP_MS;
    do {
      // A snapshot cache and a time of its own for each step, as each request has.
      if (await takeStep(createDeps(this.env, this.ctx), run)) return true;
    } while (systemClock.now() < until);
    return false;
  }
}

function takeStep(deps: Deps, run: Run): Promise<boolean> {
  return run.kind === "erasure" ? advanceErasure(deps, run.id) : advance(deps, run);
}
