import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { noPendingRecords, OutcomeReporter, type PendingRecords } from "../../../worker/execution/outcome-reporter.ts";
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

  /** A reporter as a request of its own would have it. */
  request(queue: Queue<ExecutionRecord> = this.queue.binding): OutcomeReporter {
    return new OutcomeReporter(queue, this.pending, { now: () => this.now }, (work) => this.deferred.push(work));
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

  test("records the queue refuses stay for the next request", async () => {
    const bench = new Bench();
    const away = new Proxy(env.OUTCOMES, { get: () => () => Promise.reject(new Error("queue away")) });
    bench.request(away).report(record(1, "failed"));
    await Promise.all(bench.deferred);
    expect(bench.pending.records.map(({ id }) => id)).toEqual(["execution-1"]);
    bench.request().report(record(2, "failed"));
    expect(bench.pending.records).toEqual([]);
  });
});
