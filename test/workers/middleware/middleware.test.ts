import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import type { MiddlewareOffer, Offers } from "../../../sdk/contract/offers.ts";
import { recordToldEvents } from "../../../worker/control/events/actions/told.ts";
import { invokeThrough } from "../../../worker/control/middleware/actions.ts";
import { openDatabase } from "../../../worker/db/client.ts";
import { createDeps, createResident } from "../../../worker/deps.ts";
import type { Snapshot } from "../../../worker/execution/snapshot.ts";
import { api, expectProblem, type ApiAnswer } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { installGuests } from "../execution/guest-installs.ts";
import { offer } from "../hooks/hooked-tenant.ts";

/** Middleware plugins around calls, hooks and endpoints, through the front door. */

interface Guard extends Partial<MiddlewareOffer> {
  readonly at?: "request" | "response";
  /** Answer of the guard, as JSON, where it does not run another function. */
  readonly says?: unknown;
}

let tenants = 0;

/** A tenant with the plugin `shop` and guards in this order. */
async function guarded(guards: readonly Guard[], offers: Offers = {}): Promise<string> {
  const tenantId = `guarded-${++tenants}`;
  const placed = guards.map(({ at = "request", says, ...more }, index) => {
    const pluginId = `guard-${index}`;
    const place: MiddlewareOffer = {
      ...offer(pluginId, "reply"),
      class: "middleware",
      criticality: "critical",
      ...more,
    };
    return { at, place, pluginId, reply: typeof says === "string" ? says : JSON.stringify(says ?? {}) };
  });
  const at = (point: string) => placed.filter((guard) => guard.at === point).map(({ place }) => place);
  await installGuests(
    tenantId,
    [
      { guest: "member", pluginId: "shop", config: { mark: '"shop"', reply: '{"json":"served"}' } },
      { guest: "reach", pluginId: "who" },
      ...placed.map(({ pluginId, reply }) => ({ guest: "member", pluginId, config: { reply } })),
    ],
    { ...offers, middleware: { request: at("request"), response: at("response") } },
  );
  return tenantId;
}

async function execute(tenant: string, input: unknown, plugin = "shop", functionName = "append"): Promise<ApiAnswer> {
  const token = await mintToken({ tenant, roles: ["caller"] });
  return api("post", `/api/plugins/${plugin}/execute`, { token, body: { function: functionName, input } });
}

const output = ({ body }: ApiAnswer): unknown => (body as { output?: unknown }).output;

