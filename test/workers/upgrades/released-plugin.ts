import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { and, asc, eq } from "drizzle-orm";
import { expect } from "vitest";
import { compileSnapshot } from "../../../worker/control/compile.ts";
import { recordExecutions } from "../../../worker/control/executions/actions.ts";
import type { Upgrade } from "../../../worker/control/upgrades/upgrade-record.ts";
import { openDatabase } from "../../../worker/db/client.ts";
import { pluginEvents, tenants } from "../../../worker/db/schema.ts";
import { createDeps, createResident, type Deps } from "../../../worker/deps.ts";
import type { Invocation } from "../../../worker/execution/invoke.ts";
import { snapshotKey, type Snapshot } from "../../../worker/execution/snapshot.ts";
import worker from "../../../worker/index.ts";
import { systemClock, type Clock } from "../../../worker/lib/clock.ts";
import { manifestOf } from "../../fixtures/packages/manifests.ts";
import { readAnswer, requestOf, type ApiAnswer, type ApiRequest } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { guestBytes } from "../execution/guest-installs.ts";
import { callGuest } from "../recording/recorded-calls.ts";

/** A plugin with releases, through the front door; calls of it are recorded, and their records stored as the queue would. */
export interface Released {
  readonly tenantId: string;
  readonly pluginId: string;
  readonly token: string;
  call(method: string, suffix: string, body?: unknown, bindings?: Partial<Env>): Promise<ApiAnswer>;
  upload(version: string, guest: string, manifest?: Readonly<Record<string, unknown>>): Promise<void>;
  snapshot(): Promise<Snapshot>;
  /** Runs the plugin once for each input. @returns what ran, and the upgrades whose counts that changed */
  run(
    ...inputs: readonly string[]
  ): Promise<{ readonly calls: readonly Invocation[]; readonly counted: readonly Upgrade[] }>;
  /** Version that the install is in. */
  installed(): Promise<string>;
  events(): Promise<string[]>;
}

const db = openDatabase(env.DB);
let tenantNumber = 0;

/** What the worker composes for work that no request causes, at a time of the test's choice. */
export function systemDeps(clock: Clock = systemClock, bindings: Partial<Env> = {}): Deps {
  return createDeps({ ...env, ...bindings }, createExecutionContext(), clock, createResident());
}

/** A tenant of its own whose plugin is installed in version 1.0.0. */
export async function releasedPlugin(
  guest = "echo",
  manifest: Readonly<Record<string, unknown>> = {},
  config?: Readonly<Record<string, unknown>>,
): Promise<Released> {
  const tenantId = `released-${++tenantNumber}`;
  const pluginId = `${tenantId}.plugin`;
  await db
    .insert(tenants)
    .values({ id: tenantId, name: tenantId, plan: "pro", status: "active", snapshotRevision: 1, createdAt: 0 });
  await compileSnapshot(systemDeps(), tenantId);
  const token = await mintToken({ tenant: tenantId, subject: "olga", roles: ["admin"] });

  async function request(
    method: string,
    path: string,
    options: ApiRequest,
    bindings: Partial<Env>,
  ): Promise<ApiAnswer> {
    const context = createExecutionContext();
    const incoming = requestOf(method, path, { token, ...options }) as Parameters<typeof worker.fetch>[0]; // the runtime adds `cf`
    const answer = await readAnswer(await worker.fetch(incoming, { ...env, ...bindings }, context));
    await waitOnExecutionContext(context);
    return answer;
  }

  const released: Released = {
    tenantId,
    pluginId,
    token,
    call: (method, suffix, body, bindings = {}) =>
      request(method, `/api/plugins/${pluginId}${suffix}`, body === undefined ? {} : { body }, bindings),
    upload: async (version, name, fields = manifest) => {
      const form = new FormData();
      const text = JSON.stringify(manifestOf({ id: pluginId, version, ...fields }));
      form.set("manifest", new Blob([text]), "manifest.json");
      form.set("wasm", new Blob([guestBytes(name)]), "plugin.wasm");
      const answer = await request("POST", "/api/plugins/upload", { raw: form }, {});
      expect([answer.status, answer.body]).toEqual([201, expect.anything()]);
    },
    snapshot: async () => {
      const object = await env.STORE.get(snapshotKey(tenantId));
      if (!object) throw new Error("no snapshot");
      return object.json<Snapshot>();
    },
    run: async (...inputs) => {
      const snapshot = await released.snapshot();
      const calls: Invocation[] = [];
      for (const input of inputs) calls.push(await callGuest(snapshot, { pluginId, input }));
      const counted = await recordExecutions(
        systemDeps(),
        calls.map(({ record }) => record),
      );
      return { calls, counted };
    },
    installed: async () => {
      const { body } = await released.call("GET", "");
      return (body as { install: { version: string } }).install.version;
    },
    events: async () => {
      const rows = await db
        .select({ type: pluginEvents.type })
        .from(pluginEvents)
        .where(and(eq(pluginEvents.tenantId, tenantId), eq(pluginEvents.pluginId, pluginId)))
        .orderBy(asc(pluginEvents.sequence));
      return rows.map(({ type }) => type).filter((type) => type.startsWith("upgrade."));
    },
  };
  await released.upload("1.0.0", guest);
  const installing = { pluginId, ...(config ? { config } : {}) };
  const answer = await request("POST", "/api/plugins/install", { body: installing }, {});
  expect([answer.status, answer.body]).toEqual([201, expect.objectContaining({ state: "active" })]);
  return released;
}
