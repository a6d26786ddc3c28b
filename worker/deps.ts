import { ModeStore, unknownMode, type KnownMode, type ModeBindings } from "./control/modes/mode-store.ts";
import { findClient } from "./control/oauth/actions.ts";
import { queueOutgoing } from "./control/plugin-webhooks/actions/send.ts";
import { raiseFinding, readSecurityLog } from "./control/security/actions.ts";
import { noResults, probeSeldom, type KeptResults, type ProbeResult } from "./control/system-health/probes.ts";
import { openDatabase, type Database } from "./db/client.ts";
import { StoreWatch, watchBucket, watchDatabase } from "./db/watched-stores.ts";
import { parsePrivateHosts, PublicEgress, type PublicNames } from "./execution/capabilities/http/egress.ts";
import type { CapabilityServices } from "./execution/capabilities/services.ts";
import { Publisher } from "./execution/bus/publisher.ts";
import { IdempotentCalls } from "./execution/idempotency/idempotent-calls.ts";
import { RetryingSnapshotStore } from "./execution/idempotency/retrying-snapshot-store.ts";
import { emailProvider, type EmailProvider } from "./email/provider.ts";
import { BreakerBook } from "./execution/breaker/book-rules.ts";
import { Breakers, type CallGuard } from "./execution/breaker/breakers.ts";
import { IsolateBook } from "./execution/isolate-book.ts";
import { callInFreshRequest, type NestedEntry } from "./execution/fresh-request.ts";
import type { FreshRequests } from "./execution/invoke.ts";
import { Isolates } from "./execution/isolate.ts";
import { noPendingRecords, OutcomeReporter, type PendingRecords } from "./execution/outcome-reporter.ts";
import { Recorder, RecordingStore } from "./execution/recording-store.ts";
import { CaptureBook } from "./execution/recording/capture-rules.ts";
import { ConfigOpener, OpenedConfigs } from "./execution/sealed-config.ts";
import { ValueSeal } from "./execution/sealed-value.ts";
import { SnapshotCache, type SnapshotStore } from "./execution/snapshot-store.ts";
import { systemClock, type Clock } from "./lib/clock.ts";
import { patientBindings } from "./lib/patient-bindings.ts";
import { randomPool } from "./lib/random-pool.ts";
import { systemIds, type IdSource } from "./lib/ulid.ts";

/** What actions receive: bindings made into values, and the sources of time, ids, randomness and deferred work. */
export interface Deps {
  readonly env: Env;
  readonly db: Database;
  /** What the request has asked of database and bucket. */
  readonly stores: StoreWatch;
  readonly modes: ModeStore;
  readonly snapshots: SnapshotStore;
  readonly isolates: Isolates;
  readonly freshRequests: FreshRequests;
  readonly outcomes: OutcomeReporter;
  readonly breakers: CallGuard;
  readonly configs: ConfigOpener;
  readonly recordings: RecordingStore;
  readonly recorder: Recorder;
  readonly idempotency: IdempotentCalls;
  readonly capabilities: CapabilityServices;
  /** Publishes to the topics of the message bus. */
  readonly bus: Publisher;
  /** What sends e-mail; undefined where nothing is configured for it. */
  readonly email: EmailProvider | undefined;
  /** How what the platform stands on is, as found within the last moments. */
  readonly systemHealth: () => Promise<readonly ProbeResult[]>;
  readonly clock: Clock;
  readonly newId: IdSource;
  readonly randomBytes: (length: number) => Uint8Array;
  /** Waits this many milliseconds. */
  readonly pause: (milliseconds: number) => Promise<void>;
  /** Whether this worker isolate has held its deployment against the data. */
  readonly environment: { checked: boolean };
  /** Work that outlives the answer. */
  readonly defer: (work: Promise<unknown>) => void;
}

/** What one worker isolate keeps between requests: caches and records under way, plain data only. */
export interface Resident {
  readonly snapshots: SnapshotCache;
  readonly isolates: IsolateBook;
  readonly breakers: BreakerBook;
  readonly systemHealth: KeptResults;
  readonly pendingRecords: PendingRecords;
  readonly captures: CaptureBook;
  readonly publicNames: PublicNames;
  readonly openedConfigs: OpenedConfigs;
  readonly mode: KnownMode;
  /** Whether this isolate has held its deployment against the data. */
  readonly environment: { checked: boolean };
}

export function createResident(): Resident {
  return {
    snapshots: new SnapshotCache(),
    isolates: new IsolateBook(),
    breakers: new BreakerBook(),
    systemHealth: noResults(),
    pendingRecords: noPendingRecords(),
    captures: new CaptureBook(),
    publicNames: new Map(),
    openedConfigs: new OpenedConfigs(),
    mode: unknownMode(),
    environment: { checked: false },
  };
}

const resident = createResident();

function pause(milliseconds: number): Promise<void> {
  return scheduler.wait(milliseconds);
}

/** What a request is given by the runtime. `exports` are the worker's own entry points (worker/index.ts). */
export interface RequestContext extends Pick<ExecutionContext, "waitUntil"> {
  readonly exports?: { readonly NestedCalls: NestedEntry };
}

