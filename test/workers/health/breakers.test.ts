import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { BREAKER } from "../../../durable-objects/plugin-health/breaker-rules.ts";
import { describeHealth, forceBreaker, healthOf } from "../../../durable-objects/plugin-health/client.ts";
import { createDeps, createResident, type Resident } from "../../../worker/deps.ts";
import { UNREACHABLE_MS, VERDICT_MS } from "../../../worker/execution/breaker/book-rules.ts";
import { invoke, type Invocation, type PluginEvent } from "../../../worker/execution/invoke.ts";
import { isToldEvent, type Outcome } from "../../../worker/execution/outcome-reporter.ts";
import type { Snapshot } from "../../../worker/execution/snapshot.ts";
import { counted } from "../../support/workers/probe.ts";
import { installGuests } from "../execution/guest-installs.ts";

/** Breakers as workers keep to them: real plugins that fail, the real object, and one clock for all that a test moves. */

const TENANT = "breakers";
const FUEL = 100_000;
let snapshot: Snapshot;
let plugins = 0;

beforeAll(async () => {
  const names = Array.from({ length: 30 }, (_, index) => `loop-${index}`);
  snapshot = await installGuests(TENANT, [
    ...names.map((pluginId) => ({ guest: "loop", pluginId, limits: { fuel: FUEL } })),
    { guest: "sleep", limits: { wallClock: 2_000 } },
  ]);
});

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function pass(milliseconds: number): void {
  vi.setSystemTime(Date.now() + milliseconds);
}

/** One worker isolate: what it keeps, and what it sends to the queue. */
class Isolate {
  readonly kept: Resident = createResident();
  readonly sent: Outcome[] = [];
  bindings: Partial<Env> = {};
  readonly #snapshot: Snapshot;

  constructor(used = snapshot) {
    this.#snapshot = used;
  }

  /** Calls a function, and waits for what is left to do after the answer. */
  async call(pluginId: string, functionName: string, event: Partial<PluginEvent> = {}): Promise<Invocation> {
    const [invocation] = await this.callAll(pluginId, [functionName], event);
    if (!invocation) throw new Error("no call");
    return invocation;
  }

  /** The same for several at once, each a request of its own. */
  async callAll(
    pluginId: string,
    functions: readonly string[],
    event: Partial<PluginEvent> = {},
  ): Promise<readonly Invocation[]> {
    const context = createExecutionContext();
    const OUTCOMES = {
      sendBatch: (messages: readonly { readonly body: Outcome }[]) => {
        this.sent.push(...messages.map(({ body }) => body));
        return Promise.resolve();
      },
    } as unknown as Env["OUTCOMES"]; // only batches are sent
    const calls = functions.map((functionName) => {
      const deps = createDeps({ ...env, OUTCOMES, ...this.bindings }, context, undefined, this.kept);
      return invoke(deps, this.#snapshot, {
        pluginId,
        functionName,
        input: new Uint8Array(),
        options: { logLevel: 2 },
        subject: "tester",
        roles: [],
        traceId: "0".repeat(32),
        ...event,
      });
    });
    const invocations = await Promise.all(calls);
    await waitOnExecutionContext(context);
    return invocations;
  }

  async code(pluginId: string, functionName: string, event: Partial<PluginEvent> = {}): Promise<string> {
    const { outcome } = await this.call(pluginId, functionName, event);
    return outcome.failure?.code ?? "none";
  }

  /** Faults, one after the other. */
  async fail(pluginId: string, times: number): Promise<void> {
    for (let index = 0; index < times; index++) {
      const code = await this.code(pluginId, "run");
      if (code !== "FUEL_EXHAUSTED") throw new Error(`the call ended with ${code}`);
    }
  }

  events(): readonly string[] {
    return this.sent.filter(isToldEvent).map(({ type }) => type);
  }
}

function plugin(): { readonly pluginId: string; readonly installId: string } {
  const pluginId = `loop-${plugins++}`;
  return { pluginId, installId: `${TENANT}-${pluginId}` };
}

