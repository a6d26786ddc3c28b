import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import type { SandboxOutcome } from "../../../sdk/contract/sandbox.ts";
import { createDeps, createResident } from "../../../worker/deps.ts";
import { invoke } from "../../../worker/execution/invoke.ts";
import { Recorder, recordingKey, RecordingStore } from "../../../worker/execution/recording-store.ts";
import {
  CaptureBook,
  FAILURE_WINDOW_MS,
  FAILURES_PER_WINDOW,
  RECORDED_INPUT_BYTES,
  RECORDING_BYTES,
} from "../../../worker/execution/recording/capture-rules.ts";
import type { Snapshot, SnapshotInstall } from "../../../worker/execution/snapshot.ts";
import worker from "../../../worker/index.ts";
import { ulid } from "../../../worker/lib/ulid.ts";
import { FAILED_OUTCOME, SAMPLE_CALL } from "../../unit/recording/sample-recording.ts";
import { requestOf } from "../../support/workers/api.ts";
import { counted } from "../../support/workers/probe.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { installGuests } from "../execution/guest-installs.ts";
import { callGuest, sampledId, settledApi } from "./recorded-calls.ts";

let snapshot: Snapshot;
let token: string;

beforeAll(async () => {
  snapshot = await installGuests("acme", [
    { guest: "echo", limits: { input: 4 * RECORDED_INPUT_BYTES, output: 4 * RECORDED_INPUT_BYTES } },
    { guest: "fail", config: { password: "config-marker" } },
  ]);
  token = await mintToken({ tenant: "acme", roles: ["caller"] });
});

async function keysOf(tenantId: string): Promise<string[]> {
  const { objects } = await env.STORE.list({ prefix: `recordings/${tenantId}/` });
  return objects.map(({ key }) => key);
}

function executionOf({ headers }: { readonly headers: Headers }): string {
  return headers.get("x-execution-id") ?? "";
}

