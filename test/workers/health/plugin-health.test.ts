import { abortAllDurableObjects, evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { BREAKER } from "../../../durable-objects/plugin-health/breaker-rules.ts";
import {
  describeHealth,
  forceBreaker,
  healthOf,
  probeBreaker,
  resetBreaker,
} from "../../../durable-objects/plugin-health/client.ts";
import type { Report, ReportedFault } from "../../../durable-objects/plugin-health/report-rules.ts";
import { emptyTally, withCall } from "../../../durable-objects/plugin-health/tally-rules.ts";

const VERSION = "1.0.0";
const fault: ReportedFault = { ageMs: 0, code: "PLUGIN_TRAPPED", executionId: "execution-1", configRevision: 2 };

function failures(times: number, version = VERSION): Report {
  const call = { ms: 12, code: fault.code, isFault: true };
  const tally = Array.from({ length: times }, () => call).reduce(withCall, emptyTally());
  return { version, tally, good: 0, faults: Array.from({ length: times }, () => fault) };
}

beforeEach(() => {
  // One clock for the test and the object, which runs in the same isolate.
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
});
afterEach(() => {
  vi.useRealTimers();
});

async function opened(installId: string) {
  const health = healthOf(env.PLUGIN_HEALTH, installId);
  expect((await health.report(failures(4))).verdict.state).toBe("closed");
  expect(await health.report(failures(1))).toMatchObject({
    verdict: { state: "open", why: { cause: "faults", faults: 5, configRevision: 2 } },
    moves: [{ from: "closed", to: "open", cause: "faults" }],
  });
  return health;
}

describe("what the object keeps", () => {
  test.each(["eviction", "restart"])("survives %s in every state", async (how) => {
    const installId = `kept-${how}`;
    let health = await opened(installId);
    const gone = async (): Promise<void> => {
      if (how === "eviction") await evictDurableObject(health);
      else await abortAllDurableObjects();
      health = healthOf(env.PLUGIN_HEALTH, installId);
    };
    const before = await health.describe();
    await gone();
    expect(await health.describe()).toEqual(before);
    expect((await health.verdict(VERSION)).verdict.state).toBe("open");
    vi.setSystemTime(Date.now() + BREAKER.firstCoolDownMs);
    expect((await health.askProbe(VERSION, "probe", 5_000)).admitted).toBe(true);
    await gone();
    expect(await health.askProbe(VERSION, "other", 5_000)).toMatchObject({
      admitted: false,
      verdict: { state: "half-open" },
    });
    await forceBreaker(env.PLUGIN_HEALTH, installId, { state: "open", reason: "incident", by: "olga" });
    await gone();
    expect((await health.verdict(VERSION)).verdict).toMatchObject({ state: "open", forced: { reason: "incident" } });
  });

  test("is another one for each version and each install", async () => {
    const health = await opened("apart");
    expect((await health.verdict("2.0.0")).verdict.state).toBe("closed");
    expect((await healthOf(env.PLUGIN_HEALTH, "apart-2").verdict(VERSION)).verdict.state).toBe("closed");
  });
});

test("one probe at a time, three good ones close, and each move is told once", async () => {
  const health = await opened("probes");
  expect((await health.askProbe(VERSION, "early", 5_000)).admitted).toBe(false);
  vi.setSystemTime(Date.now() + BREAKER.firstCoolDownMs);
  const asked = await Promise.all(
    Array.from({ length: 20 }, (_, index) => health.askProbe(VERSION, `token-${index}`, 5_000)),
  );
  expect(asked.filter(({ admitted }) => admitted)).toHaveLength(1);
  expect(asked.flatMap(({ moves }) => moves)).toMatchObject([{ from: "open", to: "half-open" }]);
  const end = (token: string) => health.report({ ...failures(0), probe: { token, fault: null } });
  await end(`token-${asked.findIndex(({ admitted }) => admitted)}`);
  await health.askProbe(VERSION, "second", 5_000);
  await end("second");
  await health.askProbe(VERSION, "third", 5_000);
  expect(await end("third")).toMatchObject({
    verdict: { state: "closed", why: null },
    moves: [{ to: "closed", cause: "probes-succeeded" }],
  });
  const { moves } = await describeHealth(env.PLUGIN_HEALTH, "probes");
  expect(moves.map(({ to }) => to)).toEqual(["closed", "half-open", "open"]);
});

describe("orders", () => {
  test("forced open admits no probe; taken back, it begins closed", async () => {
    const health = await opened("forced-open");
    await forceBreaker(env.PLUGIN_HEALTH, "forced-open", { state: "open", reason: "incident", by: "olga" });
    vi.setSystemTime(Date.now() + BREAKER.longestCoolDownMs);
    expect(await health.askProbe(VERSION, "probe", 5_000)).toMatchObject({
      admitted: false,
      verdict: { state: "open", nextProbeAt: null, forced: { by: "olga" } },
    });
    expect((await health.verdict("9.9.9")).verdict.state).toBe("open");
    await forceBreaker(env.PLUGIN_HEALTH, "forced-open", null);
    expect((await health.verdict(VERSION)).verdict).toMatchObject({ state: "closed" });
  });

  test("forced closed stays closed whatever fails, and what failed meanwhile does not open it afterwards", async () => {
    const health = healthOf(env.PLUGIN_HEALTH, "forced-closed");
    await forceBreaker(env.PLUGIN_HEALTH, "forced-closed", { state: "closed", reason: "known", by: "olga" });
    expect((await health.report(failures(50))).verdict.state).toBe("closed");
    await forceBreaker(env.PLUGIN_HEALTH, "forced-closed", null);
    expect((await health.report(failures(4))).verdict.state).toBe("closed");
    expect((await health.report(failures(1))).verdict.state).toBe("open");
  });

  test("a verified repair closes it, and a probe may be asked for early", async () => {
    const health = await opened("healed");
    expect((await resetBreaker(env.PLUGIN_HEALTH, "healed", VERSION)).moves).toMatchObject([{ cause: "reset" }]);
    await health.report(failures(5));
    await probeBreaker(env.PLUGIN_HEALTH, "healed", VERSION);
    expect((await health.askProbe(VERSION, "probe", 5_000)).admitted).toBe(true);
  });
});

test("windows, latencies and uptime are added up over reports and versions are apart", async () => {
  const health = await opened("windows");
  const good = { ms: 100, code: null, isFault: false };
  await health.report({ version: "2.0.0", tally: withCall(emptyTally(), good), good: 1, faults: [] });
  vi.setSystemTime(Date.now() + 1_200_000);
  const { versions, uptime, seenSince } = await describeHealth(env.PLUGIN_HEALTH, "windows");
  expect(seenSince).toBe(Date.now() - 1_200_000);
  expect(uptime).toEqual({ day: 0, week: 0 });
  const [first, second] = versions;
  expect(first).toMatchObject({ version: VERSION, state: "open", windows: { hour: { calls: 5, faults: 5 } } });
  expect(first?.windows.quarterHour.calls).toBe(0);
  expect(second).toMatchObject({ version: "2.0.0", state: "closed", windows: { day: { calls: 1, failed: 0 } } });
  vi.setSystemTime(Date.now() + 25 * 3_600_000);
  await health.report({ version: "2.0.0", tally: withCall(emptyTally(), good), good: 1, faults: [] });
  const later = await describeHealth(env.PLUGIN_HEALTH, "windows");
  expect(later.versions.map(({ windows }) => windows.day.calls)).toEqual([0, 1]);
});
