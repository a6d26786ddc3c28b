import type { Clock } from "../../lib/clock.ts";
import { SnapshotStore, type SnapshotCache } from "../snapshot-store.ts";
import type { Snapshot } from "../snapshot.ts";
import { withRetries, type RetryDeps } from "./retry.ts";

/** Reading a snapshot is no part of a call's own time yet; this is how long a request waits for one, in milliseconds. */
const READ_DEADLINE_MS = 1_000;

/** Snapshots for requests: a read that R2 does not answer is tried again before the request fails. */
export class RetryingSnapshotStore extends SnapshotStore {
  readonly #retries: RetryDeps;

  constructor(
    bucket: R2Bucket,
    cache: SnapshotCache,
    clock: Clock,
    defer: (work: Promise<unknown>) => void,
    retries: Omit<RetryDeps, "clock">,
  ) {
    super(bucket, cache, clock, defer);
    this.#retries = { ...retries, clock };
  }

  override read(tenantId: string): Promise<Snapshot | undefined> {
    const deadline = this.#retries.clock.now() + READ_DEADLINE_MS;
    return withRetries(this.#retries, deadline, () => super.read(tenantId));
  }
}
