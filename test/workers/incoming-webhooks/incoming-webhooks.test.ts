import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { newStandardSecret, standardHeaders } from "../../../sdk/contract/standard-webhooks.ts";
import { compileSnapshot } from "../../../worker/control/compile.ts";
import { findIntake, receiveWebhook } from "../../../worker/control/incoming-webhooks/actions.ts";
import { verifiedId } from "../../../worker/control/incoming-webhooks/rules.ts";
import { openDatabase } from "../../../worker/db/client.ts";
import { tenants } from "../../../worker/db/schema.ts";
import { createDeps } from "../../../worker/deps.ts";
import type { IncomingWebhook } from "../../../worker/execution/snapshot.ts";
import { SnapshotCache, SnapshotStore } from "../../../worker/execution/snapshot-store.ts";
import { systemClock } from "../../../worker/lib/clock.ts";
import { toHex } from "../../../worker/lib/hex.ts";
import { manifestOf } from "../../fixtures/packages/manifests.ts";
import { expectProblem, type ApiAnswer } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { guestBytes } from "../execution/guest-installs.ts";
import { settledApi } from "../recording/recorded-calls.ts";

/** Webhooks of other services, from upload and configuration to the plugin, through the front door. */

const INCOMING = [
  { name: "orders", function: "mirror", scheme: "standard", secret: "key" },
  { name: "pushes", function: "mirror", scheme: "github", secret: "key" },
  { name: "payments", function: "mirror", scheme: "hmac-sha256", secret: "key", header: "x-signature" },
  { name: "failing", function: "broken", scheme: "github", secret: "key" },
  { name: "unset", function: "mirror", scheme: "github", secret: "other" },
];
const secretText = { type: "string", "x-secret": true };
const db = openDatabase(env.DB);
let tenantNumber = 0;

interface Taking {
  readonly tenantId: string;
  readonly pluginId: string;
  readonly secret: string;
  readonly send: (name: string, headers: Record<string, string>, body?: BodyInit) => Promise<ApiAnswer>;
  readonly manage: (method: string, suffix: string, body?: unknown) => Promise<ApiAnswer>;
}

async function takingPlugin(): Promise<Taking> {
  const tenantId = `taking-${++tenantNumber}`;
  const pluginId = `${tenantId}.taker`;
  const secret = newStandardSecret((length) => crypto.getRandomValues(new Uint8Array(length)));
  await db
    .insert(tenants)
    .values({ id: tenantId, name: tenantId, plan: "pro", status: "active", snapshotRevision: 1, createdAt: 0 });
  const snapshots = new SnapshotStore(env.STORE, new SnapshotCache(), systemClock, (work) => void work);
  await compileSnapshot({ env, db, clock: systemClock, snapshots }, tenantId);
  const token = await mintToken({ tenant: tenantId, subject: "olga", roles: ["admin"] });
  const form = new FormData();
  const config = { type: "object", properties: { key: secretText, other: secretText } };
  const manifest = manifestOf({ id: pluginId, config, webhooks: { incoming: INCOMING } });
  form.set("manifest", new Blob([JSON.stringify(manifest)]), "manifest.json");
  form.set("wasm", new Blob([guestBytes("member")]), "plugin.wasm");
  const uploaded = await settledApi("POST", "/api/plugins/upload", { token, raw: form });
  expect([uploaded.status, uploaded.body]).toEqual([201, expect.anything()]);
  const body = { config: { key: secret } };
  const installed = await settledApi("POST", `/api/plugins/install/${pluginId}`, { token, body });
  expect([installed.status, installed.body]).toEqual([201, expect.objectContaining({ state: "active" })]);
  return {
    tenantId,
    pluginId,
    secret,
    send: (name, headers, raw = "{}") =>
      settledApi("POST", `/api/plugins/hooks-in/${tenantId}/${pluginId}/${name}`, { headers, raw }),
    manage: (method, suffix, content) =>
      settledApi(method, `/api/plugins/${pluginId}${suffix}`, {
        token,
        ...(content === undefined ? {} : { body: content }),
      }),
  };
}

