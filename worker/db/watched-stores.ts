import type { Clock } from "../lib/clock.ts";
import { isBucketFault, isDatabaseFault, Outage, type Store } from "../lib/outage.ts";
import { PATIENCE_MS, Unanswered, within } from "../lib/patience.ts";

/** What one request has asked of the stores. */
export class StoreWatch {
  /** True once the database was asked to change something, whether or not it answered. */
  wrote = false;
  readonly #onOutage: (outage: Outage) => void;
  readonly #clock: Clock;
  /** When each store last did not answer at all. Milliseconds since the epoch. */
  readonly #unanswered = new Map<Store, number>();

  constructor(onOutage: (outage: Outage) => void, clock: Clock) {
    this.#onOutage = onOutage;
    this.#clock = clock;
  }

  /**
   * Asks a store, which answers in time or counts as away. One that did not answer is not asked again for as long as it was
   * waited for: a request that goes on all the same, or tries again, must not wait each time.
   *
   * @param patience  milliseconds; undefined: for as long as it takes
   * @param isFault   whether an error is the store's, rather than the question's
   * @throws {Outage} where the store is at fault
   */
  async ask<T>(
    part: Store,
    patience: number | undefined,
    isFault: (error: unknown) => boolean,
    run: () => Promise<T>,
  ): Promise<T> {
    const { database, storeRead } = PATIENCE_MS;
    const pause = part === "database" ? database : storeRead;
    if (this.#clock.now() - (this.#unanswered.get(part) ?? -Infinity) < pause) {
      throw new Outage(part, new Error("It did not answer a moment ago, and was not asked again."));
    }
    try {
      return await (patience === undefined ? run() : within(this.#clock, patience, run));
    } catch (error) {
      if (error instanceof Unanswered) this.#unanswered.set(part, this.#clock.now());
      if (!isFault(error)) throw error;
      const outage = new Outage(part, error);
      this.#onOutage(outage);
      throw outage;
    }
  }
}

/** Answers without changing anything; what begins otherwise may change something. */
const READING = /^\s*select\b/i;

/** The database, failing with an Outage where the service rather than the statement is at fault. */
export function watchDatabase(database: D1Database, watch: StoreWatch): D1Database {
  const known = new WeakMap<object, { readonly statement: D1PreparedStatement; readonly writes: boolean }>();
  const guarded = <T>(writes: boolean, run: () => Promise<T>): Promise<T> =>
    watch.ask("database", PATIENCE_MS.database, isDatabaseFault, () => {
      watch.wrote ||= writes;
      return run();
    });
  const wrap = (statement: D1PreparedStatement, writes: boolean): D1PreparedStatement => {
    const wrapped = {
      bind: (...values: unknown[]) => wrap(statement.bind(...values), writes),
      first: (column: string) => guarded(writes, () => statement.first(column)),
      all: () => guarded(writes, () => statement.all()),
      run: () => guarded(writes, () => statement.run()),
      raw: (options: { columnNames: true }) => guarded(writes, () => statement.raw(options)),
    } as unknown as D1PreparedStatement; // overloads pass through as they are
    known.set(wrapped, { statement, writes });
    return wrapped;
  };
  return {
    prepare: (query: string) => wrap(database.prepare(query), !READING.test(query)),
    batch: (statements: D1PreparedStatement[]) => {
      const originals = statements.map((statement) => known.get(statement) ?? { statement, writes: true });
      return guarded(
        originals.some(({ writes }) => writes),
        () => database.batch(originals.map(({ statement }) => statement)),
      );
    },
  } as D1Database; // all that is used of it
}

/** The bucket, failing with an Outage where the service rather than the question is at fault. */
export function watchBucket(bucket: R2Bucket, watch: StoreWatch): R2Bucket {
  return new WatchedBucket(bucket, watch) as unknown as R2Bucket; // overloads pass through as they are
}

/** Reads a body to its end. */
const BODY_READS: ReadonlySet<PropertyKey> = new Set(["arrayBuffer", "bytes", "text", "json", "blob"]);
const UPLOAD_WRITES: ReadonlySet<PropertyKey> = new Set(["uploadPart", "complete", "abort"]);

class WatchedBucket {
  readonly #bucket: R2Bucket;
  readonly #watch: StoreWatch;

  constructor(bucket: R2Bucket, watch: StoreWatch) {
    this.#bucket = bucket;
    this.#watch = watch;
  }

  head(key: string): Promise<R2Object | null> {
    return this.#ask(PATIENCE_MS.storeRead, () => this.#bucket.head(key));
  }

  async get(key: string, options?: R2GetOptions): Promise<R2ObjectBody | R2Object | null> {
    const object = await this.#ask<R2ObjectBody | R2Object | null>(PATIENCE_MS.storeRead, () =>
      this.#bucket.get(key, options ?? {}),
    );
    return object && this.#watched(object, BODY_READS);
  }

  put(...[key, value, options]: Parameters<R2Bucket["put"]>): Promise<R2Object | null> {
    const isStreamed = value instanceof ReadableStream;
    // Whoever sends a stream may take as long as they want.
    const patience = isStreamed ? undefined : PATIENCE_MS.storeWrite;
    return this.#ask(patience, () => this.#bucket.put(key, value, options), isStreamed);
  }

  delete(keys: string | string[]): Promise<void> {
    return this.#ask(PATIENCE_MS.storeWrite, () => this.#bucket.delete(keys));
  }

  list(options?: R2ListOptions): Promise<R2Objects> {
    return this.#ask(PATIENCE_MS.storeRead, () => this.#bucket.list(options));
  }

  async createMultipartUpload(...values: Parameters<R2Bucket["createMultipartUpload"]>): Promise<R2MultipartUpload> {
    const upload = await this.#ask(PATIENCE_MS.storeWrite, () => this.#bucket.createMultipartUpload(...values));
    return this.#watched(upload, UPLOAD_WRITES);
  }

  resumeMultipartUpload(key: string, uploadId: string): R2MultipartUpload {
    return this.#watched(this.#bucket.resumeMultipartUpload(key, uploadId), UPLOAD_WRITES);
  }

  #ask<T>(patience: number | undefined, run: () => Promise<T>, isStreamed = false): Promise<T> {
    return this.#watch.ask("store", patience, (error) => isBucketFault(error, isStreamed), run);
  }

  /** What the bucket gave, with some methods watched too; all are called on the object itself, as native ones demand. */
  #watched<T extends object>(target: T, names: ReadonlySet<PropertyKey>): T {
    return new Proxy(target, {
      get: (_, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== "function") return member;
        const run = (...values: unknown[]): Promise<unknown> =>
          Reflect.apply(member, target, values) as Promise<unknown>; // of those named
        if (!names.has(name)) return run;
        return (...values: unknown[]) => this.#ask(PATIENCE_MS.storeWrite, () => run(...values));
      },
    });
  }
}
