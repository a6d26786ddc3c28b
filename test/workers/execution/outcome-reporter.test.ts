import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import {
  MOST_PENDING,
  noPendingRecords,
  OutcomeReporter,
  type PendingRecords,
} from "../../../worker/execution/outcome-reporter.ts";
import { drainOutcomes, spillOutcomes } from "../../../worker/execution/spilled-outcomes.ts";
import type { ExecutionRecord } from "../../../worker/execution/settle.ts";
import { counted } from "../../support/workers/probe.ts";

function record(index: number, status: ExecutionRecord["status"] = "succeeded"): ExecutionRecord {
  return {
    id: `execution-${index}`,
    tenantId: "demo",
    installId: "install",
    pluginId: "echo",
    version: "1.0.0",
    functionName: "run",
    status,
    errorCode: null,
    errorDetail: null,
    durationMs: 1,
    fuel: 1,
    memoryBytes: 1,
    hostCalls: 0,
    inputBytes: 0,
    outputBytes: 0,
    logLines: 0,
    traceId: "t",
    subject: "me",
    startedAt: 0,
  };
}

/** The real queue, counted; the clock and the deferred work are the test's. */
class Bench {
  now = 1_000;
  readonly queue = counted(env.OUTCOMES);
  readonly pending: PendingRecords = noPendingRecords();
  readonly deferred: Promise<unknown>[] = [];
  bucket: R2Bucket = env.STORE;
  batches = 0;

  /** A reporter as a request of its own would have it. */
  request(queue: Queue<ExecutionRecord> = this.queue.binding): OutcomeReporter {
    return new OutcomeReporter(
      { queue, bucket: this.bucket, newId: () => `batch-${++this.batches}` },
      this.pending,
      { now: () => this.now },
      (work) => this.deferred.push(work),
    );
  }
}

describe("OutcomeReporter", () => {
  test("fifty good calls are one message batch, sent by the first", async () => {
    const bench = new Bench();
    for (let call = 0; call < 50; call++) bench.request().report(record(call));
    expect(bench.deferred).toHaveLength(1);
    await Promise.all(bench.deferred);
    expect(bench.queue.uses()).toEqual(["sendBatch"]);
    expect(bench.pending.records).toEqual([]);
  });

  test("a failed call takes all waiting records with it at once", () => {
    const bench = new Bench();
    bench.request().report(record(1));
    bench.request().report(record(2, "failed"));
    expect(bench.pending.records).toEqual([]);
    expect(bench.queue.uses()).toEqual(["sendBatch"]);
  });

  test("a full batch does not wait", () => {
    const bench = new Bench();
    for (let call = 0; call < 100; call++) bench.request().report(record(call));
    expect(bench.pending.records).toEqual([]);
  });

  test("records of a queue's batch go with its end, and none makes the next batch wait", async () => {
    const bench = new Bench();
    const reporter = bench.request();
    await reporter.duringBatch(async () => {
      for (let call = 0; call < 10; call++) reporter.report(record(call));
      await Promise.resolve();
      expect([bench.deferred.length, bench.queue.uses()]).toEqual([0, []]);
    });
    // What was begun has no wait in it: it is sent in this turn.
    expect([bench.pending.records, bench.pending.sentBy]).toEqual([[], 0]);
    await Promise.all(bench.deferred);
    expect(bench.queue.uses()).toEqual(["sendBatch"]);
    reporter.report(record(11));
    expect(bench.pending.sentBy).toBeGreaterThan(bench.now);
    await Promise.all(bench.deferred);
  });

  test("a batch of a queue that leads to no record leaves those of others their company", async () => {
    const bench = new Bench();
    bench.request().report(record(1));
    await bench.request().duringBatch(() => Promise.resolve());
    expect([bench.deferred.length, bench.pending.records.length]).toEqual([1, 1]);
    await Promise.all(bench.deferred);
  });

  test("records of a batch that takes long do not wait for its end, nor are they lost where it fails", async () => {
    const bench = new Bench();
    const reporter = bench.request();
    const work = reporter.duringBatch(() => {
      reporter.report(record(1));
      bench.now += 250;
      reporter.report(record(2));
      expect(bench.pending.records).toEqual([]);
      reporter.report(record(3));
      return Promise.reject(new Error("cut short"));
    });
    await expect(work).rejects.toThrow("cut short");
    expect(bench.pending.records).toEqual([]);
    await Promise.all(bench.deferred);
    expect(bench.queue.uses()).toEqual(["sendBatch", "sendBatch"]);
  });

  test("where the sender is cut off, the next record after its promise finds another", async () => {
    const bench = new Bench();
    bench.pending.records.push(record(1));
    bench.pending.sentBy = bench.now + 500;
    bench.request().report(record(2));
    expect(bench.deferred).toHaveLength(0);
    bench.now += 501;
    bench.request().report(record(3));
    await Promise.all(bench.deferred);
    expect(bench.pending.records).toEqual([]);
    expect(bench.queue.uses()).toEqual(["sendBatch"]);
  });

  test("records the queue refuses are put into R2, from where they are taken once", async () => {
    const bench = new Bench();
    const away = new Proxy(env.OUTCOMES, { get: () => () => Promise.reject(new Error("queue away")) });
    bench.request(away).report(record(1, "failed"));
    await Promise.all(bench.deferred);
    expect(bench.pending.records).toEqual([]);
    const taken: string[] = [];
    const take = async (outcomes: readonly { readonly id: string }[]): Promise<void> =>
      void taken.push(...outcomes.map(({ id }) => id));
    expect(await drainOutcomes(env.STORE, take)).toBe(1);
    expect(await drainOutcomes(env.STORE, take)).toBe(0);
    expect(taken).toEqual(["execution-1"]);
  });

  test("a batch that cannot be stored stays in R2", async () => {
    await spillOutcomes(env.STORE, "stays", [record(7)]);
    await expect(drainOutcomes(env.STORE, () => Promise.reject(new Error("D1 is away")))).rejects.toThrow("away");
    expect(await drainOutcomes(env.STORE, () => Promise.resolve())).toBe(1);
  });

  test(`with R2 away too they wait for the next request, ${MOST_PENDING} at most`, async () => {
    const bench = new Bench();
    bench.bucket = new Proxy(env.STORE, { get: () => () => Promise.reject(new Error("R2 away")) });
    const away = new Proxy(env.OUTCOMES, { get: () => () => Promise.reject(new Error("queue away")) });
    bench.request(away).report(record(1, "failed"));
    await Promise.all(bench.deferred);
    expect(bench.pending.records.map(({ id }) => id)).toEqual(["execution-1"]);
    bench.request().report(record(2, "failed"));
    expect(bench.pending.records).toEqual([]);
    bench.pending.sentBy = Infinity;
    bench.pending.records.push(...Array.from({ length: MOST_PENDING }, (_, index) => record(index)));
    bench.pending.records.length = MOST_PENDING;
    bench.request(away).report(record(MOST_PENDING));
    expect(bench.pending.records.length).toBeLessThanOrEqual(MOST_PENDING);
  });
});