describe("capturing", () => {
  test("a failed call through the front door leaves a recording in which nothing can be read", async () => {
    const answer = await settledApi("POST", "/api/plugins/fail/execute", { token, body: { input: "input-marker" } });
    const object = await env.STORE.get(recordingKey({ tenantId: "acme", executionId: executionOf(answer) }));
    if (!object) throw new Error("not recorded");
    expect(object.customMetadata).toEqual({ key: "k1" });
    const text = new TextDecoder("latin1").decode(await object.arrayBuffer());
    for (const word of ["input-marker", "config-marker", "no such customer", "PLUGIN_ERROR", "PBR", "fail"]) {
      expect(text).not.toContain(word);
    }
  });

  test("happens after the answer: before it, nothing is written", async () => {
    await settledApi("POST", "/api/plugins/fail/execute", { token, body: {} });
    const [bucket, database, keys] = [counted(env.STORE), counted(env.DB), counted(env.IDEMPOTENCY)];
    const bindings = { STORE: bucket.binding, DB: database.binding, IDEMPOTENCY: keys.binding };
    const context = createExecutionContext();
    const request = requestOf("POST", "/api/plugins/fail/execute", { token, body: { input: "x" } });
    const response = await worker.fetch(
      request as Parameters<typeof worker.fetch>[0],
      { ...env, ...bindings },
      context,
    ); // the runtime adds `cf`
    expect(response.status).toBe(422);
    expect(bucket.uses()).not.toContain("put");
    await response.text();
    await waitOnExecutionContext(context);
    expect(bucket.uses()).toContain("put");
    expect(database.uses()).toEqual([]);
    expect(keys.uses()).toEqual([]);
  });

  test("of good calls takes those whose id is sampled", async () => {
    const { record } = await callGuest(snapshot, { pluginId: "echo", input: "x" });
    const { record: other } = await callGuest(snapshot, {
      pluginId: "echo",
      input: "x",
      deps: { newId: () => "01KAHT3CW00000000000000000" },
    });
    const keys = await keysOf("acme");
    expect(keys).toContain(recordingKey({ tenantId: "acme", executionId: record.id }));
    expect(keys).not.toContain(recordingKey({ tenantId: "acme", executionId: other.id }));
  });

  test("leaves out inputs over 1 MiB and keeps one of exactly that", async () => {
    const { record } = await callGuest(snapshot, { pluginId: "echo", input: "x".repeat(RECORDED_INPUT_BYTES) });
    const { record: larger } = await callGuest(snapshot, {
      pluginId: "echo",
      input: "x".repeat(RECORDED_INPUT_BYTES + 1),
    });
    expect([record.status, larger.status]).toEqual(["succeeded", "succeeded"]);
    const keys = await keysOf("acme");
    expect(keys).toContain(recordingKey({ tenantId: "acme", executionId: record.id }));
    expect(keys).not.toContain(recordingKey({ tenantId: "acme", executionId: larger.id }));
  });

  test("takes ten failures of an install in a minute, from one worker isolate", async () => {
    const flood = await installGuests("flood", [{ guest: "fail" }]);
    const kept = createResident();
    let now = Date.now();
    const call = async (): Promise<void> => {
      const context = createExecutionContext();
      const deps = createDeps(env, context, { now: () => now }, kept);
      const options = { logLevel: 2 };
      const event = { pluginId: "fail", functionName: "run", input: new Uint8Array(), options };
      await invoke(deps, flood, { ...event, subject: "user-1", roles: [], traceId: "0".repeat(32) });
      await waitOnExecutionContext(context);
    };
    for (let n = 0; n < FAILURES_PER_WINDOW + 5; n++) await call();
    expect(await keysOf("flood")).toHaveLength(FAILURES_PER_WINDOW);
    now += FAILURE_WINDOW_MS;
    await call();
    expect(await keysOf("flood")).toHaveLength(FAILURES_PER_WINDOW + 1);
  });

  test.each(["", "not JSON", '{"current":"k1","keys":{}}'])(
    "with RECORDING_KEYS %j costs no call its answer",
    async (keys) => {
      const bindings = { RECORDING_KEYS: keys };
      const answer = await settledApi("POST", "/api/plugins/fail/execute", { token, body: {} }, bindings);
      expect(answer.status).toBe(422);
      expect(await keysOf("acme")).not.toContain(recordingKey({ tenantId: "acme", executionId: executionOf(answer) }));
    },
  );

  test("costs no call its answer where the bucket refuses", async () => {
    const refusing = new Proxy(env.STORE, {
      get(target, name) {
        if (name === "put") return () => Promise.reject(new Error("the bucket is full"));
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === "function"
          ? (...values: unknown[]): unknown => Reflect.apply(member, target, values)
          : member;
      },
    });
    const answer = await settledApi("POST", "/api/plugins/fail/execute", { token, body: {} }, { STORE: refusing });
    expect(answer.status).toBe(422);
  });

  test("waits until the answer is on its way", async () => {
    const steps: string[] = [];
    const bucket = new Proxy(env.STORE, {
      get(target, name) {
        const member = Reflect.get(target, name, target) as (...values: unknown[]) => unknown; // a bucket has methods only
        return (...values: unknown[]): unknown => {
          steps.push(String(name));
          return Reflect.apply(member, target, values);
        };
      },
    });
    const store = new RecordingStore({
      bucket,
      keyRing: env.RECORDING_KEYS,
      randomBytes: (length) => {
        steps.push("seal");
        return crypto.getRandomValues(new Uint8Array(length));
      },
    });
    const afterAnswer = (): Promise<void> => Promise.resolve(void steps.push("answer"));
    const work: Promise<unknown>[] = [];
    const recorder = new Recorder({
      store,
      book: new CaptureBook(),
      clock: { now: () => 0 },
      afterAnswer,
      defer: (one) => void work.push(one),
    });
    const [install] = Object.values(snapshot.installs) as [SnapshotInstall]; // two were installed
    const call = { ...SAMPLE_CALL, executionId: sampledId() };
    recorder.capture({ tenantId: "order", install, call, outcome: FAILED_OUTCOME, exchanges: [] });
    expect(work).toHaveLength(1);
    await Promise.all(work);
    expect(steps).toEqual(["answer", "seal", "seal", "seal", "put"]);
  });

  test("does not store what is too large together", async () => {
    const store = new RecordingStore({
      bucket: env.STORE,
      keyRing: env.RECORDING_KEYS,
      randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
    });
    const work: Promise<unknown>[] = [];
    const recorder = new Recorder({
      store,
      book: new CaptureBook(),
      clock: { now: () => 0 },
      afterAnswer: () => Promise.resolve(),
      defer: (one) => void work.push(one),
    });
    const [install] = Object.values(snapshot.installs) as [SnapshotInstall]; // two were installed
    const capture = (config: Readonly<Record<string, string>>, outcome: SandboxOutcome): string => {
      const executionId = sampledId();
      const call = { ...SAMPLE_CALL, executionId, config };
      recorder.capture({ tenantId: "bounds", install, call, outcome, exchanges: [] });
      return executionId;
    };
    capture({ large: "x".repeat(RECORDING_BYTES) }, FAILED_OUTCOME);
    const fits = capture({ small: "x" }, FAILED_OUTCOME);
    await Promise.all(work);
    expect(await keysOf("bounds")).toEqual([recordingKey({ tenantId: "bounds", executionId: fits })]);
  });
});

