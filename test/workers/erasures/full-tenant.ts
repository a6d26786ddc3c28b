import { createExecutionContext, createMessageBatch, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect } from "vitest";
import { streamOf } from "../../../durable-objects/event-stream/client.ts";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import { sealAuditLogs } from "../../../worker/control/audit-log/actions.ts";
import { listOwnedTables } from "../../../worker/control/erasures/rows-store.ts";
import { keepStorage } from "../../../worker/control/upgrades/storage-store.ts";
import { createDeps } from "../../../worker/deps.ts";
import { consume } from "../../../worker/queues.ts";
import { manifestOf } from "../../fixtures/packages/manifests.ts";
import { platformInput } from "../../support/guests/platform-guest.ts";
import type { ApiAnswer, ApiRequest } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { backupDeps } from "../backups/runs.ts";
import { guestBytes } from "../execution/guest-installs.ts";
import { settledApi } from "../recording/recorded-calls.ts";

/** A tenant that has used every feature, with one word in everything that it has written. */

export interface FullTenant {
  readonly tenantId: string;
  readonly installId: string;
  readonly pluginId: string;
  /** Everything that the tenant has written holds it. */
  readonly canary: string;
  readonly token: string;
  readonly call: (method: string, path: string, request?: ApiRequest) => Promise<ApiAnswer>;
}

const CAPABILITIES = ["storage", "database", "files", "cache", "analytics", "crypto"];
const GRANTS = Object.fromEntries(CAPABILITIES.map((name) => [name, {}]));
const CONFIG = {
  type: "object",
  properties: { greeting: { type: "string" }, apiKey: { type: "string", minLength: 8, "x-secret": true } },
};

export async function rootToken(): Promise<string> {
  return mintToken({ tenant: PLATFORM_TENANT, subject: "root", roles: ["admin"] });
}

export async function fillTenant(tenantId: string): Promise<FullTenant> {
  const canary = `canary-of-${tenantId}`;
  const root = await rootToken();
  const body = { id: tenantId, name: `The ${canary} company`, plan: "pro" };
  expect(await settledApi("POST", "/api/v1/admin/tenants", { token: root, body })).toMatchObject({ status: 201 });
  const token = await mintToken({ tenant: tenantId, subject: `ada-${canary}`, roles: ["admin"] });
  const call = async (method: string, path: string, request: ApiRequest = {}): Promise<ApiAnswer> => {
    const answer = await settledApi(method, `/api${path}`, { token, ...request });
    const isExpected = path.includes("_or_fail") ? answer.status === 422 : answer.status < 300;
    expect([path, answer.status, answer.body, isExpected]).toEqual([path, answer.status, answer.body, true]);
    return answer;
  };
  const pluginId = `${tenantId}.all`;
  await upload(call, pluginId, withSection(guestBytes("platform"), canary));
  await upload(call, `${tenantId}.shared`, guestBytes("config"));
  const config = { greeting: canary, apiKey: `secret-${canary}` };
  const installed = await call("POST", `/plugins/install/${pluginId}`, { body: { config } });
  const { id: installId } = installed.body as { id: string };
  await call("PUT", `/plugins/${pluginId}/permissions`, { body: { grants: GRANTS } });
  const tenant = { tenantId, installId: await installOf(tenantId, pluginId, installId), pluginId, canary, token, call };
  await useCapabilities(tenant);
  await useControl(tenant);
  await deliver(tenant);
  await sealAuditLogs(backupDeps());
  await keepStorage(backupDeps(), { ...tenant, upgradeId: "upgrade" });
  await fillTables(tenant);
  return tenant;
}

async function installOf(tenantId: string, pluginId: string, known: unknown): Promise<string> {
  const row = await env.DB.prepare("SELECT id FROM plugin_instances WHERE tenant_id = ? AND plugin_id = ?")
    .bind(tenantId, pluginId)
    .first<{ id: string }>();
  return row?.id ?? String(known);
}

