import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test } from "vitest";
import { snapshotKey, type Snapshot } from "../../../worker/execution/snapshot.ts";
import { FRESH_MS, SnapshotCache, SnapshotStore, STALE_MS } from "../../../worker/execution/snapshot-store.ts";

/** Time and deferred work are the test's; R2 is real, and its reads are counted. */
class Bench {
  now = 1_000_000;
  reads = 0;
  readonly deferred: Promise<unknown>[] = [];
  readonly store: SnapshotStore;

  constructor(bucket: R2Bucket = env.STORE) {
    const counted = new Proxy(bucket, {
      get: (target, name) => {
        if (name === "get") this.reads++;
        const member: unknown = Reflect.get(target, name);
        return typeof member === "function" ? member.bind(target) : member;
      },
    });
    this.store = new SnapshotStore(counted, new SnapshotCache(), { now: () => this.now }, (work) =>
      this.deferred.push(work),
    );
  }

  async settleDeferred(): Promise<void> {
    await Promise.all(this.deferred.splice(0));
  }
}

function snapshot(revision: number): Snapshot {
  return {
    format: 1,
    tenantId: "demo",
    status: "active",
    revision,
    compiledAt: 0,
    installs: {},
    keys: {},
    members: {},
  };
}

async function write(revision: number): Promise<R2Object> {
  const written = await env.STORE.put(snapshotKey("demo"), JSON.stringify(snapshot(revision)));
  if (!written) throw new Error("the snapshot was not written");
  return written;
}

describe("SnapshotStore", () => {
  beforeEach(() => write(1));

  test("an install stored before there were grants has none", async () => {
    const installs = { "demo.old": { installId: "i1" }, "demo.new": { installId: "i2", grants: { http: {} } } };
    await env.STORE.put(snapshotKey("demo"), JSON.stringify({ ...snapshot(1), installs }));
    const read = await new Bench().store.read("demo");
    expect(read?.installs).toEqual({
      "demo.old": { installId: "i1", grants: {} },
      "demo.new": { installId: "i2", grants: { http: {} } },
    });
  });

  test("reads R2 once and then serves from memory while fresh", async () => {
    const bench = new Bench();
    for (let call = 0; call < 50; call++) expect((await bench.store.read("demo"))?.revision).toBe(1);
    bench.now += FRESH_MS - 1;
    await bench.store.read("demo");
    expect(bench.reads).toBe(1);
    expect(bench.deferred).toHaveLength(0);
  });

  test("past the fresh age one call checks behind its answer, and the next sees the change", async () => {
    const bench = new Bench();
    await bench.store.read("demo");
    await write(2);
    bench.now += FRESH_MS;
    const [first, second] = await Promise.all([bench.store.read("demo"), bench.store.read("demo")]);
    expect([first?.revision, second?.revision]).toEqual([1, 1]);
    expect(bench.deferred).toHaveLength(1);
    await bench.settleDeferred();
    expect((await bench.store.read("demo"))?.revision).toBe(2);
    expect(bench.reads).toBe(2);
  });

  test(`the documented bound: no call sees a snapshot unchecked for ${STALE_MS} ms`, async () => {
    const bench = new Bench();
    await bench.store.read("demo");
    await write(2);
    bench.now += STALE_MS;
    expect((await bench.store.read("demo"))?.revision).toBe(2);
  });

  test("an unchanged snapshot is not transferred again", async () => {
    const bench = new Bench();
    const before = await bench.store.read("demo");
    bench.now += STALE_MS;
    expect(await bench.store.read("demo")).toBe(before);
  });

  test("a removed snapshot is gone after a check", async () => {
    const bench = new Bench();
    await bench.store.read("demo");
    await env.STORE.delete(snapshotKey("demo"));
    bench.now += STALE_MS;
    expect(await bench.store.read("demo")).toBeUndefined();
  });

  test("what this isolate wrote is seen at once, and an older one never replaces it", async () => {
    const bench = new Bench();
    const { etag } = await write(5);
    bench.store.remember(snapshot(5), etag);
    bench.store.remember(snapshot(4), "older");
    expect((await bench.store.read("demo"))?.revision).toBe(5);
    expect(bench.reads).toBe(0);
  });

  test("made-up tenant names push no tenant out of memory", async () => {
    const bench = new Bench();
    await bench.store.read("demo");
    for (let name = 0; name < 600; name++) expect(await bench.store.read(`nobody-${name}`)).toBeUndefined();
    const reads = bench.reads;
    await bench.store.read("demo");
    expect(bench.reads).toBe(reads);
  });

  test("a read under way when this isolate wrote does not bring the older snapshot back", async () => {
    const bench = new Bench();
    const reading = bench.store.read("demo");
    bench.store.remember(snapshot(5), "newer");
    expect((await reading)?.revision).toBe(5);
    expect((await bench.store.read("demo"))?.revision).toBe(5);
  });

  test("R2 away: the last snapshot serves until its bound, then the call is refused", async () => {
    let away = false;
    const bucket = new Proxy(env.STORE, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== "function") return member;
        return away && name === "get" ? () => Promise.reject(new Error("unreachable")) : member.bind(target);
      },
    });
    const bench = new Bench(bucket);
    await bench.store.read("demo");
    away = true;
    bench.now += STALE_MS - 1;
    expect((await bench.store.read("demo"))?.revision).toBe(1);
    await bench.settleDeferred();
    bench.now += 1;
    await expect(bench.store.read("demo")).rejects.toMatchObject({ code: "SNAPSHOT_UNAVAILABLE" });
  });

  test("a snapshot of another format or tenant is refused", async () => {
    await env.STORE.put(snapshotKey("demo"), JSON.stringify({ ...snapshot(1), tenantId: "acme" }));
    await expect(new Bench().store.read("demo")).rejects.toMatchObject({ code: "SNAPSHOT_UNAVAILABLE" });
    await env.STORE.put(snapshotKey("demo"), JSON.stringify({ ...snapshot(1), format: 9 }));
    await expect(new Bench().store.read("demo")).rejects.toMatchObject({
      message: "The snapshot has format 9; this worker reads format 1.",
    });
  });
});