describe("a plugin that fails", () => {
  test("is refused from the fifth fault on, and the refusal says why and is recorded", async () => {
    const isolate = new Isolate();
    const { pluginId } = plugin();
    await isolate.fail(pluginId, 5);
    const { outcome, record } = await isolate.call(pluginId, "fine");
    const nextProbeAt = Date.now() + BREAKER.firstCoolDownMs;
    expect(outcome.failure).toMatchObject({
      code: "BREAKER_OPEN",
      detail: expect.stringContaining("it failed too often (FUEL_EXHAUSTED 5)."),
      breaker: { state: "open", nextProbeAt, why: { cause: "faults", codes: { FUEL_EXHAUSTED: 5 } } },
      retryAfterSeconds: 30,
    });
    expect(record).toMatchObject({ status: "failed", errorCode: "BREAKER_OPEN", fuel: 0 });
    expect(isolate.sent.filter((sent) => !isToldEvent(sent))).toHaveLength(6);
    expect(isolate.events()).toEqual(["health.threshold-exceeded", "breaker.opened"]);
    // Other versions and other plugins are not affected.
    expect(await isolate.code(plugin().pluginId, "fine")).toBe("none");
    const install = snapshot.installs[pluginId];
    if (!install) throw new Error("not installed");
    const upgraded = { ...snapshot, installs: { [pluginId]: { ...install, version: "2.0.0" } } };
    expect(await new Isolate(upgraded).code(pluginId, "fine")).toBe("none");
  });

  test("recovers by three good probes, with one in flight under twenty calls", async () => {
    const [isolate, other] = [new Isolate(), new Isolate()];
    const { pluginId, installId } = plugin();
    await isolate.fail(pluginId, 5);
    pass(BREAKER.firstCoolDownMs);
    const health = counted(env.PLUGIN_HEALTH);
    isolate.bindings = { PLUGIN_HEALTH: health.binding };
    const twenty = Array<string>(20).fill("fine");
    const codes = (await Promise.all([isolate.callAll(pluginId, twenty), other.callAll(pluginId, twenty)]))
      .flat()
      .map(({ outcome }) => outcome.failure?.code ?? "none");
    expect(codes.filter((code) => code === "none")).toHaveLength(1);
    expect(codes.filter((code) => code === "BREAKER_OPEN")).toHaveLength(39);
    // Then whoever comes next probes, until three have succeeded.
    pass(VERDICT_MS);
    expect(await isolate.code(pluginId, "fine")).toBe("none");
    pass(VERDICT_MS);
    expect(await other.code(pluginId, "fine")).toBe("none");
    expect((await healthOf(env.PLUGIN_HEALTH, installId).verdict("1.0.0")).verdict.state).toBe("closed");
    expect([...isolate.events(), ...other.events()].toSorted()).toEqual([
      "breaker.closed",
      "breaker.half-opened",
      "breaker.opened",
      "health.threshold-exceeded",
    ]);
    pass(VERDICT_MS);
    expect((await other.callAll(pluginId, twenty)).filter(({ outcome }) => outcome.failure)).toEqual([]);
  });

  test("stays refused twice as long where the probe fails", async () => {
    const isolate = new Isolate();
    const { pluginId } = plugin();
    await isolate.fail(pluginId, 5);
    pass(BREAKER.firstCoolDownMs);
    await isolate.fail(pluginId, 1);
    const { outcome } = await isolate.call(pluginId, "fine");
    expect(outcome.failure).toMatchObject({
      code: "BREAKER_OPEN",
      detail: expect.stringContaining("its last probe failed (FUEL_EXHAUSTED 1)"),
      retryAfterSeconds: 60,
    });
  });

  test("a probe that says nothing of the plugin leaves it half-open, and the next one is let through", async () => {
    const isolate = new Isolate();
    const { pluginId } = plugin();
    await isolate.fail(pluginId, 5);
    pass(BREAKER.firstCoolDownMs);
    expect(await isolate.code(pluginId, "run", { options: { logLevel: 2, fuel: 1_000 } })).toBe("FUEL_EXHAUSTED");
    expect(await isolate.code(pluginId, "fine")).toBe("none");
  });
});

describe("refusal everywhere", () => {
  test("other isolates of the process refuse within two seconds of the fifth fault, whether busy or idle", async () => {
    const [failing, busy, idle] = [new Isolate(), new Isolate(), new Isolate()];
    const { pluginId } = plugin();
    await idle.call(pluginId, "fine");
    await failing.fail(pluginId, 4);
    expect(await busy.code(pluginId, "fine")).toBe("none");
    await failing.fail(pluginId, 1);
    const openedAt = Date.now();
    expect(await failing.code(pluginId, "fine")).toBe("BREAKER_OPEN");
    let refusedAfter: number | undefined;
    while (refusedAfter === undefined && Date.now() - openedAt < 5_000) {
      pass(50);
      if ((await busy.code(pluginId, "fine")) === "BREAKER_OPEN") refusedAfter = Date.now() - openedAt;
    }
    expect(refusedAfter).toBeLessThan(2_000);
    pass(2_000 - (refusedAfter ?? 0));
    expect(await idle.code(pluginId, "fine")).toBe("BREAKER_OPEN");
    console.log(`from the fifth fault to refusal in a busy isolate: ${refusedAfter} ms`);
  });

  test("a new isolate refuses from its first call", async () => {
    const { pluginId } = plugin();
    await new Isolate().fail(pluginId, 5);
    expect(await new Isolate().code(pluginId, "fine")).toBe("BREAKER_OPEN");
  });

  test("an operator's order holds within two seconds, and ends as fast", async () => {
    const isolate = new Isolate();
    const { pluginId, installId } = plugin();
    expect(await isolate.code(pluginId, "fine")).toBe("none");
    await forceBreaker(env.PLUGIN_HEALTH, installId, { state: "open", reason: "incident", by: "olga" });
    pass(VERDICT_MS);
    const { outcome } = await isolate.call(pluginId, "fine");
    expect(outcome.failure?.detail).toMatch(/an operator ordered so\.$/);
    await forceBreaker(env.PLUGIN_HEALTH, installId, { state: "closed", reason: "known", by: "olga" });
    pass(VERDICT_MS);
    await isolate.fail(pluginId, 8);
    await forceBreaker(env.PLUGIN_HEALTH, installId, null);
    pass(VERDICT_MS);
    await isolate.fail(pluginId, 5);
    expect(await isolate.code(pluginId, "fine")).toBe("BREAKER_OPEN");
  });
});

