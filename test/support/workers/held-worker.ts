import { env } from "cloudflare:workers";
import { advance, type Run } from "../../../worker/control/backups/actions/run.ts";
import { runSchedule, SCHEDULE } from "../../../worker/schedule.ts";
import { FaultyApp } from "./faulty-app.ts";
import { HeldQueue } from "./held-queue.ts";

const QUEUES = ["OUTCOMES", "MESSAGES", "WEBHOOKS", "AUDITS", "HEALTH_CHECKS"] as const;

/** The whole worker with nothing under way by itself: queues deliver, runs step on and jobs run when a test says so. */
export class HeldWorker {
  readonly app: FaultyApp;
  readonly #queues = new Map(QUEUES.map((name) => [name, new HeldQueue()]));
  readonly #runs: Run[] = [];

  /** @param bindings  in place of the real ones */
  constructor(bindings: Partial<Env> = {}) {
    const create = ({ params }: { readonly params: Run }): Promise<object> => {
      this.#runs.push(params);
      return Promise.resolve({});
    };
    const held = { ...env, ...Object.fromEntries(this.#queues), BACKUP_RUNS: { create }, ...bindings };
    this.app = new FaultyApp(held as unknown as Env); // all that is used of queues and Workflows
  }

  /** Messages that wait. */
  get waiting(): number {
    return [...this.#queues.values()].reduce((sum, { messages }) => sum + messages.length, 0);
  }

  /** Delivers what waits in every queue, once. */
  async deliver(): Promise<void> {
    for (const [name, queue] of this.#queues) {
      await queue.deliver(this.app, `patchbay-${name.toLowerCase().replace("_", "-")}`);
    }
  }

  /** Takes runs that were begun to their end. */
  async finishRuns(): Promise<void> {
    for (let run = this.#runs.shift(); run; run = this.#runs.shift()) {
      const params = run;
      while (!(await this.app.run((deps) => advance(deps, params))));
    }
  }

  /** Runs every job. @returns names of triggers whose jobs failed */
  async runJobs(): Promise<readonly string[]> {
    const failed: string[] = [];
    for (const cron of Object.keys(SCHEDULE)) {
      await this.app.run((deps) => runSchedule(deps, cron)).catch((error: unknown) => failed.push(String(error)));
    }
    return failed;
  }
}
