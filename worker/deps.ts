import { openDatabase, type Database } from "./db/client.ts";
import { IsolateBook } from "./execution/isolate-book.ts";
import { Isolates } from "./execution/isolate.ts";
import { OutcomeReporter, type PendingRecords } from "./execution/outcome-reporter.ts";
import { SnapshotCache, SnapshotStore } from "./execution/snapshot-store.ts";
import { systemClock, type Clock } from "./lib/clock.ts";
import { systemIds, type IdSource } from "./lib/ulid.ts";

/** What actions receive: bindings made into values, and the sources of time, ids, randomness and deferred work. */
export interface Deps {
  readonly env: Env;
  readonly db: Database;
  readonly snapshots: SnapshotStore;
  readonly isolates: Isolates;
  readonly outcomes: OutcomeReporter;
  readonly clock: Clock;
  readonly newId: IdSource;
  readonly randomBytes: (length: number) => Uint8Array;
  /** Work that outlives the answer. */
  readonly defer: (work: Promise<unknown>) => void;
}

/** What one worker isolate keeps between requests: caches and records under way, plain data only. */
export interface Resident {
  readonly snapshots: SnapshotCache;
  readonly isolates: IsolateBook;
  readonly pendingRecords: PendingRecords;
}

export function createResident(): Resident {
  return { snapshots: new SnapshotCache(), isolates: new IsolateBook(), pendingRecords: [] };
}

const resident = createResident();

/** @param kept  state between requests; tests give their own to begin cold */
export function createDeps(
  env: Env,
  context: Pick<ExecutionContext, "waitUntil">,
  clock: Clock = systemClock,
  kept: Resident = resident,
): Deps {
  const defer = (work: Promise<unknown>): void => context.waitUntil(work);
  return {
    env,
    db: openDatabase(env.DB),
    snapshots: new SnapshotStore(env.STORE, kept.snapshots, clock, defer),
    isolates: new Isolates({
      loader: env.LOADER,
      bucket: env.STORE,
      health: env.PLUGIN_HEALTH,
      book: kept.isolates,
    }),
    outcomes: new OutcomeReporter(env.OUTCOMES, kept.pendingRecords, defer),
    clock,
    newId: systemIds(() => clock.now()),
    randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
    defer,
  };
}
