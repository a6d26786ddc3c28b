import { logError } from "../lib/json-log.ts";
import type { ExecutionRecord } from "./settle.ts";

/** Most messages and bytes the queue takes in one batch (Cloudflare Queues: 100 messages, 256 KB). */
const BATCH = 100;
/** How long a record may wait for company. */
const LINGER_MS = 20;
/** Tries of one batch before its records go back to wait for the next request. */
const TRIES = 3;

/** Records not yet sent. One per worker isolate, shared by all requests; plain data. */
export type PendingRecords = ExecutionRecord[];

/**
 * Sends execution records to the queue after the answer, in batches. Every request flushes in its own context, so a
 * request that is cut off loses nothing: records it leaves behind are sent by the next one.
 */
export class OutcomeReporter {
  readonly #queue: Queue<ExecutionRecord>;
  readonly #pending: PendingRecords;
  readonly #defer: (work: Promise<unknown>) => void;

  constructor(queue: Queue<ExecutionRecord>, pending: PendingRecords, defer: (work: Promise<unknown>) => void) {
    this.#queue = queue;
    this.#pending = pending;
    this.#defer = defer;
  }

  /** Never throws and never delays the answer. Failures are sent at once, successes wait for company. */
  report(record: ExecutionRecord): void {
    this.#pending.push(record);
    this.#defer(this.#flush(record.status === "failed" ? 0 : LINGER_MS));
  }

  async #flush(lingerMs: number): Promise<void> {
    if (lingerMs > 0) await scheduler.wait(lingerMs);
    while (this.#pending.length > 0) {
      const batch = this.#pending.splice(0, BATCH);
      if (!(await this.#send(batch))) {
        this.#pending.unshift(...batch);
        return;
      }
    }
  }

  async #send(batch: readonly ExecutionRecord[]): Promise<boolean> {
    for (let attempt = 1; attempt <= TRIES; attempt++) {
      try {
        await this.#queue.sendBatch(batch.map((body) => ({ body })));
        return true;
      } catch (error) {
        logError("outcomes.send-failed", { attempt, records: batch.length, error: String(error) });
      }
    }
    return false;
  }
}
