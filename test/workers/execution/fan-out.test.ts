import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { DEFAULT_LIMITS } from "../../../sdk/contract/limits.ts";
import { createDeps, createResident, type Deps } from "../../../worker/deps.ts";
import { callInTurn, fanOut, type Part, type PartResult } from "../../../worker/execution/fan-out.ts";
import { invoke } from "../../../worker/execution/invoke.ts";
import type { ExecutionRecord } from "../../../worker/execution/settle.ts";
import { DEFAULT_BUDGET, RequestBudget, type BudgetSpec } from "../../../worker/execution/request-budget.ts";
import type { Snapshot, SnapshotInstall } from "../../../worker/execution/snapshot.ts";
import { CountingLoader } from "../../support/workers/counting-loader.ts";
import { installGuests } from "./guest-installs.ts";

/** Several plugins for one request, with the real loader. */

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const GUESTS = ["echo", "greet", "loop", "trap", "sleep"];

let snapshot: Snapshot;

beforeAll(async () => {
  const installed = await installGuests(
    "many",
    GUESTS.map((guest) => ({ guest, suspends: guest === "sleep" })),
  );
  // Fifty installs with an isolate each: another rewriter version is another id.
  const echo = installOf(installed, "echo");
  const copies = Array.from({ length: 50 }, (_, index): [string, SnapshotInstall] => {
    const pluginId = `echo-${index}`;
    return [pluginId, { ...echo, pluginId, installId: `many-${pluginId}`, rewriterVersion: `copy ${index}` }];
  });
  snapshot = { ...installed, installs: { ...installed.installs, ...Object.fromEntries(copies) } };
});

function installOf({ installs }: Snapshot, pluginId: string): SnapshotInstall {
  const install = installs[pluginId];
  if (!install) throw new Error(`${pluginId} is not installed`);
  return install;
}

interface Bench {
  readonly deps: Deps;
  readonly counting: CountingLoader;
  readonly budget: (spec?: Partial<BudgetSpec>) => RequestBudget;
  /** Everything that was sent to the queue. */
  readonly records: () => Promise<readonly ExecutionRecord[]>;
}

function bench(before?: ConstructorParameters<typeof CountingLoader>[0]): Bench {
  const sent: ExecutionRecord[] = [];
  const OUTCOMES = {
    sendBatch: (messages: readonly { readonly body: ExecutionRecord }[]) => {
      sent.push(...messages.map(({ body }) => body));
      return Promise.resolve();
    },
  } as unknown as Env["OUTCOMES"]; // only batches are sent
  const context = createExecutionContext();
  const counting = new CountingLoader(before);
  const deps = createDeps({ ...env, LOADER: counting.loader, OUTCOMES }, context, undefined, createResident());
  return {
    deps,
    counting,
    budget: (spec) => new RequestBudget({ ...DEFAULT_BUDGET, ...spec }, deps.clock.now()),
    records: async () => {
      await waitOnExecutionContext(context);
      return sent;
    },
  };
}

function part(pluginId: string, input = "", more: Partial<Part> = {}): Part {
  return {
    pluginId,
    functionName: undefined,
    input: encode(input),
    options: { logLevel: 2 },
    subject: "s",
    roles: [],
    traceId: "0".repeat(32),
    ...more,
  };
}

const show = (result: PartResult): string =>
  "refused" in result
    ? result.refused.code
    : (result.invocation.outcome.failure?.code ?? new TextDecoder().decode(result.invocation.outcome.output));

