import { beforeAll, describe, expect, test } from "vitest";
import { PlatformError } from "../../../sdk/contract/errors.ts";
import { installPlugin } from "../../../worker/control/installs/actions/install.ts";
import { updateInstall } from "../../../worker/control/installs/actions/update.ts";
import { invokeWithFallback } from "../../../worker/execution/fallback.ts";
import type { Snapshot } from "../../../worker/execution/snapshot.ts";
import type { ExecutionRecord } from "../../../worker/execution/settle.ts";
import { expectProblem, type ApiAnswer, type ApiRequest } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { makeDeps, refusal, seedTenant, seedVersion, storedSnapshot } from "../control/fixtures.ts";
import { settledApi } from "../recording/recorded-calls.ts";
import { installGuests } from "./guest-installs.ts";

/** What stands in where a plain call of an install fails. */

let token: string;
let snapshot: Snapshot;
const records: ExecutionRecord[] = [];
/** Takes the place of the queue. */
const OUTCOMES = {
  sendBatch: (batch: Iterable<{ body: ExecutionRecord }>) => {
    for (const { body } of batch) records.push(body);
    return Promise.resolve();
  },
} as unknown as Env["OUTCOMES"]; // the reporter sends batches and nothing else

beforeAll(async () => {
  token = await mintToken({ tenant: "falling", roles: ["caller"] });
  snapshot = await installGuests("falling", [
    { guest: "echo" },
    { guest: "trap", pluginId: "alone" },
    { guest: "trap", pluginId: "valued", fallback: { value: { total: 0 } } },
    { guest: "trap", pluginId: "worded", fallback: { value: "closed today" } },
    { guest: "trap", pluginId: "replaced", fallback: { plugin: "echo" } },
    { guest: "trap", pluginId: "chained", fallback: { plugin: "valued" } },
    { guest: "trap", pluginId: "hopeless", fallback: { plugin: "alone" } },
    { guest: "trap", pluginId: "absent", fallback: { plugin: "gone" } },
    { guest: "trap", pluginId: "left", fallback: { plugin: "right" } },
    { guest: "trap", pluginId: "right", fallback: { plugin: "left" } },
    { guest: "echo", pluginId: "sound", limits: { input: 8 }, fallback: { value: 1 } },
    { guest: "loop", pluginId: "slow", limits: { fuel: 100_000 }, fallback: { plugin: "echo" } },
    { guest: "loop", pluginId: "tripped", limits: { fuel: 100_000 }, fallback: { plugin: "echo" } },
    { guest: "loop", pluginId: "tripped-valued", limits: { fuel: 100_000 }, fallback: { value: "closed today" } },
    { guest: "loop", pluginId: "tripped-alone", limits: { fuel: 100_000 } },
  ]);
});

async function execute(plugin: string, request: ApiRequest = { body: { input: "hello" } }): Promise<ApiAnswer> {
  records.length = 0;
  return settledApi("post", `/api/plugins/${plugin}/execute`, { token, ...request }, { OUTCOMES });
}

const statuses = (): string[] => records.map(({ pluginId, status }) => `${pluginId} ${status}`);

describe("a call that fails is answered", () => {
  test("by a value, with the original failure, which stays on record", async () => {
    const { status, body } = await execute("valued", { body: { input: { a: 1 } } });
    expect(status).toBe(200);
    expect(statuses()).toEqual(["valued failed"]);
    expect(body).toMatchObject({
      status: "replaced",
      output: { total: 0 },
      executionId: records[0]?.id,
      fallback: { by: "value", code: "PLUGIN_TRAPPED", executionId: records[0]?.id },
    });
  });

  test("by a text as it is", async () => {
    expect((await execute("worded")).body).toMatchObject({ output: "closed today", encoding: "text" });
    const raw = await execute("worded", { raw: "x", headers: { "content-type": "text/plain" } });
    expect(raw.body).toBe("closed today");
    expect(Object.fromEntries(raw.headers)).toMatchObject({
      "x-fallback": "value",
      "x-fallback-code": "PLUGIN_TRAPPED",
      "x-fallback-execution-id": records[0]?.id,
    });
  });

  test("by another plugin with the same input; both are on record", async () => {
    const { body } = await execute("replaced");
    expect(statuses()).toEqual(["replaced failed", "echo succeeded"]);
    expect(body).toMatchObject({
      status: "replaced",
      output: "hello",
      executionId: records[1]?.id,
      fallback: { by: "echo", code: "PLUGIN_TRAPPED", executionId: records[0]?.id },
    });
    expect((await execute("slow")).body).toMatchObject({ output: "hello", fallback: { code: "FUEL_EXHAUSTED" } });
  });

  test("by what the one that stands in names in turn", async () => {
    const { body } = await execute("chained");
    expect(statuses()).toEqual(["chained failed", "valued failed"]);
    expect(body).toMatchObject({ fallback: { by: "value", code: "PLUGIN_TRAPPED", executionId: records[0]?.id } });
  });
});