async function hmac(secret: string, body: string): Promise<Uint8Array> {
  const encode = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(new TextEncoder().encode(text));
  const key = await crypto.subtle.importKey("raw", encode(secret), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, encode(body)));
}

const base64 = (bytes: Uint8Array): string => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
const now = (): number => Math.floor(Date.now() / 1_000);

function standard(secret: string, id: string, body = "{}", seconds = now()): Promise<Record<string, string>> {
  return standardHeaders([secret], id, seconds, new TextEncoder().encode(body));
}

async function github(secret: string, body = "{}"): Promise<Record<string, string>> {
  return { "x-hub-signature-256": `sha256=${toHex(await hmac(secret, body))}` };
}

function executionOf(answer: ApiAnswer): unknown {
  return (answer.body as { executionId?: unknown }).executionId;
}

function expectReplay(first: ApiAnswer, again: ApiAnswer): void {
  expect([first.status, again.status]).toEqual([200, 200]);
  expect([first.headers.get("idempotency-replayed"), again.headers.get("idempotency-replayed")]).toEqual([
    null,
    "true",
  ]);
  expect(again.body).toEqual(first.body);
}

test("Standard Webhooks: a good one runs once, whatever is wrong with others is one refusal", async () => {
  const { secret, send } = await takingPlugin();
  const first = await send("orders", await standard(secret, "msg_1"));
  expect(first.body).toEqual({ id: "msg_1", executionId: first.headers.get("x-execution-id") });
  expectReplay(first, await send("orders", await standard(secret, "msg_1", "{}", now() - 60)));
  expectProblem(await send("orders", await standard(secret, "msg_1", '{"a":1}'), '{"a":1}'), "IDEMPOTENCY_MISMATCH");

  const good = await standard(secret, "msg_2");
  const { "webhook-id": _id, ...anonymous } = good;
  const wrong = newStandardSecret((length) => new Uint8Array(length));
  const refused = [
    await send("orders", {}),
    await send("orders", anonymous),
    await send("orders", good, "{} "),
    await send("orders", { ...good, "webhook-id": "msg_3" }),
    await send("orders", { ...good, "webhook-signature": "v1,AAAA" }),
    await send("orders", await standard(wrong, "msg_2")),
    await send("orders", await standard(secret, "msg_2", "{}", now() - 310)),
    await send("orders", await standard(secret, "msg_2", "{}", now() + 310)),
  ];
  const details = refused.map((answer) => expectProblem(answer, "WEBHOOK_SIGNATURE_INVALID")["detail"]);
  expect(new Set(details).size).toBe(1);
  const rotated = { ...good, "webhook-signature": `v1,${"A".repeat(43)}= ${good["webhook-signature"] ?? ""}` };
  expect((await send("orders", rotated)).headers.get("idempotency-replayed")).toBeNull();
});

test("GitHub and plain HMAC: a good one runs once, in whichever spelling", async () => {
  const { secret, send } = await takingPlugin();
  const first = await send("pushes", await github(secret));
  expectReplay(first, await send("pushes", await github(secret)));
  const digest = await hmac(secret, "{}");
  const payment = await send("payments", { "x-signature": toHex(digest) });
  expect(executionOf(payment)).not.toBe(executionOf(first));
  for (const spelling of [toHex(digest).toUpperCase(), base64(digest), `sha256=${base64(digest)}`]) {
    expectReplay(payment, await send("payments", { "x-signature": spelling }));
  }
  for (const [name, headers, body] of [
    ["pushes", {}, "{}"],
    ["pushes", await github("wrong"), "{}"],
    ["pushes", await github(secret), "{ }"],
    ["pushes", { "x-hub-signature-256": toHex(digest) }, "{}"],
    ["payments", { "x-signature": "00" }, "{}"],
    ["payments", await github(secret), "{}"],
    ["unset", await github(secret), "{}"],
    ["unset", await github("undefined"), "{}"],
  ] as const) {
    expectProblem(await send(name, headers, body), "WEBHOOK_SIGNATURE_INVALID");
  }
});