async function upload(call: FullTenant["call"], id: string, module: Uint8Array): Promise<void> {
  const permissions = CAPABILITIES.map((capability) => ({ capability, reason: "to be tried" }));
  const form = new FormData();
  const fields = id.endsWith(".all") ? { id, permissions, config: CONFIG } : { id };
  form.set("manifest", new Blob([JSON.stringify(manifestOf(fields))]), "manifest.json");
  form.set("wasm", new Blob([Uint8Array.from(module)]), "plugin.wasm");
  await call("POST", "/plugins/upload", { raw: form });
}

/** The module with a custom section, so that its bytes are the tenant's own. */
function withSection(module: Uint8Array, name: string): Uint8Array {
  const text = new TextEncoder().encode(name);
  return Uint8Array.from([...module, 0, text.length + 1, text.length, ...text]);
}

/** What plugins store, also a failed call, which is recorded, and one under an idempotency key. */
async function useCapabilities({ pluginId, canary, call }: FullTenant): Promise<void> {
  const run = (name: string, request: object, body = "", headers: Record<string, string> = {}) =>
    call("POST", `/plugins/${pluginId}/execute?function=${name}`, {
      raw: platformInput(request, body),
      headers: { "content-type": "application/octet-stream", ...headers },
    });
  await run("storage_set", { key: canary }, canary, { "idempotency-key": canary });
  await run("cache_set", { key: canary }, canary);
  await run("files_put", { path: canary }, canary);
  await run("database_query", { sql: "CREATE TABLE t (x TEXT)" });
  await run("database_query", { sql: "INSERT INTO t VALUES (?)", params: [canary] });
  await run("crypto_key_create", { name: canary, kind: "hmac-sha256" });
  await run("analytics_record", { points: [{ name: "sold", kind: "counter", value: 1, labels: { shop: canary } }] });
  await run("storage_get_or_fail", { nonsense: canary });
}

async function useControl({ tenantId, pluginId, canary, call }: FullTenant): Promise<void> {
  await call("PUT", `/v1/admin/members/${canary}`, { body: { roles: ["viewer"] } });
  await call("POST", "/v1/admin/keys", { body: { name: canary, roles: ["caller"] } });
  await call("POST", "/v1/plugins/webhooks", { body: { url: `https://hooks.example.com/${canary}`, types: [] } });
  const event = { sequence: 1, type: "plugin.installed", pluginId, json: JSON.stringify(canary) };
  await streamOf(env.EVENT_STREAM, tenantId).append(null, [event]);
}

/** A message of the bus, which the install's inbox keeps a note of. */
async function deliver({ tenantId, installId, pluginId, canary }: FullTenant): Promise<void> {
  const source = { kind: "subject", id: canary } as const;
  const message = { kind: "delivery", tenantId, messageId: canary, topic: "orders.created", data: canary, source };
  const more = { traceId: "0".repeat(32), hops: 0, publishedAt: Date.now(), installId, pluginId, counts: true };
  const batch = createMessageBatch("patchbay-messages", [
    { id: canary, timestamp: new Date(), attempts: 1, body: { ...message, ...more, functionName: "storage_get" } },
  ]);
  const context = createExecutionContext();
  await consume(createDeps(env, context), batch);
  await waitOnExecutionContext(context);
}

/** A row in each table that features did not reach, whatever tables there are. */
async function fillTables({ tenantId, installId, canary }: FullTenant): Promise<void> {
  for (const table of await listOwnedTables(env.DB)) {
    if (table === "tenants") continue;
    const count = await env.DB.prepare(`SELECT count(*) AS n FROM "${table}" WHERE tenant_id = ?`)
      .bind(tenantId)
      .first("n");
    if (Number(count) > 0) continue;
    const { results } = await env.DB.prepare("SELECT name, type FROM pragma_table_info(?)")
      .bind(table)
      .all<{ name: string; type: string }>();
    const values = results.map(({ name, type }) => {
      if (name === "tenant_id") return tenantId;
      if (name === "install_id") return installId;
      return /text/i.test(type) ? JSON.stringify(canary) : 1;
    });
    const columns = results.map(({ name }) => `"${name}"`).join(", ");
    await env.DB.prepare(`INSERT INTO "${table}" (${columns}) VALUES (${values.map(() => "?").join(", ")})`)
      .bind(...values)
      .run();
  }
}