describe("retention", () => {
  const DAY = 86_400_000;
  const NOW = Date.UTC(2026, 0, 31);

  function store(bucket: R2Bucket): RecordingStore {
    return new RecordingStore({ bucket, keyRing: "", randomBytes: (length) => new Uint8Array(length) });
  }

  async function seed(tenantId: string, daysAgo: readonly number[]): Promise<void> {
    for (const [n, days] of daysAgo.entries()) {
      const executionId = ulid(
        NOW - days * DAY,
        Uint8Array.from({ length: 16 }, () => n),
      );
      await env.STORE.put(recordingKey({ tenantId, executionId }), "sealed");
    }
  }

  /** Lists two at a time, so that few objects make many pages. */
  const paged = new Proxy(env.STORE, {
    get(target, name) {
      if (name === "list") return (options: R2ListOptions) => target.list({ ...options, limit: 2 });
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === "function"
        ? (...values: unknown[]): unknown => Reflect.apply(member, target, values)
        : member;
    },
  });

  async function clear(): Promise<void> {
    const { objects } = await env.STORE.list({ prefix: "recordings/" });
    if (objects.length > 0) await env.STORE.delete(objects.map(({ key }) => key));
  }

  test("deletes what is older, of every tenant, and nothing else", async () => {
    await clear();
    await seed("r-a", [40, 15, 14.1, 13.9, 3]);
    await seed("r-b", [1, 2]);
    await seed("r-c", [20, 30]);
    await env.STORE.put("modules/kept.wasm", "x");
    expect(await store(paged).deleteBefore(NOW - 14 * DAY, 100)).toBe(5);
    expect([await keysOf("r-a"), await keysOf("r-b"), await keysOf("r-c")].map((keys) => keys.length)).toEqual([
      2, 2, 0,
    ]);
    expect(await env.STORE.head("modules/kept.wasm")).not.toBeNull();
    expect(await env.STORE.head("jobs/recording-retention")).toBeNull();
    expect(await store(paged).deleteBefore(NOW - 14 * DAY, 100)).toBe(0);
  });

  test("goes on in the next run where this one stopped", async () => {
    await clear();
    await seed("r-0", [3, 2]);
    await seed("r-a", [40, 39, 38, 37]);
    await seed("r-b", [36, 35, 1]);
    const listed: number[] = [];
    for (let run = 0; run < 5; run++) listed.push(await store(paged).deleteBefore(NOW - 14 * DAY, 1));
    expect(listed).toEqual([0, 2, 2, 2, 0]);
    expect(await keysOf("r-b")).toHaveLength(1);
  });

  test("skips the young of a tenant instead of reading through them", async () => {
    await clear();
    await seed("r-a", [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    await seed("r-b", [20]);
    const bucket = counted(paged);
    expect(await store(bucket.binding).deleteBefore(NOW - 14 * DAY, 100)).toBe(1);
    expect(bucket.uses().filter((use) => use === "list")).toHaveLength(2);
  });
});
