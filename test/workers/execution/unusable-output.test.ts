import { env } from "cloudflare:workers";
import { beforeAll, expect, test } from "vitest";
import { describeHealth } from "../../../durable-objects/plugin-health/client.ts";
import { runSchedule } from "../../../worker/schedule.ts";
import { expectProblem } from "../../support/workers/api.ts";
import { FaultyApp } from "../../support/workers/faulty-app.ts";
import { HeldQueue } from "../../support/workers/held-queue.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { installGuests } from "./guest-installs.ts";

/** A plugin that returns what its caller cannot use has failed, wherever that is told. */

const TENANT = "unusable";
let token: string;

beforeAll(async () => {
  await installGuests(TENANT, [
    { guest: "garbage" },
    { guest: "garbage", pluginId: "covered", fallback: { value: { from: "fallback" } } },
  ]);
  token = await mintToken({ tenant: TENANT, roles: ["caller"] });
});

function setUp() {
  const queue = new HeldQueue();
  const app = new FaultyApp({ ...env, OUTCOMES: queue } as unknown as Env); // all that is used of a queue
  const execute = (pluginId: string, encoding: string) =>
    app.request("POST", `/api/plugins/${pluginId}/execute`, { token, body: { encoding } });
  return { app, queue, execute };
}

test("an output that is not in the encoding asked for fails the call: in the answer, its record and the plugin's health", async () => {
  const { app, queue, execute } = setUp();
  expect((await execute("garbage", "base64")).status).toBe(200);
  const answer = await execute("garbage", "json");
  const detail = "The output is not UTF-8; ask for encoding base64.";
  const { executionId } = expectProblem(answer, "OUTPUT_ENCODING_INVALID", detail);
  expect(executionId).toBe(answer.headers.get("x-execution-id"));
  expect(queue.messages.map(({ body }) => body)).toMatchObject([
    { status: "succeeded", errorCode: null },
    { id: executionId, status: "failed", errorCode: "OUTPUT_ENCODING_INVALID", errorDetail: detail, outputBytes: 0 },
  ]);
  await app.run((deps) => runSchedule(deps, "no jobs"));
  const { versions } = await describeHealth(env.PLUGIN_HEALTH, `${TENANT}-garbage`);
  expect(versions[0]).toMatchObject({
    state: "closed",
    windows: { day: { calls: 2, failed: 1, faults: 0, codes: { OUTPUT_ENCODING_INVALID: 1 } } },
  });
});

test("then what the install declared stands in", async () => {
  const { queue, execute } = setUp();
  const answer = await execute("covered", "json");
  expect(answer).toMatchObject({
    status: 200,
    body: { status: "replaced", output: { from: "fallback" }, fallback: { code: "OUTPUT_ENCODING_INVALID" } },
  });
  expect(queue.messages[0]?.body).toMatchObject({ status: "failed", errorCode: "OUTPUT_ENCODING_INVALID" });
});
