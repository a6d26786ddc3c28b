import { createExecutionContext, createMessageBatch, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { judgeRunningUpgrades } from "../../../worker/control/upgrades/actions/watch.ts";
import type { Outcome } from "../../../worker/execution/outcome-reporter.ts";
import { CANARY_STALE_MS, SnapshotCache, SnapshotStore } from "../../../worker/execution/snapshot-store.ts";
import worker from "../../../worker/index.ts";
import { consume } from "../../../worker/queues.ts";
import { readAnswer, requestOf } from "../../support/workers/api.ts";
import { fails, SteppingClock } from "../../support/workers/faults.ts";
import { FaultyApp } from "../../support/workers/faulty-app.ts";
import { HeldQueue } from "../../support/workers/held-queue.ts";
import { counted } from "../../support/workers/probe.ts";
import { releasedPlugin, systemDeps, type Released } from "./released-plugin.ts";

const WHOLE = [{ share: 10_000, minutes: 10 }];

/** A plugin whose candidate takes all calls and traps on input that begins with "!". */
async function withCanary(steps: readonly { share: number; minutes: number }[] = WHOLE): Promise<Released> {
  const plugin = await releasedPlugin();
  await plugin.run("a", "b", "c");
  await plugin.upload("1.1.0", "release-picky");
  const answer = await plugin.call("POST", "/upgrade", { steps });
  expect([answer.status, answer.body]).toEqual([200, expect.objectContaining({ state: "canary" })]);
  return plugin;
}

/** What a worker isolate would send to the queue of outcomes. */
function capturedQueue() {
  const sent: Outcome[] = [];
  const sendBatch = (messages: Iterable<{ body: Outcome }>): Promise<void> => {
    for (const { body } of messages) sent.push(body);
    return Promise.resolve();
  };
  return { sent, queue: { sendBatch } as unknown as Queue<Outcome> }; // the reporter uses nothing else
}

function consumed(outcomes: readonly Outcome[], deps = systemDeps()): Promise<void> {
  const messages = outcomes.map((body, index) => ({ id: `${index}`, timestamp: new Date(), attempts: 1, body }));
  return consume(deps, createMessageBatch("patchbay-outcomes", messages));
}

async function execute(plugin: Released, input: string, queue: Queue<Outcome>) {
  const context = createExecutionContext();
  const request = requestOf("POST", `/api/plugins/${plugin.pluginId}/execute`, {
    token: plugin.token,
    body: { input },
  });
  const answer = await readAnswer(
    await worker.fetch(request as Parameters<typeof worker.fetch>[0], { ...env, OUTCOMES: queue }, context), // the runtime adds `cf`
  );
  await waitOnExecutionContext(context);
  return answer;
}

async function beginAgain(plugin: Released): Promise<void> {
  const version = `1.1.${++releases}`;
  await plugin.upload(version, "release-picky");
  const answer = await plugin.call("POST", "/upgrade", { version, steps: WHOLE });
  expect([answer.status, answer.body]).toEqual([200, expect.objectContaining({ state: "canary" })]);
}
let releases = 0;

/**
 * Crosses the threshold in one isolate while three others take calls every 200 ms.
 *
 * @param breakers  without them only the counts of recorded calls tell
 * @returns after how many milliseconds the last of them had its last call of the candidate; what the control plane takes is real time
 */
async function timeToReturn(plugin: Released, age: number, breakers?: "without breakers"): Promise<number> {
  const clock = new SteppingClock();
  const queue = new HeldQueue();
  const here = new FaultyApp({ ...env, OUTCOMES: queue } as unknown as Env, clock); // all that is used of a queue
  const there = Array.from({ length: 3 }, () => new FaultyApp(env, clock));
  for (const app of [here, ...there]) if (breakers) app.faults.inject("PLUGIN_HEALTH", fails());
  for (const app of there) expect(await versionIn(app, plugin)).not.toBe("1.0.0");
  clock.advance(age);
  for (let call = 0; call < 5; call++) expect(await versionIn(here, plugin, "!")).not.toBe("1.0.0");
  const crossedAt = clock.now();
  let last = crossedAt;
  const look = async (): Promise<boolean> => {
    const versions = await Promise.all(there.map((app) => versionIn(app, plugin)));
    const isBack = versions.every((version) => version === "1.0.0");
    if (!isBack) last = clock.now();
    return isBack;
  };
  // The queue hands over a second after the first message, at the latest.
  for (let step = 0; step < 5; step++, clock.advance(200)) await look();
  const began = Date.now();
  await queue.deliver(new FaultyApp(env, clock), "patchbay-outcomes");
  clock.advance(Date.now() - began);
  for (let step = 0; !(await look()) && step < 100; step++) clock.advance(200);
  expect((await plugin.call("GET", "/upgrade")).body).toMatchObject({ state: "returned" });
  return last - crossedAt;
}

async function versionIn(app: FaultyApp, plugin: Released, input = "fine"): Promise<string | undefined> {
  const request = { token: plugin.token, body: { input } };
  const { body } = await app.request("POST", `/api/plugins/${plugin.pluginId}/execute`, request);
  return (body as { version?: string }).version;
}

describe("a candidate that fails", () => {
  test("gets no further call once its breaker is open, its calls do not fail, and it is taken back within 5 seconds", async () => {
    const plugin = await withCanary();
    const { sent, queue } = capturedQueue();
    expect((await execute(plugin, "fine", queue)).body).toMatchObject({ output: "fine", version: "1.1.0" });
    for (let call = 0; call < 5; call++) {
      expect((await execute(plugin, "!", queue)).body).toMatchObject({ code: "PLUGIN_TRAPPED", version: "1.1.0" });
    }
    const crossedAt = Date.now();
    for (let call = 0; call < 3; call++) {
      expect((await execute(plugin, "!", queue)).body).toMatchObject({ output: "!", version: "1.0.0" });
    }
    expect(sent.filter((outcome) => "type" in outcome).map((event) => "type" in event && event.type)).toContain(
      "breaker.opened",
    );

    await consumed(sent);
    const snapshot = await plugin.snapshot();
    expect(snapshot.canaries).toBeUndefined();
    const returnedAfter = Date.now() - crossedAt;
    console.log(JSON.stringify({ figure: "automatic return, control plane", ms: returnedAfter }));
    expect(returnedAfter).toBeLessThan(5_000);
    expect((await plugin.call("GET", "/upgrade")).body).toMatchObject({ state: "returned" });
    expect(await plugin.events()).toEqual(["upgrade.started", "upgrade.gated", "upgrade.returned"]);
    expect(await plugin.installed()).toBe("1.0.0");
  });

  test("gets no call of any isolate 5 seconds after the threshold was crossed in one, whatever each remembers", async () => {
    const plugin = await withCanary();
    const errors = vi.spyOn(console, "error").mockReturnValue();
    // What the others remember of the tenant is new, or 1.5 s old, when the threshold is crossed.
    const told = await timeToReturn(plugin, 0);
    await beginAgain(plugin);
    const byCounts = [await timeToReturn(plugin, 0, "without breakers")];
    await beginAgain(plugin);
    byCounts.push(await timeToReturn(plugin, 1_500, "without breakers"));
    errors.mockRestore();
    const figure = "automatic return, last call of the candidate in other isolates, ms after the threshold";
    console.log(JSON.stringify({ figure, told, byCounts }));
    const times = [told, ...byCounts];
    expect(Math.max(...times)).toBeLessThanOrEqual(5_000);
  });

  test("is taken back by its counts alone, however many isolates share its calls", async () => {
    const plugin = await withCanary();
    const { calls } = await plugin.run("a", "!", "!", "!", "!");
    expect(calls.map(({ record }) => record.version)).toEqual(Array(5).fill("1.1.0"));
    await judgeRunningUpgrades(systemDeps());
    expect((await plugin.call("GET", "/upgrade")).body).toMatchObject({ state: "canary", candidateFaults: 4 });
    const fifth = await plugin.run("!");
    const { queue } = capturedQueue();
    await consumed(
      fifth.calls.map(({ record }) => record),
      systemDeps(undefined, { OUTCOMES: queue }),
    );
    await judgeRunningUpgrades(systemDeps());
    expect((await plugin.call("GET", "/upgrade")).body).toMatchObject({
      state: "returned",
      reason: "5 of 6 calls failed, against 0 of 0 in the installed version.",
    });
    expect((await plugin.snapshot()).canaries).toBeUndefined();
  });

  test("is not sent a call by an isolate whose snapshot is older than 3 seconds, also where R2 does not answer", async () => {
    const plugin = await withCanary();
    let now = Date.now();
    let isAway = false;
    const bucket = {
      get: (...args: Parameters<R2Bucket["get"]>) =>
        isAway ? Promise.reject(new Error("away")) : env.STORE.get(...args),
    };
    const store = new SnapshotStore(
      bucket as unknown as R2Bucket, // the store only reads
      new SnapshotCache(),
      { now: () => now },
      (work) => void work,
    );
    expect((await store.read(plugin.tenantId))?.canaries).toBe(true);
    await plugin.call("POST", "/upgrade/abort", {});
    now += CANARY_STALE_MS;
    isAway = true;
    expect((await store.read(plugin.tenantId))?.canaries).toBeUndefined();
    isAway = false;
    expect((await store.read(plugin.tenantId))?.installs[plugin.pluginId]?.canary).toBeUndefined();
  });
});

describe("a candidate that does well", () => {
  test("takes step after step, and all calls after the last", async () => {
    const plugin = await withCanary([
      { share: 5_000, minutes: 10 },
      { share: 10_000, minutes: 10 },
    ]);
    let now = Date.now();
    const later = (minutes: number) => systemDeps({ now: () => (now += minutes * 60_000) });
    await judgeRunningUpgrades(later(1));
    expect((await plugin.call("GET", "/upgrade")).body).toMatchObject({ step: 0, state: "canary" });
    // Too few calls were made: the step waits longer.
    await judgeRunningUpgrades(later(10));
    expect((await plugin.call("GET", "/upgrade")).body).toMatchObject({ step: 0 });
    await plugin.run(...Array.from({ length: 60 }, (_unused, index) => `call ${index}`));
    await judgeRunningUpgrades(later(0));
    const { body } = await plugin.call("GET", "/upgrade");
    expect(body).toMatchObject({ step: 1, state: "canary", candidateCalls: 0 });
    expect((await plugin.snapshot()).installs[plugin.pluginId]?.canary?.share).toBe(10_000);
    // A quiet plugin goes on all the same, after twelve times the minutes.
    await judgeRunningUpgrades(later(121));
    expect((await plugin.call("GET", "/upgrade")).body).toMatchObject({ state: "promoted" });
    expect(await plugin.installed()).toBe("1.1.0");
    expect((await plugin.snapshot()).canaries).toBeUndefined();
    expect(await plugin.events()).toEqual([
      "upgrade.started",
      "upgrade.gated",
      "upgrade.canary-stepped",
      "upgrade.promoted",
    ]);
  });
});

describe("calls across versions", () => {
  test("upgrade, promotion and rollback under load lose nothing", async () => {
    const plugin = await releasedPlugin();
    await plugin.run("a", "b");
    await plugin.upload("1.1.0", "release-picky");
    const { queue } = capturedQueue();
    const versions = new Map<string, number>();
    const failed: unknown[] = [];
    const load = { running: true, sent: 0 };
    const caller = async (name: number): Promise<void> => {
      while (load.running) {
        const input = `call ${name} ${load.sent++}`;
        const { body } = await execute(plugin, input, queue);
        const { output, version } = body as { output?: string; version: string };
        if (output === input) versions.set(version, (versions.get(version) ?? 0) + 1);
        else failed.push(body);
      }
    };
    const callers = Array.from({ length: 8 }, (_unused, name) => caller(name));
    const steps = [{ share: 5_000, minutes: 10 }];
    for (const [suffix, body] of [
      ["/upgrade", { steps }],
      ["/upgrade/promote", undefined],
      ["/rollback", { reason: "drill" }],
    ] as const) {
      const answer = await plugin.call("POST", suffix, body);
      expect([suffix, answer.status]).toEqual([suffix, 200]);
      const until = load.sent + 24;
      await vi.waitFor(() => expect(load.sent).toBeGreaterThan(until), { timeout: 10_000, interval: 5 });
    }
    load.running = false;
    await Promise.all(callers);
    expect(failed).toEqual([]);
    expect([...versions.keys()].sort()).toEqual(["1.0.0", "1.1.0"]);
    console.log(
      JSON.stringify({
        figure: "calls across versions",
        sent: load.sent,
        failed: failed.length,
        versions: [...versions],
      }),
    );
    expect(await plugin.installed()).toBe("1.0.0");
  }, 60_000);

  test("a rollback writes the snapshot once, no package, and is done within a second", async () => {
    const plugin = await releasedPlugin();
    await plugin.upload("1.1.0", "release-picky");
    await plugin.call("PUT", "", { version: "1.1.0" });
    const bucket = counted(env.STORE);
    const startedAt = Date.now();
    const answer = await plugin.call("POST", "/rollback", {}, { STORE: bucket.binding });
    const took = Date.now() - startedAt;
    console.log(JSON.stringify({ figure: "rollback", ms: took, store: bucket.uses() }));
    expect(answer.body).toMatchObject({ version: "1.0.0" });
    expect(took).toBeLessThan(1_000);
    // Behind the answer the audit log's chain is sealed too.
    const puts = bucket.named("put").filter((key) => !key.startsWith("audit-heads/"));
    expect(puts).toEqual([expect.stringMatching(/^snapshots\//)]);
    expect(bucket.uses()).not.toContain("delete");
    expect((await plugin.call("POST", "/execute", { input: "!" })).body).toMatchObject({ output: "!" });
    // What was rolled back from is not what a second rollback leads to.
    expect((await plugin.call("POST", "/rollback", {})).body).toMatchObject({ code: "STATE_CONFLICT" });
  });
});
