import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import type { Grants } from "../../../sdk/contract/grants.ts";
import type { Offers } from "../../../sdk/contract/offers.ts";
import { createDeps, createResident, type Deps } from "../../../worker/deps.ts";
import type { BusMessage } from "../../../worker/execution/bus/rules.ts";
import { invoke, type Invocation, type PluginEvent } from "../../../worker/execution/invoke.ts";
import type { Snapshot } from "../../../worker/execution/snapshot.ts";
import { installGuests, type GuestInstall } from "../execution/guest-installs.ts";

/** Plugins that reach others: `services_call` and `events_publish`, with real plugins and the real queue's interface. */

const SERVICES: NonNullable<Offers["services"]> = {
  "list.same": { pluginId: "callee", functionName: "same" },
  "list.reply": { pluginId: "callee", functionName: "reply" },
  "list.broken": { pluginId: "callee", functionName: "broken" },
  "list.gone": { pluginId: "nobody", functionName: "run" },
  "back.call": { pluginId: "caller", functionName: "call" },
  "deep.call": { pluginId: "deep", functionName: "call" },
  "reach.who": { pluginId: "deep", functionName: "who" },
};
const ALL: Grants = { services: { services: Object.keys(SERVICES) } };

let tenants = 0;

async function tenantWith(caller: Partial<GuestInstall> = {}): Promise<Snapshot> {
  const guests: GuestInstall[] = [
    { guest: "reach", pluginId: "caller", grants: ALL, ...caller },
    { guest: "reach", pluginId: "deep", grants: ALL },
    { guest: "member", pluginId: "callee", config: { reply: "no json" } },
  ];
  return installGuests(`reach-${++tenants}`, guests, { services: SERVICES });
}

interface Ran extends Invocation {
  readonly answer: unknown;
  readonly sent: readonly BusMessage[];
  readonly plugins: readonly string[];
}

