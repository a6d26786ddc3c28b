import { PlatformError } from "../../sdk/contract/errors.ts";
import type { Clock } from "../lib/clock.ts";
import { errorText } from "../lib/error-text.ts";
import { logError } from "../lib/json-log.ts";
import { withoutCanaries } from "./canary.ts";
import { outageIn } from "../lib/outage.ts";
import { PATIENCE_MS, Unanswered, within } from "../lib/patience.ts";
import { parseSnapshot, snapshotKey, type Snapshot } from "./snapshot.ts";

/** A snapshot younger than this is used as it is. */
export const FRESH_MS = 2_000;
/** Up to this age it is used while a check runs behind the answer; beyond, the call waits for the check. */
export const STALE_MS = 30_000;
/**
 * The same for a snapshot with a canary. A candidate that was taken back gets no call after this, because whoever cannot check
 * goes on without canaries.
 */
export const CANARY_STALE_MS = 3_000;
/**
 * While R2 does not answer, the last snapshot serves up to this age: a revocation cannot be written there either, and stopping
 * every plugin would be worse.
 */
export const OUTAGE_MS = 15 * 60_000;
/** Tenants kept in memory; the one unused for longest goes first. */
const CAPACITY = 500;
/** Names without a tenant are kept apart, so that made-up ones cannot push tenants out. */
const UNKNOWN_CAPACITY = 100;

interface Entry {
  readonly snapshot: Snapshot | undefined;
  readonly etag: string | undefined;
  checkedAt: number;
  /** Set while a background check runs, so that one request does it for all. */
  checkStartedAt: number;
  /** When R2 did not answer last; 0: it did. */
  failedAt: number;
}

/** Snapshots this isolate holds in memory. One per isolate, shared by all requests; holds plain data only. */
export class SnapshotCache {
  readonly #tenants = new Map<string, Entry>();
  readonly #unknown = new Map<string, Entry>();

  get(tenantId: string): Entry | undefined {
    const entry = this.#tenants.get(tenantId);
    if (!entry) return this.#unknown.get(tenantId);
    this.#tenants.delete(tenantId);
    this.#tenants.set(tenantId, entry);
    return entry;
  }

  set(tenantId: string, entry: Entry): void {
    this.#tenants.delete(tenantId);
    this.#unknown.delete(tenantId);
    const [entries, capacity] = entry.snapshot ? [this.#tenants, CAPACITY] : [this.#unknown, UNKNOWN_CAPACITY];
    entries.set(tenantId, entry);
    const oldest = entries.keys().next();
    if (entries.size > capacity && !oldest.done) entries.delete(oldest.value);
  }
}

/**
 * Reads tenants' snapshots: from memory when fresh, else from R2 (strongly consistent). A change made elsewhere is seen
 * by this isolate's first call more than FRESH_MS later at the earliest, and by every call STALE_MS later, or CANARY_STALE_MS
 * where an upgrade runs.
 */
export class SnapshotStore {
  readonly #bucket: R2Bucket;
  readonly #cache: SnapshotCache;
  readonly #clock: Clock;
  readonly #defer: (work: Promise<unknown>) => void;

  constructor(bucket: R2Bucket, cache: SnapshotCache, clock: Clock, defer: (work: Promise<unknown>) => void) {
    this.#bucket = bucket;
    this.#cache = cache;
    this.#clock = clock;
    this.#defer = defer;
  }

  /**
   * @returns the tenant's snapshot, or undefined where the tenant does not exist
   * @throws {PlatformError} SNAPSHOT_UNAVAILABLE where R2 does not answer and nothing young enough is in memory
   */
  async read(tenantId: string): Promise<Snapshot | undefined> {
    const entry = this.#cache.get(tenantId);
    const now = this.#clock.now();
    const age = entry ? now - entry.checkedAt : Infinity;
    if (entry && age < FRESH_MS) return entry.snapshot;
    if (entry?.snapshot && age < (entry.snapshot.canaries ? CANARY_STALE_MS : STALE_MS)) {
      if (now - entry.checkStartedAt >= FRESH_MS) {
        entry.checkStartedAt = now;
        this.#defer(
          this.#check(tenantId, entry).catch((error: unknown) =>
            logError("snapshot.check-failed", { tenantId, error: errorText(error) }),
          ),
        );
      }
      return entry.snapshot;
    }
    if (!entry?.snapshot || age >= OUTAGE_MS) return this.#check(tenantId, entry);
    const installed = withoutCanaries(entry.snapshot);
    const checked = this.#checkOrKeep(tenantId, entry, installed);
    return entry.snapshot.canaries && age < STALE_MS ? checked.catch(() => installed) : checked;
  }

  /**
   * One call in a while finds out whether R2 is back; the others do not wait for that.
   *
   * @param kept  what serves where it is not
   */
  async #checkOrKeep(tenantId: string, entry: Entry, kept: Snapshot): Promise<Snapshot | undefined> {
    if (this.#clock.now() - entry.failedAt < FRESH_MS) return kept;
    const check = this.#check(tenantId, entry);
    // Where it does not answer, what watches the store is to see it.
    this.#defer(check.catch(() => undefined));
    try {
      return await within(this.#clock, PATIENCE_MS.snapshotCheck, () => check);
    } catch (error) {
      if (!outageIn(error) && !(error instanceof Unanswered)) throw error;
      entry.failedAt = this.#clock.now();
      return kept;
    }
  }

  /** Takes a snapshot just written by this isolate, so that its next call sees the change. Older ones are ignored. */
  remember(snapshot: Snapshot, etag: string): void {
    this.#keep(snapshot.tenantId, snapshot, etag);
  }

  async #check(tenantId: string, known: Entry | undefined): Promise<Snapshot | undefined> {
    const options = known?.etag === undefined ? undefined : { onlyIf: { etagDoesNotMatch: known.etag } };
    const object = await this.#get(snapshotKey(tenantId), options);
    if (object === null) return this.#keep(tenantId, undefined, undefined);
    if (object.content === undefined) return this.#keep(tenantId, known?.snapshot, object.etag);
    return this.#keep(tenantId, parseSnapshot(object.content, tenantId), object.etag);
  }

  /** @returns without content where that is known already */
  async #get(
    key: string,
    options: R2GetOptions | undefined,
  ): Promise<{ readonly etag: string; readonly content?: unknown } | null> {
    try {
      const object: R2ObjectBody | R2Object | null = await this.#bucket.get(key, options);
      if (object === null || !("body" in object)) return object && { etag: object.etag };
      return { etag: object.etag, content: await object.json() };
    } catch (cause) {
      throw new PlatformError("SNAPSHOT_UNAVAILABLE", "The tenant's snapshot could not be read.", { cause });
    }
  }

  /** A read that began before a newer snapshot was remembered ends after it, and must not replace it. */
  #keep(tenantId: string, snapshot: Snapshot | undefined, etag: string | undefined): Snapshot | undefined {
    const known = this.#cache.get(tenantId)?.snapshot;
    if (snapshot && known && known.revision > snapshot.revision) return known;
    this.#cache.set(tenantId, { snapshot, etag, checkedAt: this.#clock.now(), checkStartedAt: 0, failedAt: 0 });
    return snapshot;
  }
}
