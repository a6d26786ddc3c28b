import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { createApp } from "../../../worker/app.ts";
import { createDeps, createResident, type Deps, type Resident } from "../../../worker/deps.ts";
import { routes } from "../../../worker/routes.ts";
import { readAnswer, requestOf, type ApiAnswer, type ApiRequest } from "./api.ts";
import { Faults, SteppingClock } from "./faults.ts";

/** The whole worker as one isolate of its own, with faults that a test injects, time that it moves, and no pauses. */
export class FaultyApp {
  readonly faults: Faults;
  readonly clock: SteppingClock;
  readonly kept: Resident = createResident();
  readonly #app;

  constructor(bindings: Env = env, clock = new SteppingClock()) {
    this.faults = new Faults(bindings);
    this.clock = clock;
    this.#app = createApp(routes, (_, context) => this.deps(context));
  }

  /** @returns the answer, once all that was left for after it is done */
  async request(method: string, path: string, request: ApiRequest = {}): Promise<ApiAnswer> {
    const context = createExecutionContext();
    const response = await this.#app.fetch(requestOf(method, path, request), this.faults.env, context);
    const answer = await readAnswer(response);
    await waitOnExecutionContext(context);
    return answer;
  }

  /** What a request, a queue or a cron job of this isolate works with. */
  deps(context: Pick<ExecutionContext, "waitUntil">): Deps {
    const deps = createDeps(this.faults.env, context, this.clock, this.kept);
    const pause = (milliseconds: number): Promise<void> => Promise.resolve(this.clock.advance(milliseconds));
    // Enumerable as it was: actions pass on copies of what they got.
    return Object.defineProperty(deps, "pause", { value: pause, enumerable: true });
  }

  /** Runs work outside of requests, with all that it leaves for later. */
  async run<T>(work: (deps: Deps) => Promise<T>): Promise<T> {
    const context = createExecutionContext();
    const result = await work(this.deps(context));
    await waitOnExecutionContext(context);
    return result;
  }
}
