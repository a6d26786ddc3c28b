import type { EventType, EventValue } from "../../sdk/contract/events.ts";
import type { Clock } from "../lib/clock.ts";
import { errorText } from "../lib/error-text.ts";
import { logError } from "../lib/json-log.ts";
import type { IdSource } from "../lib/ulid.ts";
import type { ExecutionRecord } from "./settle.ts";
import { spillOutcomes } from "./spilled-outcomes.ts";

/** Most messages the queue takes in one batch (Cloudflare Queues: 100 messages, 256 KB). */
const BATCH = 100;
/** Bytes of metrics in one batch; a record without them is well under 1 KB. */
const BATCH_METRICS_BYTES = 128 * 1024;
/** How long a record of a good call may wait for company. Milliseconds. */
const LINGER_MS = 250;
/** Tries of one batch before its records are put into R2, or wait for the next request where that fails too. */
const TRIES = 3;
/** Records that wait in memory at most, with queue and R2 away; beyond that the oldest are lost, and the log says so. */
export const MOST_PENDING = 10_000;

/** Where outcomes go, and where they are put when that is away. */
export interface OutcomeSinks {
  readonly queue: Queue<Outcome>;
  readonly bucket: R2Bucket;
  readonly newId: IdSource;
}

/** An event for a tenant's log that came about where D1 is not touched. */
export interface ToldEvent {
  readonly id: string;
  readonly tenantId: string;
  readonly pluginId: string | null;
  readonly type: EventType;
  readonly data: Readonly<Record<string, EventValue>>;
  readonly subject: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** What travels through the queue. */
export type Outcome = ExecutionRecord | ToldEvent;

export function isToldEvent(outcome: Outcome): outcome is ToldEvent {
  return "type" in outcome;
}

/** Records not yet sent. One per worker isolate, shared by all requests; plain data. */
export interface PendingRecords {
  readonly records: Outcome[];
  /** Until then some request will send what is here; 0 where none has promised to. Milliseconds since the epoch. */
  sentBy: number;
}

export function noPendingRecords(): PendingRecords {
  return { records: [], sentBy: 0 };
}

/**
 * Sends execution records to the queue after the answer, in batches. One request at a time undertakes to send for all. One
 * that is cut off loses nothing: the first record after its promise has lapsed finds another sender.
 */
export class OutcomeReporter {
  readonly #sinks: OutcomeSinks;
  readonly #pending: PendingRecords;
  readonly #clock: Clock;
  readonly #defer: (work: Promise<unknown>) => void;
  /** The batch of a queue at hand: when its records were last sent, in milliseconds since the epoch, and whether some are left. */
  #batch: { sentAt: number; unsent: boolean } | undefined;

  constructor(sinks: OutcomeSinks, pending: PendingRecords, clock: Clock, defer: (work: Promise<unknown>) => void) {
    this.#sinks = sinks;
    this.#pending = pending;
    this.#clock = clock;
    this.#defer = defer;
  }

  /** Never throws and never delays the answer. Failures of calls that ran and full batches are sent at once. */
  report(record: ExecutionRecord): void {
    this.#add(record, record.status === "failed" && record.errorCode !== "BREAKER_OPEN");
  }

  /** The same for an event of the log, after the records of the executions that led to it. */
  tell(event: ToldEvent): void {
    this.#add(event, false);
  }

  /**
   * Runs a batch of a queue, whose records are each other's company: they are sent with its end, or with the next record once
   * the first has waited long. The runtime begins no further batch while work of the last one is left, a wait included.
   */
  async duringBatch(work: () => Promise<void>): Promise<void> {
    const batch = { sentAt: this.#clock.now(), unsent: false };
    this.#batch = batch;
    try {
      await work();
    } finally {
      this.#batch = undefined;
      if (batch.unsent) this.#defer(this.#sendAll());
    }
  }

  #add(outcome: Outcome, isUrgent: boolean): void {
    const { records } = this.#pending;
    records.push(outcome);
    if (records.length > MOST_PENDING) {
      records.shift();
      logError("outcomes.lost", { records: 1 });
    }
    const now = this.#clock.now();
    if (isUrgent || records.length >= BATCH) {
      this.#defer(this.#sendAll());
    } else if (this.#batch) {
      this.#batch.unsent = now < this.#batch.sentAt + LINGER_MS;
      if (this.#batch.unsent) return;
      this.#batch.sentAt = now;
      this.#defer(this.#sendAll());
    } else if (now > this.#pending.sentBy) {
      this.#pending.sentBy = now + 2 * LINGER_MS;
      this.#defer(this.#sendLater());
    }
  }

  async #sendLater(): Promise<void> {
    await scheduler.wait(LINGER_MS);
    this.#pending.sentBy = 0;
    await this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    const { records } = this.#pending;
    while (records.length > 0) {
      const batch = records.splice(0, batchLength(records));
      if (!(await this.#send(batch))) {
        records.unshift(...batch);
        return;
      }
    }
  }

  async #send(batch: readonly Outcome[]): Promise<boolean> {
    for (let attempt = 1; attempt <= TRIES; attempt++) {
      try {
        await this.#sinks.queue.sendBatch(batch.map((body) => ({ body })));
        return true;
      } catch (error) {
        logError("outcomes.send-failed", { attempt, records: batch.length, error: errorText(error) });
      }
    }
    return this.#spill(batch);
  }

  async #spill(batch: readonly Outcome[]): Promise<boolean> {
    try {
      await spillOutcomes(this.#sinks.bucket, this.#sinks.newId(), batch);
      return true;
    } catch (error) {
      logError("outcomes.spill-failed", { records: batch.length, error: errorText(error) });
      return false;
    }
  }
}

/** How many of the records go into the next batch. */
function batchLength(records: readonly Outcome[]): number {
  let bytes = 0;
  const end = records.findIndex((record, index) => {
    bytes += "metrics" in record ? JSON.stringify(record.metrics).length : 0;
    return index === BATCH || (index > 0 && bytes > BATCH_METRICS_BYTES);
  });
  return end === -1 ? records.length : end;
}
