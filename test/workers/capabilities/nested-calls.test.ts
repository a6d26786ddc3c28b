import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import type { Grants } from "../../../sdk/contract/grants.ts";
import type { Offers } from "../../../sdk/contract/offers.ts";
import { createDeps, createResident } from "../../../worker/deps.ts";
import { fanOut } from "../../../worker/execution/fan-out.ts";
import { answerNestedCall, type NestedEntry } from "../../../worker/execution/fresh-request.ts";
import { invoke, type PluginEvent } from "../../../worker/execution/invoke.ts";
import { DEFAULT_BUDGET, RequestBudget, type BudgetSpec } from "../../../worker/execution/request-budget.ts";
import type { ExecutionRecord } from "../../../worker/execution/settle.ts";
import type { Snapshot } from "../../../worker/execution/snapshot.ts";
import { CountingLoader } from "../../support/workers/counting-loader.ts";
import { installGuests } from "../execution/guest-installs.ts";

/** Services that call services: from the third plugin of a chain on, each runs in a worker request of its own. */

const CALLERS = ["a", "b", "c", "d", "e"];
const SERVICES: NonNullable<Offers["services"]> = {
  ...Object.fromEntries(CALLERS.map((pluginId) => [pluginId, { pluginId, functionName: "call" }])),
  who: { pluginId: "d", functionName: "who" },
  broken: { pluginId: "d", functionName: "broken" },
  same: { pluginId: "member", functionName: "same" },
  spin: { pluginId: "loop", functionName: "run" },
  sleep: { pluginId: "sleep", functionName: "run" },
  gone: { pluginId: "nobody", functionName: "run" },
};
const grants: Grants = { services: { services: Object.keys(SERVICES) } };

const NOTHING_USED = { fuel: 0, memoryBytes: 0, hostCalls: 0 };

let snapshot: Snapshot;

beforeAll(async () => {
  const callers = CALLERS.map((pluginId) => ({ guest: "reach", pluginId, grants }));
  const others = ["member", "loop", "sleep"].map((guest) => ({ guest }));
  snapshot = await installGuests("nested", [...callers, ...others], { services: SERVICES });
});

/** The request of the first of `path`, so that each calls the next one's service. */
function request([service, ...rest]: readonly string[], last: unknown): unknown {
  if (service === undefined) return last;
  return { service, input: request(rest, last) };
}

function event(path: readonly string[], last: unknown, more: Partial<PluginEvent> = {}): PluginEvent {
  return {
    pluginId: "a",
    functionName: "call",
    input: new TextEncoder().encode(JSON.stringify(request(path, last))),
    options: { logLevel: 2 },
    subject: "me",
    roles: ["caller"],
    traceId: "0".repeat(32),
    ...more,
  };
}

function deps(entry: NestedEntry = exports.NestedCalls, bindings: Partial<Env> = {}) {
  const waitUntil = (work: Promise<unknown>): void => void work;
  return createDeps(
    { ...env, ...bindings },
    { waitUntil, exports: { NestedCalls: entry } },
    undefined,
    createResident(),
  );
}

async function run(path: readonly string[], last: unknown, more: Partial<PluginEvent> = {}) {
  const { outcome, record } = await invoke(deps(), snapshot, event(path, last, more));
  return { outcome, record, answer: JSON.parse(new TextDecoder().decode(outcome.output)) as unknown };
}

function sharing(spec: Partial<BudgetSpec>) {
  const pool = new RequestBudget({ ...DEFAULT_BUDGET, ...spec }, Date.now());
  return { pool, budget: { pool, among: 1 } };
}

/** What is left of a budget's fuel. */
function left(pool: RequestBudget): number {
  const opened = pool.open({ ...installOf("member").limits, fuel: Number.MAX_SAFE_INTEGER }, Date.now());
  if ("failure" in opened) return 0;
  const { fuel } = opened.limits;
  opened.close({ output: undefined, failure: undefined, usage: NOTHING_USED, logs: [], logsTruncated: false });
  return fuel;
}