describe("fanOut", () => {
  test("fifty plugins on one event: two at work at most, no cap hit, results in order, all recorded", async () => {
    const { deps, counting, budget, records } = bench();
    const parts = Array.from({ length: 50 }, (_, index) => part(`echo-${index}`, `event for ${index}`));
    const results = await fanOut(deps, snapshot, parts, budget());
    expect(results.map(show)).toEqual(parts.map((_, index) => `event for ${index}`));
    expect(counting.isolates.size).toBe(50);
    expect(counting.all.most).toBe(2);
    // The two of a wave may end in either order.
    const recorded = (await records()).map(({ pluginId }) => pluginId);
    expect(recorded.toSorted()).toEqual(parts.map(({ pluginId }) => pluginId).toSorted());
  });

  test("one that fails, or cannot be called at all, harms no other", async () => {
    const { deps, budget } = bench();
    const parts = ["trap", "echo", "nowhere", "loop", "greet"].map((pluginId) => part(pluginId, "x"));
    const results = await fanOut(deps, snapshot, parts, budget());
    expect(results.map(show)).toEqual(["PLUGIN_TRAPPED", "x", "INSTALL_NOT_FOUND", "FUEL_EXHAUSTED", "Hello, x!"]);
  });

  test("all draw on one budget of fuel; who comes after it is spent does not run, and says so", async () => {
    const { deps, counting, budget, records } = bench();
    const parts = ["echo", "loop", "loop", "loop", "echo", "greet"].map((pluginId) => part(pluginId, "x"));
    const results = await fanOut(deps, snapshot, parts, budget({ fuel: 2.5e9 }));
    expect(results.map(show)).toEqual([
      "x",
      "FUEL_EXHAUSTED",
      "BUDGET_SPENT",
      "BUDGET_SPENT",
      "BUDGET_SPENT",
      "BUDGET_SPENT",
    ]);
    const failures = results.map((result) => ("invocation" in result ? result.invocation.outcome.failure?.detail : ""));
    expect(failures[2]).toMatch(/^Stopped by the request's budget\. The plugin used up its fuel of \d+ units/);
    expect(failures[5]).toBe("Not run: the request's budget of 2500000000 units of fuel is spent.");
    const sent = await records();
    // A replay could not end like that, so there is nothing to replay; the plugin's own failure is recorded.
    const stored = await Promise.all(sent.map(({ id }) => deps.recordings.find({ tenantId: "many", executionId: id })));
    const kept = sent.filter((_, index) => stored[index] !== undefined).map(({ errorCode }) => errorCode);
    expect(kept).toContain("FUEL_EXHAUSTED");
    expect(kept).not.toContain("BUDGET_SPENT");
    expect(sent.reduce((total, { fuel }) => total + fuel, 0)).toBeLessThanOrEqual(2.5e9);
    expect(sent.map(({ errorCode }) => errorCode)).toContain("BUDGET_SPENT");
    expect(counting.all.now).toBe(0);
  });

  test("the deadline is the request's: who is at work then is stopped, and the rest does not begin", async () => {
    const { deps, counting, budget } = bench();
    const parts = [
      part("echo", "in time"),
      part("sleep", "", { functionName: "naps" }),
      part("echo", "late"),
      part("greet", "late"),
    ];
    const results = await fanOut(deps, snapshot, parts, budget({ wallClock: 100 }));
    expect(results.map(show)).toEqual(["in time", "BUDGET_SPENT", "BUDGET_SPENT", "BUDGET_SPENT"]);
    expect(counting.isolates.size).toBe(2);
    expect(counting.all.now).toBe(0);
  });

  test("a plugin's own limits hold inside a large budget", async () => {
    const { deps, budget } = bench();
    const results = await fanOut(
      deps,
      snapshot,
      [part("sleep", "", { options: { logLevel: 2, timeoutMs: 50 } })],
      budget(),
    );
    expect(results.map(show)).toEqual(["WALL_CLOCK_EXCEEDED"]);
  });
});

describe("callInTurn", () => {
  test("each call gets what the one before left, one at a time", async () => {
    const { deps, counting, budget } = bench();
    const parts = [part("greet"), part("echo"), part("greet")];
    const results = await callInTurn(deps, snapshot, parts, budget(), encode("you"), (result) =>
      "invocation" in result ? result.invocation.outcome.output : undefined,
    );
    expect(results.map(show)).toEqual(["Hello, you!", "Hello, you!", "Hello, Hello, you!!"]);
    expect(counting.all.most).toBe(1);
  });

  test("ends where there is nothing to go on with", async () => {
    const { deps, budget } = bench();
    const parts = [part("greet"), part("trap"), part("echo")];
    const results = await callInTurn(deps, snapshot, parts, budget(), encode("you"), (result) =>
      "invocation" in result ? result.invocation.outcome.output : undefined,
    );
    expect(results.map(show)).toEqual(["Hello, you!", "PLUGIN_TRAPPED"]);
  });
});

describe("calls that calls make", () => {
  /** Stands for a capability by which one plugin calls another: the inner call runs while the outer one is at work. */
  function nesting(depth: number) {
    const inner: string[] = [];
    let used: Bench | undefined;
    let pool: RequestBudget | undefined;
    const made = bench(async ({ executionId, input }) => {
      const level = Number(new TextDecoder().decode(input));
      if (!used || !(level > 0)) return;
      const event = { ...part(`echo-${level}`, String(level - 1)), parent: executionId };
      const call = invoke(used.deps, snapshot, { ...event, ...(pool ? { budget: { pool, among: 1 } } : {}) });
      const { outcome } = await call;
      inner.push(outcome.failure?.code ?? "called");
    });
    used = made;
    return { ...made, inner, start: String(depth), share: (shared: RequestBudget) => (pool = shared) };
  }

  test("count among those at work", async () => {
    const { deps, counting, budget, inner, start } = nesting(1);
    const results = await fanOut(deps, snapshot, [part("greet", start)], budget());
    expect(results.map(show)).toEqual(["Hello, 1!"]);
    expect(inner).toEqual(["called"]);
    expect(counting.all.most).toBe(2);
  });

  test("that would need a third isolate at work are refused, and the others end well", async () => {
    const { deps, counting, budget, inner, start } = nesting(2);
    const results = await fanOut(deps, snapshot, [part("greet", start)], budget());
    expect(results.map(show)).toEqual(["Hello, 2!"]);
    expect(inner).toEqual(["NESTING_EXCEEDED", "called"]);
    expect(counting.all.most).toBe(2);
  });

  test("of two at once that both make calls, one waits or is refused; neither stops the other", async () => {
    const { deps, counting, budget, inner, start } = nesting(1);
    const results = await fanOut(deps, snapshot, [part("greet", start), part("echo", start)], budget());
    expect(results.map(show)).toEqual(["Hello, 1!", "1"]);
    expect(inner.sort()).toEqual(["NESTING_EXCEEDED", "called"]);
    expect(counting.all.most).toBe(2);
  });

  test("draw on the same budget", async () => {
    const { deps, budget, inner, start, share } = nesting(1);
    const pool = budget({ fuel: DEFAULT_LIMITS.fuel });
    share(pool);
    const results = await fanOut(deps, snapshot, [part("greet", start)], pool);
    expect(results.map(show)).toEqual(["Hello, 1!"]);
    // The outer call has set all of it aside.
    expect(inner).toEqual(["BUDGET_SPENT"]);
  });
});

test("calls of one request that begin all at once still have two isolates at work at most", async () => {
  const { deps, counting } = bench();
  const calls = Array.from({ length: 12 }, (_, index) => invoke(deps, snapshot, part(`echo-${index}`, String(index))));
  const outputs = (await Promise.all(calls)).map(({ outcome }) => new TextDecoder().decode(outcome.output));
  expect(outputs).toEqual(calls.map((_, index) => String(index)));
  expect(counting.all.most).toBe(2);
});
