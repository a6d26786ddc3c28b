import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import worker from "../../../worker/index.ts";
import { readAnswer, requestOf, type ApiAnswer } from "../../support/workers/api.ts";
import { counted } from "../../support/workers/probe.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { installGuests } from "./guest-installs.ts";

/** What a warm call costs in calls to other services. */
describe("a warm call", () => {
  let token: string;

  beforeAll(async () => {
    await installGuests("hot", [{ guest: "echo" }]);
    token = await mintToken({ tenant: "hot", roles: ["caller"] });
  });

  async function execute(bindings: Partial<Env>): Promise<ApiAnswer> {
    const context = createExecutionContext();
    const request = requestOf("POST", "/api/plugins/echo/execute", { token, body: { input: "warm" } });
    const response = await worker.fetch(
      request as Parameters<typeof worker.fetch>[0],
      { ...env, ...bindings },
      context,
    ); // the runtime adds `cf`
    const answer = await readAnswer(response);
    await waitOnExecutionContext(context);
    return answer;
  }

  test("does no D1 query, no R2 read and no Durable Object call, and reports through the queue", async () => {
    expect((await execute({})).status).toBe(200);
    const [database, store, health, queue] = [
      counted(env.DB),
      counted(env.STORE),
      counted(env.PLUGIN_HEALTH),
      counted(env.OUTCOMES),
    ];
    for (let call = 0; call < 20; call++) {
      const answer = await execute({
        DB: database.binding,
        STORE: store.binding,
        PLUGIN_HEALTH: health.binding,
        OUTCOMES: queue.binding,
      });
      expect(answer.body).toMatchObject({ output: "warm" });
    }
    expect(database.uses()).toEqual([]);
    expect(health.uses()).toEqual([]);
    // The snapshot is checked behind the answer at most once in 2 s; the module is never read again. Sampled calls are
    // recorded behind their answers.
    expect(store.uses().filter((use) => use !== "put").length).toBeLessThanOrEqual(2);
    expect(queue.uses().length).toBeGreaterThan(0);
  });

  test("runs with D1 away altogether", async () => {
    const away = new Proxy(env.DB, {
      get: () => () => {
        throw new Error("D1 is away");
      },
    });
    expect((await execute({ DB: away })).status).toBe(200);
  });
});