describe("a call that an open breaker refuses", () => {
  /** Five faults open the breaker: the function after them would answer well, and is not called. */
  async function afterFiveFaults(pluginId: string): Promise<ApiAnswer> {
    for (let fault = 0; fault < 5; fault++) await execute(pluginId);
    return execute(pluginId, { body: { function: "fine", input: "hello" } });
  }

  test("is answered by the plugin that stands in; the refusal is on record", async () => {
    const { status, body } = await afterFiveFaults("tripped");
    expect(status).toBe(200);
    expect(statuses()).toEqual(["tripped failed", "echo succeeded"]);
    expect(records[0]).toMatchObject({ errorCode: "BREAKER_OPEN", fuel: 0 });
    expect(body).toMatchObject({
      status: "replaced",
      output: "hello",
      executionId: records[1]?.id,
      fallback: {
        by: "echo",
        code: "BREAKER_OPEN",
        detail: expect.stringContaining("it failed too often"),
        executionId: records[0]?.id,
      },
    });
  });

  test("is answered by the value that stands in, raw too", async () => {
    const answer = await afterFiveFaults("tripped-valued");
    expect(answer.body).toMatchObject({ status: "replaced", output: "closed today", fallback: { by: "value" } });
    const raw = await execute("tripped-valued", { raw: "x", headers: { "content-type": "text/plain" } });
    expect([raw.status, raw.body]).toEqual([200, "closed today"]);
    expect(raw.headers.get("x-fallback-code")).toBe("BREAKER_OPEN");
    expect(raw.headers.get("retry-after")).toBeNull();
  });

  test("is refused with when to try again where nothing stands in", async () => {
    const answer = await afterFiveFaults("tripped-alone");
    expectProblem(answer, "BREAKER_OPEN");
    expect(answer.status).toBe(503);
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(statuses()).toEqual(["tripped-alone failed"]);
  });
});

describe("a call fails as it does without", () => {
  test.each([
    ["alone", ["alone failed"]],
    ["hopeless", ["hopeless failed", "alone failed"]],
    ["absent", ["absent failed"]],
    ["left", ["left failed", "right failed"]],
  ])("%s", async (plugin, recorded) => {
    const problem = expectProblem(await execute(plugin), "PLUGIN_TRAPPED");
    expect(problem["executionId"]).toBe(records[0]?.id);
    expect(statuses()).toEqual(recorded);
  });

  test("where the failure is the caller's own", async () => {
    expectProblem(await execute("sound", { body: { input: "much too long" } }), "INPUT_TOO_LARGE");
    expectProblem(await execute("sound", { body: { function: "gone" } }), "FUNCTION_NOT_FOUND");
    expect((await execute("sound", { body: { input: "short" } })).body).toMatchObject({ status: "succeeded" });
  });
});

describe("a call that is refused before it is made", () => {
  const event = {
    pluginId: "valued",
    functionName: undefined,
    input: new Uint8Array(),
    options: { logLevel: 0 },
    subject: "user-1",
    roles: [],
    traceId: "0".repeat(32),
  };

  test("is answered the same way, without an execution", async () => {
    const refused = new PlatformError("ISOLATE_UNAVAILABLE", "No.");
    const answered = await invokeWithFallback(snapshot, event, () => Promise.reject(refused));
    expect(answered).toEqual({
      invocation: undefined,
      standIn: {
        by: "value",
        code: "ISOLATE_UNAVAILABLE",
        detail: "No.",
        output: new TextEncoder().encode('{"total":0}'),
      },
    });
    const alone = invokeWithFallback(snapshot, { ...event, pluginId: "alone" }, () => Promise.reject(refused));
    expect(await refusal(alone)).toBe(refused);
  });

  test("is not where the platform itself is at fault in a way it did not name", async () => {
    const bug = new TypeError("bug");
    const call = invokeWithFallback(snapshot, event, () => Promise.reject(bug));
    await expect(call).rejects.toBe(bug);
  });
});

test("an operator declares it; what cannot stand in is refused, circles with the chain named", async () => {
  const actor = await seedTenant();
  for (const pluginId of ["acme.aa", "acme.bb", "acme.cc"]) {
    await seedVersion({ tenantId: actor.tenantId, pluginId });
    await installPlugin(makeDeps(), actor, { pluginId, activate: true });
  }
  const declare = (pluginId: string, plugin: string) =>
    updateInstall(makeDeps(), actor, pluginId, { fallback: { plugin } });
  expect((await declare("acme.aa", "acme.bb")).fallback).toEqual({ plugin: "acme.bb" });
  expect((await storedSnapshot(actor.tenantId))?.installs["acme.aa"]?.fallback).toEqual({ plugin: "acme.bb" });
  await declare("acme.bb", "acme.cc");
  expect((await refusal(declare("acme.cc", "acme.aa"))).issues).toEqual([
    { path: "/fallback/plugin", message: "closes a circle: acme.cc > acme.aa > acme.bb > acme.cc" },
  ]);
  expect((await refusal(declare("acme.cc", "acme.gone"))).issues).toMatchObject([{ path: "/fallback/plugin" }]);
  await updateInstall(makeDeps(), actor, "acme.aa", { fallback: null });
  expect((await storedSnapshot(actor.tenantId))?.installs["acme.aa"]).not.toHaveProperty("fallback");
});
