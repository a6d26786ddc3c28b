import { openDatabase, type Database } from "./db/client.ts";
import { systemClock, type Clock } from "./lib/clock.ts";
import { systemIds, type IdSource } from "./lib/ulid.ts";

/** What actions receive: bindings made into values, and the sources of time, ids and deferred work. */
export interface Deps {
  readonly env: Env;
  readonly db: Database;
  readonly clock: Clock;
  readonly newId: IdSource;
  /** Work that outlives the answer. */
  readonly defer: (work: Promise<unknown>) => void;
}

export function createDeps(env: Env, context: Pick<ExecutionContext, "waitUntil">, clock: Clock = systemClock): Deps {
  return {
    env,
    db: openDatabase(env.DB),
    clock,
    newId: systemIds(() => clock.now()),
    defer: (work) => context.waitUntil(work),
  };
}
