import { isBucketFault, isDatabaseFault, Outage } from "../lib/outage.ts";

/** What one request has asked of the stores. */
export class StoreWatch {
  /** True once the database was asked to change something, whether or not it answered. */
  wrote = false;
  readonly #onOutage: (outage: Outage) => void;

  constructor(onOutage: (outage: Outage) => void) {
    this.#onOutage = onOutage;
  }

  outage(outage: Outage): Outage {
    this.#onOutage(outage);
    return outage;
  }
}

/** Answers without changing anything; what begins otherwise may change something. */
const READING = /^\s*select\b/i;

/** The database, failing with an Outage where the service rather than the statement is at fault. */
export function watchDatabase(database: D1Database, watch: StoreWatch): D1Database {
  const known = new WeakMap<object, { readonly statement: D1PreparedStatement; readonly writes: boolean }>();
  const guarded = async <T>(writes: boolean, run: () => Promise<T>): Promise<T> => {
    watch.wrote ||= writes;
    try {
      return await run();
    } catch (error) {
      throw isDatabaseFault(error) ? watch.outage(new Outage("database", error)) : error;
    }
  };
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

class WatchedBucket {
  readonly #bucket: R2Bucket;
  readonly #watch: StoreWatch;

  constructor(bucket: R2Bucket, watch: StoreWatch) {
    this.#bucket = bucket;
    this.#watch = watch;
  }

  head(key: string): Promise<R2Object | null> {
    return this.#guarded(() => this.#bucket.head(key));
  }

  get(key: string, options?: R2GetOptions): Promise<R2ObjectBody | R2Object | null> {
    return this.#guarded(() => this.#bucket.get(key, options ?? {}));
  }

  put(...[key, value, options]: Parameters<R2Bucket["put"]>): Promise<R2Object | null> {
    return this.#guarded(() => this.#bucket.put(key, value, options), value instanceof ReadableStream);
  }

  delete(keys: string | string[]): Promise<void> {
    return this.#guarded(() => this.#bucket.delete(keys));
  }

  list(options?: R2ListOptions): Promise<R2Objects> {
    return this.#guarded(() => this.#bucket.list(options));
  }

  createMultipartUpload(...values: Parameters<R2Bucket["createMultipartUpload"]>): Promise<R2MultipartUpload> {
    return this.#guarded(() => this.#bucket.createMultipartUpload(...values));
  }

  resumeMultipartUpload(key: string, uploadId: string): R2MultipartUpload {
    return this.#bucket.resumeMultipartUpload(key, uploadId);
  }

  async #guarded<T>(run: () => Promise<T>, streamed = false): Promise<T> {
    try {
      return await run();
    } catch (error) {
      throw isBucketFault(error, streamed) ? this.#watch.outage(new Outage("store", error)) : error;
    }
  }
}