function installOf(pluginId: string) {
  const install = snapshot.installs[pluginId];
  if (!install) throw new Error(`${pluginId} is not installed`);
  return install;
}

/** The value that the last one answers, through the answers of all that called. */
function innermost(answer: unknown): unknown {
  const value = (answer as { value?: { output?: unknown } }).value;
  const output = value?.output;
  return output !== undefined && typeof output === "object" && output !== null && "value" in output
    ? innermost(output)
    : (output ?? answer);
}

describe("a chain of plugins", () => {
  test("of four answers through all of them", async () => {
    const { answer, outcome } = await run(["b", "c", "same"], [1, { two: 2 }]);
    expect(outcome.failure).toBeUndefined();
    expect(answer).toMatchObject({
      value: { pluginId: "b", output: { value: { pluginId: "c", output: { value: { pluginId: "member" } } } } },
    });
    expect(innermost(answer)).toEqual([1, { two: 2 }]);
  });

  test("carries who calls, and for whom, to its end", async () => {
    const more = { hops: 3, annotations: { plan: "gold" } };
    const { answer } = await run(["b", "c", "who"], null, more);
    expect(innermost(answer)).toMatchObject({
      tenantId: "nested",
      pluginId: "d",
      callingPlugin: "c",
      subject: "me",
      roles: ["caller"],
      traceId: "0".repeat(32),
      ...more,
    });
  });

  test("of five is refused, and the error names it", async () => {
    const { answer, outcome } = await run(["b", "c", "d", "e"], { service: "same" });
    expect(outcome.failure).toBeUndefined();
    expect(innermost(answer)).toMatchObject({
      error: {
        code: "NESTING_EXCEEDED",
        message: "At most 4 plugins may call one another in a chain: a > b > c > d > e.",
      },
    });
  });

  test("that comes back to one of its plugins is refused, however far down", async () => {
    const { answer } = await run(["b", "c", "a"], { service: "same" });
    const message = "Plugins call each other in a circle: a > b > c > a.";
    expect(innermost(answer)).toMatchObject({ error: { code: "NESTING_EXCEEDED", message } });
  });

  test.each([
    ["broken", "PLUGIN_TRAPPED"],
    ["gone", "INSTALL_NOT_FOUND"],
  ])("tells its third of a fourth that is %s, and nobody else fails", async (service, code) => {
    const { answer, outcome } = await run(["b", "c", service], null);
    expect(outcome.failure).toBeUndefined();
    const { error } = innermost(answer) as { error: { code: string; message: string } };
    expect(error.code).toBe("SERVICE_FAILED");
    expect(error.message).toContain(code);
  });
});

