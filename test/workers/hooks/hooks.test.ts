import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { BUILT_IN_HOOKS, HOOKS } from "../../../sdk/contract/hooks.ts";
import { recordToldEvents } from "../../../worker/control/events/actions/told.ts";
import { listEvents, type NewEvent } from "../../../worker/control/events/store.ts";
import { createDeps, createResident } from "../../../worker/deps.ts";
import { api, expectProblem } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { fire, hookTenant, separateIsolates, type Member } from "./hooked-tenant.ts";

/** Hooks through the front door, with real plugins. */

let tenants = 0;
const tenant = (): string => `hooks-${++tenants}`;

interface Fired {
  readonly mode: string;
  readonly value: unknown;
  readonly steps: readonly { readonly pluginId: string; readonly status: string; readonly code?: string }[];
}

async function run(members: readonly Member[], body: object, hook = "orders:created"): Promise<Fired> {
  const tenantId = tenant();
  await hookTenant(tenantId, hook, members);
  const answer = await fire(tenantId, hook, body);
  expect(answer.status).toBe(200);
  return answer.body as Fired; // compared by each test
}

const statuses = ({ steps }: Fired): string[] => steps.map(({ status }) => status);

describe("a waterfall", () => {
  test("gives each function what the one before made of the payload", async () => {
    const fired = await run([{ pluginId: "one" }, { pluginId: "two" }, { pluginId: "three" }], { payload: [0] });
    expect(fired).toMatchObject({ mode: "waterfall", value: [0, "one", "two", "three"] });
    expect(fired.steps).toMatchObject([
      { pluginId: "one", version: "1.0.0", functionName: "append", status: "succeeded", criticality: "optional" },
      { pluginId: "two", status: "succeeded" },
      { pluginId: "three", status: "succeeded" },
    ]);
  });

  test.each<[string, Partial<Member>, string]>([
    ["traps", { runs: "broken" }, "PLUGIN_TRAPPED"],
    ["runs for ever", { runs: "endless", limits: { fuel: 100_000 } }, "FUEL_EXHAUSTED"],
    ["is not there", { runs: "gone" }, "FUNCTION_NOT_FOUND"],
    ["answers what is not JSON", { runs: "reply", config: { reply: "not json" } }, "OUTPUT_ENCODING_INVALID"],
    ["takes no such input", { limits: { input: 3 } }, "INPUT_TOO_LARGE"],
  ])("goes on without one that %s", async (_what, bad, code) => {
    const fired = await run([{ pluginId: "one" }, { pluginId: "bad", ...bad }, { pluginId: "two" }], { payload: [0] });
    expect(fired.value).toEqual([0, "one", "two"]);
    expect(fired.steps).toMatchObject([{ status: "succeeded" }, { status: "failed", code }, { status: "succeeded" }]);
  });

  test("leaves the payload as it is where a function answers nothing", async () => {
    const fired = await run([{ pluginId: "one", runs: "silent" }, { pluginId: "two" }], { payload: [0] });
    expect(fired).toMatchObject({ value: [0, "two"] });
  });

  test("uses the fallback of one that fails: a value, or another plugin", async () => {
    const fired = await run(
      [
        { pluginId: "one", runs: "broken", offer: { fallback: { value: ["stand-in"] }, criticality: "critical" } },
        { pluginId: "two", runs: "broken", offer: { fallback: { plugin: "three", function: "append" } } },
        { pluginId: "three", runs: "broken", offer: { fallback: { plugin: "absent" } } },
      ],
      { payload: [0] },
    );
    expect(fired.value).toEqual(["stand-in", "three"]);
    expect(fired.steps).toMatchObject([
      { status: "replaced", fallback: "value", code: "PLUGIN_TRAPPED" },
      { status: "replaced", fallback: "three" },
      { status: "failed", code: "PLUGIN_TRAPPED" },
    ]);
  });

  test("ends with a critical one that fails, and says how each step ended", async () => {
    const tenantId = tenant();
    await hookTenant(tenantId, "orders:created", [
      { pluginId: "one" },
      { pluginId: "bad", runs: "broken", offer: { criticality: "critical" } },
      { pluginId: "two" },
    ]);
    const answer = await fire(tenantId, "orders:created", { payload: [0] });
    expect(expectProblem(answer, "HOOK_ABORTED")).toMatchObject({
      pluginId: "bad",
      causeCode: "PLUGIN_TRAPPED",
      steps: [{ status: "succeeded" }, { status: "failed" }, { status: "skipped" }],
    });
  });

  test("ends a function at its timeout", async () => {
    const fired = await run(
      [{ pluginId: "slow", guest: "sleep", runs: "run", offer: { timeoutMs: 60 } }, { pluginId: "two" }],
      { payload: [0] },
    );
    expect(fired.steps[0]).toMatchObject({ status: "failed", code: "WALL_CLOCK_EXCEEDED" });
    expect(fired.value).toEqual([0, "two"]);
  });
});

describe("a broadcast", () => {
  test("gives each function the payload as it came, and gathers what they answer", async () => {
    const members = [{ pluginId: "one" }, { pluginId: "bad", runs: "broken" }, { pluginId: "two", runs: "silent" }];
    const fired = await run(members, { payload: [0], mode: "broadcast" });
    expect(fired.value).toEqual([
      { pluginId: "one", functionName: "append", output: [0, "one"] },
      { pluginId: "two", functionName: "silent", output: null },
    ]);
    expect(statuses(fired)).toEqual(["succeeded", "failed", "succeeded"]);
  });

  test("fails with a critical one, after all have run", async () => {
    const tenantId = tenant();
    await hookTenant(tenantId, "a:b", [
      { pluginId: "bad", runs: "broken", offer: { criticality: "critical", mode: "broadcast" } },
      { pluginId: "two" },
    ]);
    const answer = await fire(tenantId, "a:b", { payload: [0] });
    expect(expectProblem(answer, "HOOK_ABORTED")).toMatchObject({
      steps: [{ status: "failed" }, { status: "succeeded" }],
    });
  });
});