describe("what does not count", () => {
  test.each<[string, Partial<PluginEvent>, string]>([
    ["the caller lowers the fuel", { options: { logLevel: 2, fuel: 1_000 } }, "FUEL_EXHAUSTED"],
    ["the input is too large", { input: new Uint8Array(2 * 1024 * 1024) }, "INPUT_TOO_LARGE"],
  ])("%s", async (_what, event, code) => {
    const isolate = new Isolate();
    const { pluginId } = plugin();
    for (let call = 0; call < 30; call++) expect(await isolate.code(pluginId, "run", event)).toBe(code);
    expect(await isolate.code(pluginId, "fine")).toBe("none");
  });

  test("the caller lowers the time", async () => {
    const isolate = new Isolate();
    vi.useRealTimers();
    const event = { options: { logLevel: 2, timeoutMs: 30 } };
    for (let call = 0; call < 6; call++) expect(await isolate.code("sleep", "run", event)).toBe("WALL_CLOCK_EXCEEDED");
    expect(await isolate.code("sleep", "nap")).toBe("none");
  });
});

describe("while the object does not answer", () => {
  const away = new Proxy(env.PLUGIN_HEALTH, {
    get: () => () => {
      throw new Error("Network connection lost.");
    },
  });

  beforeEach(() => {
    vi.spyOn(console, "error").mockReturnValue();
  });

  test("calls are made, and refused only by the breaker of the isolate itself, which recovers by itself", async () => {
    const [failing, other] = [new Isolate(), new Isolate()];
    failing.bindings = { PLUGIN_HEALTH: away };
    other.bindings = { PLUGIN_HEALTH: away };
    const { pluginId } = plugin();
    await failing.fail(pluginId, 5);
    expect(await failing.code(pluginId, "fine")).toBe("BREAKER_OPEN");
    expect(await other.code(pluginId, "fine")).toBe("none");
    pass(BREAKER.firstCoolDownMs);
    for (let probe = 0; probe < 4; probe++) expect(await failing.code(pluginId, "fine")).toBe("none");
  });

  test("what was known holds on, and what was counted meanwhile is reported afterwards", async () => {
    const isolate = new Isolate();
    const { pluginId, installId } = plugin();
    await isolate.fail(pluginId, 2);
    isolate.bindings = { PLUGIN_HEALTH: away };
    await isolate.fail(pluginId, 2);
    isolate.bindings = {};
    pass(UNREACHABLE_MS);
    expect(await isolate.code(pluginId, "fine")).toBe("none");
    await isolate.fail(pluginId, 1);
    expect(await isolate.code(pluginId, "fine")).toBe("BREAKER_OPEN");
    isolate.bindings = { PLUGIN_HEALTH: away };
    pass(VERDICT_MS);
    expect(await isolate.code(pluginId, "fine")).toBe("BREAKER_OPEN");
    const { versions } = await describeHealth(env.PLUGIN_HEALTH, installId);
    expect(versions[0]).toMatchObject({ state: "open", windows: { hour: { calls: 6, faults: 5 } } });
  });

  test("an object that hangs delays a call by no more than its patience, and the next ones not at all", async () => {
    const mute = new Proxy(env.PLUGIN_HEALTH, {
      get: (target, name) =>
        name === "get"
          ? () => ({ report: () => new Promise(() => undefined) })
          : Reflect.get(target, name, target).bind(target),
    });
    const { pluginId } = plugin();
    vi.useRealTimers();
    const context = createExecutionContext();
    const deps = createDeps({ ...env, PLUGIN_HEALTH: mute }, context, undefined, createResident());
    const event = { input: new Uint8Array(), options: { logLevel: 2 }, subject: "", roles: [], traceId: "" };
    for (let call = 0; call < 3; call++) {
      const { outcome } = await invoke(deps, snapshot, { ...event, pluginId, functionName: "fine" });
      expect(outcome.failure).toBeUndefined();
    }
  });
});