describe("one budget holds for all of a chain", () => {
  test("of fuel: what spins at its end gets what is left and no more, and what it used is gone", async () => {
    const { pool, budget } = sharing({ fuel: 4e9 });
    const { answer } = await run(["b", "c", "spin"], null, { budget });
    expect(innermost(answer)).toMatchObject({ error: { code: "SERVICE_FAILED" } });
    expect(left(pool)).toBeLessThan(3e9);
    expect(left(pool)).toBeGreaterThan(2.9e9);
    // The first three set aside what a plugin may use: 200 million are left for the fourth.
    const narrow = sharing({ fuel: 3.2e9 });
    const stopped = await run(["b", "c", "spin"], null, { budget: narrow.budget });
    expect(innermost(stopped.answer)).toMatchObject({ error: { code: "BUDGET_SPENT" } });
    expect(left(narrow.pool)).toBeGreaterThan(2.9e9);
  });

  test("of fuel: nothing is left for the fourth where three have set all aside", async () => {
    const { pool, budget } = sharing({ fuel: 3e9 });
    const { answer } = await run(["b", "c", "same"], 1, { budget });
    const { error } = innermost(answer) as { error: { code: string; message: string } };
    expect(error.code).toBe("BUDGET_SPENT");
    expect(error.message).toContain("budget of 3000000000 units of fuel is spent");
    expect(left(pool)).toBeGreaterThan(2.9e9);
  });

  test("of time: the deadline is that of the first", async () => {
    const startedAt = Date.now();
    const { answer, record } = await run(["b", "c", "who"], null, { options: { logLevel: 2, timeoutMs: 4_000 } });
    const { deadline } = innermost(answer) as { deadline: number };
    expect(deadline).toBeLessThanOrEqual(record.startedAt + 4_000);
    expect(deadline).toBeGreaterThan(startedAt);
  });

  test("of time: one that waits at the end is stopped in time", async () => {
    const { outcome, record } = await invoke(
      deps(),
      snapshot,
      event(["b", "c", "sleep"], null, { options: { logLevel: 2, timeoutMs: 300 } }),
    );
    expect(outcome.failure?.code ?? new TextDecoder().decode(outcome.output)).toContain("WALL_CLOCK_EXCEEDED");
    expect(record.durationMs).toBeLessThan(2_000);
  });
});

describe("a call in a request of its own", () => {
  test("is recorded like every call, and no request has more than two isolates at work", async () => {
    const records: ExecutionRecord[] = [];
    const OUTCOMES = {
      sendBatch: (messages: readonly { readonly body: ExecutionRecord }[]) => {
        records.push(...messages.map(({ body }) => body));
        return Promise.resolve();
      },
    } as unknown as Env["OUTCOMES"]; // only batches are sent
    const loaders: CountingLoader[] = [];
    const bindings = (): Partial<Env> => {
      const counting = new CountingLoader();
      loaders.push(counting);
      return { OUTCOMES, LOADER: counting.loader };
    };
    const context = createExecutionContext();
    const entry: NestedEntry = {
      call: (...[tenantId, nested, budget]) => {
        const fresh = createDeps(
          { ...env, ...bindings() },
          { waitUntil: (work) => context.waitUntil(work), exports: { NestedCalls: entry } },
          undefined,
          createResident(),
        );
        return answerNestedCall(fresh, tenantId, nested, budget);
      },
    };
    const first = { waitUntil: (work: Promise<unknown>) => context.waitUntil(work), exports: { NestedCalls: entry } };
    const top = createDeps({ ...env, ...bindings() }, first, undefined, createResident());
    const { outcome } = await invoke(top, snapshot, event(["b", "c", "same"], 7));
    await waitOnExecutionContext(context);
    expect(outcome.failure).toBeUndefined();
    const recorded = records.map(({ pluginId, status, tenantId }) => `${tenantId} ${pluginId} ${status}`);
    expect(recorded.toSorted()).toEqual(["a", "b", "c", "member"].map((pluginId) => `nested ${pluginId} succeeded`));
    expect(loaders.length).toBe(2);
    for (const { all } of loaders) expect(all.most).toBe(2);
  });

  test("is what two plugins of one event that both call a service get, so that neither is refused", async () => {
    const { pool } = sharing({});
    const parts = ["a", "b"].map((pluginId) => ({ ...event(["same"], pluginId), pluginId }));
    const results = await fanOut(deps(), snapshot, parts, pool);
    const answers = results.map((result) =>
      "refused" in result
        ? result.refused.code
        : innermost(JSON.parse(new TextDecoder().decode(result.invocation.outcome.output))),
    );
    expect(answers).toEqual(["a", "b"]);
  });

  test("is not made where the runtime has no entry point to offer: it is refused as before", async () => {
    const plain = createDeps(env, { waitUntil: () => undefined }, undefined, createResident());
    const { outcome } = await invoke(plain, snapshot, event(["b", "same"], 1));
    expect(new TextDecoder().decode(outcome.output)).toContain("NESTING_EXCEEDED");
  });
});