/** @param kept  state between requests; tests give their own to begin cold */
export function createDeps(
  bindings: Env,
  context: RequestContext,
  clock: Clock = systemClock,
  kept: Resident = resident,
): Deps {
  const defer = (work: Promise<unknown>): void => context.waitUntil(work);
  const stores = new StoreWatch(({ part }) => modes.noted(part), clock);
  const env = watchedEnv(bindings, stores, clock);
  const randomBytes = randomPool((bytes) => crypto.getRandomValues(bytes));
  const recordings = new RecordingStore({ bucket: env.STORE, keyRing: env.RECORDING_KEYS, randomBytes });
  const newId = systemIds(() => clock.now(), randomBytes);
  const modes = openModes(bindings, env, kept, { clock, newId, defer });
  const bus = new Publisher(env.MESSAGES, clock, newId);
  const sinks = { queue: env.OUTCOMES, bucket: env.STORE, newId };
  const outcomes = new OutcomeReporter(sinks, kept.pendingRecords, clock, defer);
  const { PLUGIN_HEALTH: namespace, LOADER: loader, STORE: bucket } = env;
  const isolates = new Isolates({ loader, bucket, health: namespace, book: kept.isolates, clock, pause });
  let database: Database | undefined;
  // Opened on first use: a warm call never needs it.
  const db = (): Database => (database ??= openDatabase(env.DB));
  return {
    env,
    get db() {
      return db();
    },
    stores,
    modes,
    snapshots: new RetryingSnapshotStore(env.STORE, kept.snapshots, clock, defer, { pause, randomBytes }),
    isolates,
    freshRequests: freshRequests(context, isolates),
    outcomes,
    breakers: new Breakers({ namespace, book: kept.breakers, clock, newId, pause, defer, outcomes }),
    configs: new ConfigOpener(env.CONFIG_KEYS, kept.openedConfigs),
    recordings,
    recorder: new Recorder({ store: recordings, book: kept.captures, clock, afterAnswer: () => pause(0), defer }),
    idempotency: new IdempotentCalls(env.IDEMPOTENCY, defer),
    bus,
    systemHealth: () => probeSeldom({ env: bindings, clock }, kept.systemHealth),
    get email() {
      return emailProvider(env, (input, init) => fetch(input, init), clock);
    },
    clock,
    capabilities: capabilityServices(env, kept, { clock, newId, randomBytes, bus, defer }, db),
    environment: kept.environment,
    newId,
    randomBytes,
    pause,
    defer,
  };
}

/** Probes are of the bindings themselves, each with a time of its own. */
function openModes(
  bindings: Env,
  env: Env,
  { mode: known }: Resident,
  sources: Pick<ModeBindings, "clock" | "newId" | "defer">,
): ModeStore {
  return new ModeStore({ ...sources, namespace: env.SYSTEM_MODE, probed: bindings, known, pause });
}

/** Reads the exports when they are needed: the runtime makes them for each request that asks. */
function freshRequests(context: RequestContext, isolates: Isolates): FreshRequests {
  return {
    find: () => {
      const entry = isolates.hasRoom ? undefined : context.exports?.NestedCalls;
      return entry && ((...call) => callInFreshRequest(entry, ...call));
    },
  };
}

/** The bindings, each of which answers in time or fails, and the stores watched. */
function watchedEnv(bindings: Env, stores: StoreWatch, clock: Clock): Env {
  let database: D1Database | undefined;
  return Object.create(patientBindings(bindings, clock), {
    STORE: { value: watchBucket(bindings.STORE, stores) },
    DB: { get: () => (database ??= watchDatabase(bindings.DB, stores)) },
  }) as Env; // two members replaced
}

/** What plugins' capabilities reach. */
function capabilityServices(
  env: Env,
  kept: Resident,
  sources: Pick<CapabilityServices, "clock" | "newId" | "randomBytes" | "bus" | "defer">,
  db: () => Database,
): CapabilityServices {
  const { clock, newId, randomBytes } = sources;
  const values = new ValueSeal(env.DATA_KEYS, randomBytes);
  return {
    ...sources,
    storage: env.PLUGIN_STORAGE,
    databases: env.PLUGIN_DATABASE,
    files: env.PLUGIN_FILES,
    bucket: env.STORE,
    values,
    webhooks: { queue: (message, most) => queueOutgoing({ db: db(), clock, newId, env }, message, most) },
    oauth: { find: (owner, provider) => findClient({ db: db(), capabilities: { values } }, owner, provider) },
    security: {
      read: (call, log, page) => readSecurityLog({ db: db() }, call, log, page),
      raise: (call, finding, most) => raiseFinding({ db: db(), clock, newId }, call, finding, most),
    },
    egress: new PublicEgress({
      fetch: (input, init) => fetch(input, init),
      clock,
      names: kept.publicNames,
      privateHosts: parsePrivateHosts(env.PRIVATE_HOSTS),
    }),
  };
}