describe("at the request", () => {
  test("it lets pass, by saying so or by saying nothing", async () => {
    const tenant = await guarded([{ says: { action: "continue" } }, { functionName: "silent" }]);
    expect(output(await execute(tenant, [0]))).toEqual([0, "shop"]);
  });

  test.each<[string, unknown]>([
    ["JSON", { action: "replace", json: [1] }],
    ["text", { action: "replace", text: "[1]" }],
    ["bytes", { action: "replace", base64: "WzFd" }],
  ])("it replaces the input by %s", async (_what, says) => {
    const tenant = await guarded([{ says }]);
    expect(output(await execute(tenant, [0]))).toEqual([1, "shop"]);
  });

  test("it refuses, and nothing runs behind it", async () => {
    const tenant = await guarded([
      { says: { action: "refuse", message: "Not on a Sunday.", code: "closed" } },
      { functionName: "broken" },
    ]);
    const problem = expectProblem(await execute(tenant, [0]), "MIDDLEWARE_REFUSED", "Not on a Sunday.");
    expect(problem).toMatchObject({ pluginId: "guard-0", reason: "closed" });
  });

  test.each([
    [429, undefined],
    [401, 'Bearer realm="patchbay"'],
    [499, undefined],
  ])("it refuses with the status %d", async (status, challenge) => {
    const answer = await execute(await guarded([{ says: { action: "refuse", status } }]), [0]);
    expect(answer.status).toBe(status);
    expect(answer.headers.get("www-authenticate") ?? undefined).toBe(challenge);
    expect(answer.body).toMatchObject({ code: "MIDDLEWARE_REFUSED", status, pluginId: "guard-0" });
  });

  test.each([200, 399, 500, 403.5, "403"])("a refusal with the status %j is none, and fails", async (status) => {
    const answer = await execute(await guarded([{ says: { action: "refuse", status } }]), [0]);
    expectProblem(answer, "MIDDLEWARE_FAILED");
  });

  test("a refusal is told in the log", async () => {
    const tenant = await guarded([{ says: { action: "refuse", code: "closed", status: 429 } }]);
    const told: unknown[] = [];
    const sendBatch = (batch: Iterable<{ body: object }>) => {
      for (const { body } of batch) if ("type" in body) told.push(body);
      return Promise.resolve();
    };
    const OUTCOMES = { sendBatch } as unknown as Env["OUTCOMES"]; // the reporter sends batches and nothing else
    const context = createExecutionContext();
    const deps = createDeps({ ...env, OUTCOMES }, context, undefined, createResident());
    const snapshot = await deps.snapshots.read(tenant);
    const visit = { kind: "execute", path: "/execute/shop/append", pluginId: "shop", functionName: "append" } as const;
    const caller = { subject: "carl", roles: [], traceId: "0".repeat(32) };
    const event = { ...visit, ...caller, input: new Uint8Array(), options: { logLevel: 0 } };
    await expect(invokeThrough(deps, snapshot as Snapshot, visit, event)).rejects.toThrow("refused"); // the tenant was made above
    await waitOnExecutionContext(context);
    const data = {
      point: "request",
      kind: "execute",
      called: "shop",
      functionName: "append",
      status: 429,
      reason: "closed",
    };
    expect(told).toMatchObject([{ type: "middleware.refused", pluginId: "guard-0", subject: "carl", data }]);
    await recordToldEvents({ db: openDatabase(env.DB) }, told as never); // as the queue's consumer gets it
  });

  test("what it notes is read by the plugin", async () => {
    const tenant = await guarded([
      { says: { action: "continue", annotations: { plan: "gold", region: "eu" } } },
      { says: { action: "continue", annotations: { region: "us" } } },
    ]);
    expect(output(await execute(tenant, [], "who", "who"))).toMatchObject({
      annotations: { plan: "gold", region: "us" },
    });
  });

  test.each<[string, Guard]>([
    ["traps", { functionName: "broken" }],
    ["is not there", { functionName: "gone" }],
    ["answers no JSON", { says: "no json" }],
    ["answers what is no answer", { says: { action: "maybe" } }],
    ["replaces by nothing", { says: { action: "replace" } }],
    ["replaces twice over", { says: { action: "replace", text: "a", json: 1 } }],
  ])("a critical one that %s ends the request, an optional one does not", async (_what, guard) => {
    const critical = await guarded([guard]);
    expect(expectProblem(await execute(critical, [0]), "MIDDLEWARE_FAILED")).toMatchObject({ pluginId: "guard-0" });
    const optional = await guarded([{ ...guard, criticality: "optional" }]);
    expect(output(await execute(optional, [0]))).toEqual([0, "shop"]);
  });

  test("it sees only the paths it asks for, and no call of its own plugin", async () => {
    const refuse = { says: { action: "refuse" } };
    const tenant = await guarded([
      { ...refuse, paths: ["/execute/who/*", "/hooks/*"] },
      { ...refuse, paths: ["/run/*"] },
    ]);
    expect((await execute(tenant, [0])).status).toBe(200);
    expectProblem(await execute(tenant, [0], "who", "who"), "MIDDLEWARE_REFUSED");
    const own = await guarded([refuse]);
    expect((await execute(own, [0], "guard-0", "reply")).status).toBe(200);
  });
});

describe("at the response", () => {
  test("it replaces or refuses the output", async () => {
    const replacing = await guarded([{ at: "response", says: { action: "replace", json: "hidden" } }]);
    expect(output(await execute(replacing, [0]))).toBe("hidden");
    const refusing = await guarded([{ at: "response", says: { action: "refuse" } }]);
    expectProblem(await execute(refusing, [0]), "MIDDLEWARE_REFUSED");
  });

  test("it does not see a call that failed", async () => {
    const tenant = await guarded([{ at: "response", functionName: "broken" }]);
    expectProblem(await execute(tenant, [0], "shop", "broken"), "PLUGIN_TRAPPED");
  });
});

test("it stands before hooks and endpoints too", async () => {
  const offers: Offers = {
    hooks: { "a:b": [offer("shop", "append")] },
    endpoints: {
      shop: [{ method: "GET", path: "/x", functionName: "reply", permission: "public", maxBodyBytes: 10 }],
    },
  };
  const tenant = await guarded(
    [
      { says: { action: "replace", json: [1] }, paths: ["/hooks/*"] },
      { at: "response", says: { action: "replace", json: { json: "seen" } }, paths: ["/run/shop/x"] },
    ],
    offers,
  );
  const token = await mintToken({ tenant, roles: ["caller"] });
  const fired = await api("post", "/api/plugins/hooks/a:b", { token, body: { payload: [0] } });
  expect((fired.body as { value: unknown }).value).toEqual([1, "shop"]);
  expect((await api("get", `/api/plugins/run/${tenant}/shop/x`)).body).toBe("seen");

  const refusing = await guarded([{ says: { action: "refuse" } }], offers);
  const other = await mintToken({ tenant: refusing, roles: ["caller"] });
  expectProblem(
    await api("post", "/api/plugins/hooks/a:b", { token: other, body: { payload: [0] } }),
    "MIDDLEWARE_REFUSED",
  );
  expectProblem(await api("get", `/api/plugins/run/${refusing}/shop/x`), "MIDDLEWARE_REFUSED");
});