describe("a first-answer hook", () => {
  test("stops at the first function that answers something", async () => {
    const fired = await run(
      [
        { pluginId: "one", runs: "silent" },
        { pluginId: "two", runs: "reply", config: { reply: "null" } },
        { pluginId: "bad", runs: "broken" },
        { pluginId: "three" },
        { pluginId: "four" },
      ],
      { payload: [0], mode: "first-answer" },
    );
    expect(fired.value).toEqual([0, "three"]);
    expect(statuses(fired)).toEqual(["succeeded", "succeeded", "failed", "succeeded", "skipped"]);
  });

  test("answers null where nobody does", async () => {
    const fired = await run([{ pluginId: "one", runs: "silent" }], { payload: [0], mode: "first-answer" });
    expect(fired.value).toBeNull();
  });
});

test("a hook that nobody attaches to gives the payload back", async () => {
  const tenantId = tenant();
  await hookTenant(tenantId, "a:b", []);
  expect((await fire(tenantId, "c:d", { payload: { kept: true } })).body).toMatchObject({
    value: { kept: true },
    steps: [],
  });
});

test.each(BUILT_IN_HOOKS)("the built-in hook %s fires in its own mode, and asks for its payload", async (hook) => {
  const tenantId = tenant();
  await hookTenant(tenantId, hook, [{ pluginId: "one", runs: "same" }]);
  const payload = Object.fromEntries(Object.keys(HOOKS[hook].payload).map((name) => [name, `${name} of a test`]));
  const answer = await fire(tenantId, hook, { payload });
  expect(answer.body).toMatchObject({ hook, mode: HOOKS[hook].mode, steps: [{ status: "succeeded" }] });
  expect(JSON.stringify(answer.body)).toContain(JSON.stringify(payload));

  const [missing] = Object.keys(payload);
  const { [missing ?? ""]: _left, ...partial } = payload;
  const problem = expectProblem(await fire(tenantId, hook, { payload: partial }), "REQUEST_INVALID");
  expect(problem["issues"]).toMatchObject([{ path: `/payload/${missing}` }]);
});

test("a name that no hook can have is refused", async () => {
  const tenantId = tenant();
  await hookTenant(tenantId, "a:b", []);
  expectProblem(await fire(tenantId, "nonsense", { payload: 1 }), "REQUEST_INVALID");
});

test("the registry lists built-in hooks and those of active plugins, in order", async () => {
  const tenantId = tenant();
  await hookTenant(tenantId, "orders:created", [
    { pluginId: "one" },
    { pluginId: "two", offer: { mode: "broadcast" } },
  ]);
  const token = await mintToken({ tenant: tenantId, roles: ["viewer"] });
  const { body } = await api("get", "/api/plugins/hooks", { token });
  const { items } = body as { items: { name: string; functions: { pluginId: string }[]; mode: string }[] };
  expect(items.map(({ name }) => name)).toEqual([...BUILT_IN_HOOKS, "orders:created"].sort());
  expect(items.find(({ name }) => name === "orders:created")).toMatchObject({
    title: null,
    mode: "broadcast",
    functions: [{ pluginId: "one" }, { pluginId: "two" }],
  });
});

test("the log hears of a hook once, however often the queue delivers", async () => {
  const tenantId = tenant();
  const event: NewEvent = {
    id: crypto.randomUUID(),
    tenantId,
    pluginId: null,
    type: "hook.fired",
    data: { hook: "a:b", plugins: 2, failed: 1, durationMs: 3, traceId: "0".repeat(32) },
    subject: "me",
    createdAt: 1,
  };
  const deps = createDeps(env, { waitUntil: () => undefined }, undefined, createResident());
  await recordToldEvents(deps, [event]);
  await recordToldEvents(deps, [event, { ...event, id: crypto.randomUUID() }]);
  const events = await listEvents(deps.db, tenantId, {}, { limit: 10, order: "oldest" });
  expect(events.map(({ sequence, type, data }) => [sequence, type, data])).toEqual([
    [1, "hook.fired", event.data],
    [2, "hook.fired", event.data],
  ]);
});

describe("fifty plugins on one hook", () => {
  const members = Array.from({ length: 50 }, (_, index): Member => ({
    pluginId: `p${String(index).padStart(2, "0")}`,
    ...(index === 20 ? { runs: "broken" } : {}),
  }));
  const good = members.filter(({ runs }) => runs === undefined).map(({ pluginId }) => pluginId);

  async function runApart(body: object): Promise<Fired> {
    const tenantId = tenant();
    await separateIsolates(await hookTenant(tenantId, "orders:created", members));
    const answer = await fire(tenantId, "orders:created", body);
    expect(answer.status).toBe(200);
    return answer.body as Fired; // compared below
  }

  test("run in their order, and one that traps harms no other", async () => {
    const fired = await runApart({ payload: [0] });
    expect(fired.value).toEqual([0, ...good]);
    expect(fired.steps.filter(({ status }) => status !== "succeeded")).toMatchObject([
      { pluginId: "p20", code: "PLUGIN_TRAPPED" },
    ]);
  });

  test("run side by side without one refusal", async () => {
    const fired = await runApart({ payload: [0], mode: "broadcast" });
    const codes = fired.steps.flatMap(({ code }) => (code === undefined ? [] : [code]));
    expect(codes).toEqual(["PLUGIN_TRAPPED"]);
    expect((fired.value as { pluginId: string }[]).map(({ pluginId }) => pluginId)).toEqual(good);
  });
});