async function run(
  snapshot: Snapshot,
  functionName: string,
  request: unknown,
  more: Partial<PluginEvent> = {},
): Promise<Ran> {
  const sent: BusMessage[] = [];
  const plugins: string[] = [];
  const MESSAGES = collecting<BusMessage>((body) => sent.push(body));
  const OUTCOMES = collecting<{ pluginId: string }>((body) => plugins.push(body.pluginId));
  const context = createExecutionContext();
  const bindings = { ...env, MESSAGES, OUTCOMES } as unknown as Env; // only batches are sent
  const deps: Deps = createDeps(bindings, context, undefined, createResident());
  const invocation = await invoke(deps, snapshot, {
    pluginId: "caller",
    functionName,
    input: new TextEncoder().encode(JSON.stringify(request)),
    options: { logLevel: 2 },
    subject: "me",
    roles: ["caller"],
    traceId: "0".repeat(32),
    ...more,
  });
  await waitOnExecutionContext(context);
  const output = new TextDecoder().decode(invocation.outcome.output);
  return { ...invocation, answer: /^[[{]/.test(output) ? (JSON.parse(output) as unknown) : output, sent, plugins };
}

function collecting<Body>(take: (body: Body) => void) {
  return {
    sendBatch: (messages: readonly { readonly body: Body }[]) => {
      for (const { body } of messages) take(body);
      return Promise.resolve();
    },
  };
}

const errorOf = ({ answer }: Ran): unknown => (answer as { error?: { code?: string } }).error?.code;

describe("services_call", () => {
  test("runs the provider's function and answers its output", async () => {
    const ran = await run(await tenantWith(), "call", { service: "list.same", input: [1, { two: 2 }] });
    expect(ran.answer).toMatchObject({ value: { pluginId: "callee", output: [1, { two: 2 }] } });
    expect(ran.plugins.toSorted()).toEqual(["callee", "caller"]);
    expect(ran.record.capabilities).toMatchObject([{ capability: "services", calls: 1, scopes: ["list.same"] }]);
  });

  test("answers bytes where the output is not JSON", async () => {
    const snapshot = await tenantWith();
    expect((await run(snapshot, "call", { service: "list.reply" })).answer).toMatchObject({ value: { output: null } });
    expect((await run(snapshot, "call_bytes", { service: "list.reply" })).answer).toBe("no json");
  });

  test("runs the provider for the same person, and tells it which plugin calls", async () => {
    const { answer } = await run(await tenantWith(), "call", { service: "reach.who" });
    expect(answer).toMatchObject({
      value: { output: { pluginId: "deep", callingPlugin: "caller", subject: "me", roles: ["caller"] } },
    });
  });

  test("tells of a provider that fails, which is not the caller's fault", async () => {
    const snapshot = await tenantWith();
    const ran = await run(snapshot, "call", { service: "list.broken" });
    expect(errorOf(ran)).toBe("SERVICE_FAILED");
    expect(JSON.stringify(ran.answer)).toContain("PLUGIN_TRAPPED");
    expect(ran.outcome.failure).toBeUndefined();
    const { outcome } = await run(snapshot, "insist", { service: "list.broken" });
    expect(outcome.failure?.code).toBe("SERVICE_FAILED");
  });

  test.each<[string, Partial<GuestInstall>, string, string]>([
    ["without a grant", { grants: {} }, "list.same", "GRANT_MISSING"],
    ["beyond the grant", { grants: { services: { services: ["list.reply"] } } }, "list.same", "GRANT_MISSING"],
    ["that nobody is granted", { grants: { services: {} } }, "list.same", "GRANT_MISSING"],
    ["that nobody provides", { grants: { services: { services: ["mail"] } } }, "mail", "SERVICE_UNAVAILABLE"],
    ["whose provider is gone", {}, "list.gone", "SERVICE_FAILED"],
  ])("refuses a service %s", async (_what, caller, service, code) => {
    expect(errorOf(await run(await tenantWith(caller), "call", { service }))).toBe(code);
  });

  test("ends a circle of plugins that call each other", async () => {
    const inner = { service: "back.call", input: { service: "deep.call", input: { service: "back.call" } } };
    const ran = await run(await tenantWith(), "call", { service: "deep.call", input: inner });
    expect(ran.outcome.failure).toBeUndefined();
    expect(JSON.stringify(ran.answer)).toContain("NESTING_EXCEEDED");
    expect(JSON.stringify(ran.answer)).toContain("Plugins call each other in a circle: caller > deep > caller.");
    expect(ran.plugins).not.toContain("callee");
  });

  test("counts calls against the quota", async () => {
    const snapshot = await tenantWith({ grants: { services: { ...ALL.services, quotas: { calls: 0 } } } });
    expect(errorOf(await run(snapshot, "call", { service: "list.same" }))).toBe("CAPABILITY_QUOTA_EXCEEDED");
  });
});

describe("events_publish", () => {
  const topics = { publishes: ["orders.*"], subscribes: [] };
  const publisher = (more: Partial<GuestInstall> = {}) => tenantWith({ grants: { events: {} }, topics, ...more });

  test("gives the message to the queue, as the plugin's", async () => {
    const snapshot = await publisher();
    const ran = await run(snapshot, "publish", { topic: "orders.created", id: "7", data: { total: 3 } }, { hops: 2 });
    expect(ran.answer).toEqual({ value: { id: "caller/7", subscribers: 0 } });
    expect(ran.sent).toMatchObject([{ kind: "unrouted", topic: "orders.created", tenantId: snapshot.tenantId }]);
  });

  test("carries on how many messages led to it, so that loops end", async () => {
    const snapshot = await publisher();
    const listening = { ...topics, subscribes: [{ filter: "orders.*", functionName: "who" }] };
    const caller = snapshot.installs["caller"];
    if (!caller) throw new Error("not installed");
    const looped = { ...snapshot, installs: { ...snapshot.installs, caller: { ...caller, topics: listening } } };
    const ran = await run(looped, "publish", { topic: "orders.created", data: 1 }, { hops: 8 });
    expect(ran.sent).toMatchObject([{ kind: "delivery", hops: 8, source: { kind: "plugin", id: "caller" } }]);
    const last = await run(looped, "publish", { topic: "orders.created", data: 1 }, { hops: 9 });
    expect([errorOf(last), last.sent]).toEqual(["MESSAGE_HOPS_EXCEEDED", []]);
  });

  test.each<[string, Partial<GuestInstall>, object, string]>([
    ["without a grant", { grants: {} }, { topic: "orders.created" }, "GRANT_MISSING"],
    ["the manifest does not name", {}, { topic: "users.created" }, "GRANT_MISSING"],
    [
      "the grant leaves out",
      { grants: { events: { topics: ["orders.paid"] } } },
      { topic: "orders.a" },
      "GRANT_MISSING",
    ],
    ["that is none", {}, { topic: "orders.*" }, "HOST_REQUEST_INVALID"],
    [
      "beyond the quota",
      { grants: { events: { quotas: { messages: 0 } } } },
      { topic: "orders.a" },
      "CAPABILITY_QUOTA_EXCEEDED",
    ],
    [
      "with too much data",
      { grants: { events: { quotas: { messageBytes: 3 } } } },
      { topic: "orders.a", data: "four" },
      "CAPABILITY_QUOTA_EXCEEDED",
    ],
  ])("refuses a topic %s", async (_what, caller, request, code) => {
    const ran = await run(await publisher(caller), "publish", request);
    expect([errorOf(ran), ran.sent]).toEqual([code, []]);
  });
});