test("GitHub's published example is verified", async () => {
  const webhook: IncomingWebhook = { name: "a", functionName: "f", scheme: "github", secret: "key" };
  const hex = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
  const body = Uint8Array.from(new TextEncoder().encode("Hello, World!"));
  const headers = new Headers({ "x-hub-signature-256": `sha256=${hex}` });
  expect(await verifiedId(webhook, "It's a Secret to Everybody", headers, body, 0)).toBe(hex);
  expect(await verifiedId(webhook, "", headers, body, 0)).toBeUndefined();
});

test("what is not there is one refusal, and another tenant's secret opens nothing", async () => {
  const [mine, theirs] = [await takingPlugin(), await takingPlugin()];
  const signed = await github(mine.secret);
  expectProblem(await theirs.send("pushes", signed), "WEBHOOK_SIGNATURE_INVALID");
  const base = "/api/plugins/hooks-in";
  for (const path of [
    `${base}/nobody/${mine.pluginId}/pushes`,
    `${base}/${theirs.tenantId}/${mine.pluginId}/pushes`,
    `${base}/${mine.tenantId}/${mine.pluginId}/constructor`,
  ]) {
    const answer = await settledApi("POST", path, { headers: signed, raw: "{}" });
    expectProblem(answer, "WEBHOOK_NOT_FOUND", "No plugin takes this webhook.");
  }
});

test("a plugin that fails or is inactive leaves the delivery to be sent again", async () => {
  const { secret, send, manage } = await takingPlugin();
  const signed = await github(secret);
  const failures = [await send("failing", signed), await send("failing", signed)];
  const executions = failures.map((answer) => expectProblem(answer, "WEBHOOK_NOT_HANDLED")["executionId"]);
  expect(new Set(executions).size).toBe(2);

  expect((await manage("POST", "/deactivate")).status).toBe(200);
  expectProblem(await send("pushes", signed), "PLUGIN_INACTIVE");
  expectProblem(await send("pushes", {}), "WEBHOOK_SIGNATURE_INVALID");
  expect((await manage("POST", "/activate")).status).toBe(200);
  expect((await send("pushes", signed)).status).toBe(200);
});

test("a body past the limit is refused unread", async () => {
  const { secret, send } = await takingPlugin();
  const body = "x".repeat(1024 * 1024 + 1);
  expectProblem(await send("pushes", await github(secret, body), body), "INPUT_TOO_LARGE");
});

test("the function gets name, id, headers and body, no identity", async () => {
  const { tenantId, pluginId, secret } = await takingPlugin();
  const context = createExecutionContext();
  const deps = createDeps(env, context);
  const inputs: unknown[] = [];
  const isolates: Pick<typeof deps.isolates, "call"> = {
    call: (install, call, host, parent) => {
      inputs.push(JSON.parse(new TextDecoder().decode(call.input)));
      return deps.isolates.call(install, call, host, parent);
    },
  };
  const receive = async (bytes: Uint8Array<ArrayBuffer>): Promise<Response> => {
    const signature = await standardHeaders([secret], `msg_${inputs.length}`, now(), bytes);
    const headers = new Headers({
      ...signature,
      authorization: "Bearer x",
      cookie: "a=b",
      "content-type": "text/plain",
    });
    const intake = await findIntake(deps, tenantId, pluginId, "orders");
    return receiveWebhook({ ...deps, isolates }, intake, { headers, body: bytes, traceId: "trace" });
  };
  await receive(Uint8Array.from(new TextEncoder().encode("hi")));
  await receive(Uint8Array.of(0xff, 0));
  await waitOnExecutionContext(context);
  const sent = (id: string): Record<string, unknown> => ({
    "content-type": "text/plain",
    "webhook-id": id,
    "webhook-timestamp": expect.any(String) as string,
  });
  expect(inputs).toEqual([
    { name: "orders", id: "msg_0", headers: sent("msg_0"), body: "hi" },
    { name: "orders", id: "msg_1", headers: sent("msg_1"), base64: "/wA=" },
  ]);
});
