import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect } from "vitest";
import { openDatabase } from "../../../worker/db/client.ts";
import { tenants } from "../../../worker/db/schema.ts";
import { compileSnapshot } from "../../../worker/control/compile.ts";
import { SnapshotCache, SnapshotStore } from "../../../worker/execution/snapshot-store.ts";
import { systemClock } from "../../../worker/lib/clock.ts";
import worker from "../../../worker/index.ts";
import { manifestOf } from "../../fixtures/packages/manifests.ts";
import { readAnswer, requestOf, type ApiAnswer, type ApiRequest } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { guestBytes } from "../execution/guest-installs.ts";

/** A plugin that answers the configuration value it is asked for, through the front door. */

export const SECRET = "hunter2-is-the-password";

/** What version 1.0.0 of the plugin takes. */
export const SCHEMA = {
  type: "object",
  required: ["greeting"],
  additionalProperties: false,
  properties: {
    greeting: { type: "string", minLength: 1 },
    port: { type: "integer", minimum: 1, maximum: 65_535, default: 443 },
    apiKey: { type: "string", minLength: 8, "x-secret": true },
    smtp: {
      type: "object",
      default: {},
      properties: { host: { type: "string" }, password: { type: "string", writeOnly: true } },
    },
  },
};

export interface Configured {
  readonly tenantId: string;
  readonly pluginId: string;
  readonly path: string;
  call(method: string, suffix: string, request?: ApiRequest, bindings?: Partial<Env>): Promise<ApiAnswer>;
  install(body: unknown): Promise<ApiAnswer>;
  upload(version: string, manifest: Readonly<Record<string, unknown>>): Promise<void>;
  /** Sets the configuration; If-Match is what it is now unless given. */
  put(values: unknown, options?: { readonly query?: string; readonly ifMatch?: string }): Promise<ApiAnswer>;
  /** What the plugin reads; undefined where it finds nothing. */
  read(name: string, bindings?: Partial<Env>): Promise<string | undefined>;
}

const db = openDatabase(env.DB);
let tenantNumber = 0;

/** A tenant of its own with the plugin uploaded, not installed yet. */
export async function configuredPlugin(
  manifest: Readonly<Record<string, unknown>> = { config: SCHEMA },
): Promise<Configured> {
  const tenantId = `configured-${++tenantNumber}`;
  const pluginId = `${tenantId}.reader`;
  const path = `/api/plugins/${pluginId}`;
  await db
    .insert(tenants)
    .values({ id: tenantId, name: tenantId, plan: "pro", status: "active", snapshotRevision: 1, createdAt: 0 });
  const snapshots = new SnapshotStore(env.STORE, new SnapshotCache(), systemClock, (work) => void work);
  await compileSnapshot({ env, db, clock: systemClock, snapshots }, tenantId);
  const token = await mintToken({ tenant: tenantId, subject: "olga", roles: ["admin"] });

  async function request(method: string, at: string, options: ApiRequest, bindings: Partial<Env>): Promise<ApiAnswer> {
    const context = createExecutionContext();
    const incoming = requestOf(method, at, { token, ...options });
    const response = await worker.fetch(
      incoming as Parameters<typeof worker.fetch>[0], // the runtime adds `cf`
      { ...env, ...bindings },
      context,
    );
    const answer = await readAnswer(response);
    await waitOnExecutionContext(context);
    return answer;
  }

  const configured: Configured = {
    tenantId,
    pluginId,
    path,
    call: (method, suffix, options = {}, bindings = {}) => request(method, path + suffix, options, bindings),
    install: (body) => request("POST", `/api/plugins/install/${pluginId}`, { body }, {}),
    upload: async (version, fields) => {
      const form = new FormData();
      form.set(
        "manifest",
        new Blob([JSON.stringify(manifestOf({ id: pluginId, version, ...fields }))]),
        "manifest.json",
      );
      form.set("wasm", new Blob([guestBytes("config")]), "plugin.wasm");
      const answer = await request("POST", "/api/plugins/upload", { raw: form }, {});
      expect([answer.status, answer.body]).toEqual([201, expect.anything()]);
    },
    put: async (values, { query = "", ifMatch = "*" } = {}) =>
      configured.call("PUT", `/config${query}`, { body: values, headers: { "if-match": ifMatch } }),
    read: async (name, bindings = {}) => {
      const answer = await configured.call("POST", "/execute", { body: { input: name } }, bindings);
      if (answer.status === 200) return (answer.body as { output: string }).output;
      expect(answer.body).toMatchObject({ code: "PLUGIN_ERROR" });
      return undefined;
    },
  };
  await configured.upload("1.0.0", manifest);
  return configured;
}

/** The same, installed and active with a greeting. */
export async function installedPlugin(
  config: Readonly<Record<string, unknown>> = { greeting: "hello" },
  manifest: Readonly<Record<string, unknown>> = { config: SCHEMA },
): Promise<Configured> {
  const plugin = await configuredPlugin(manifest);
  const answer = await plugin.install({ config });
  expect([answer.status, answer.body]).toEqual([201, expect.objectContaining({ state: "active" })]);
  return plugin;
}
