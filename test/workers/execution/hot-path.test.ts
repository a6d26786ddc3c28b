import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { REPORT_MS } from "../../../worker/execution/breaker/book-rules.ts";
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

  /** @param answered  runs when the answer is there and nothing that was left for later has run */
  async function execute(bindings: Partial<Env>, answered: () => void = () => undefined): Promise<ApiAnswer> {
    const context = createExecutionContext();
    const request = requestOf("POST", "/api/plugins/echo/execute", { token, body: { input: "warm" } });
    const response = await worker.fetch(
      request as Parameters<typeof worker.fetch>[0],
      { ...env, ...bindings },
      context,
    ); // the runtime adds `cf`
    answered();
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
    const bindings = {
      DB: database.binding,
      STORE: store.binding,
      PLUGIN_HEALTH: health.binding,
      OUTCOMES: queue.binding,
    };
    const startedAt = Date.now();
    for (let call = 0; call < 20; call++) {
      const before = health.uses().length;
      const answer = await execute(bindings, () => expect(health.uses().slice(before)).toEqual([]));
      expect(answer.body).toMatchObject({ output: "warm" });
    }
    expect(database.uses()).toEqual([]);
    // Good calls are reported behind an answer, together and at most once a second.
    const reports = health.uses().filter((use) => use === "get").length;
    expect(reports).toBeLessThanOrEqual(Math.ceil((Date.now() - startedAt) / REPORT_MS));
    // The snapshot is checked behind the answer at most once in 2 s; the module is never read again. Sampled calls are
    // recorded behind their answers.
    expect(store.uses().filter((use) => use !== "put").length).toBeLessThanOrEqual(2);
    expect(queue.uses().length).toBeGreaterThan(0);
  });

  test("twenty calls within a second are one report", async () => {
    await execute({});
    const health = counted(env.PLUGIN_HEALTH);
    await Promise.all(Array.from({ length: 20 }, () => execute({ PLUGIN_HEALTH: health.binding })));
    expect(health.uses().filter((use) => use === "get").length).toBeLessThanOrEqual(1);
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
