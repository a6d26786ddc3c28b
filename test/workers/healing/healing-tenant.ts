import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import { compileSnapshot } from "../../../worker/control/compile.ts";
import { recordExecutions } from "../../../worker/control/executions/actions.ts";
import { listHealing } from "../../../worker/control/healing/store.ts";
import type { HealingEvent } from "../../../worker/control/healing/healing-record.ts";
import { getInstall } from "../../../worker/control/installs/store.ts";
import { findVersion } from "../../../worker/control/packages/store.ts";
import type { VersionRecord } from "../../../worker/control/packages/version-record.ts";
import { createDeps, createResident, type Deps } from "../../../worker/deps.ts";
import type { Invocation } from "../../../worker/execution/invoke.ts";
import type { Actor } from "../../../worker/lib/actor.ts";
import { concat, utf8 } from "../../fixtures/packages/bytes.ts";
import type { ZipFile } from "../../fixtures/packages/zip-builder.ts";
import { guestBytes } from "../../support/guests/provided-guests.ts";
import { api, type ApiAnswer } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { archiveOf, formOf, manifestText } from "../packages/upload-fixtures.ts";
import { callGuest, type GuestCall } from "../recording/recorded-calls.ts";

/** A tenant with one plugin that was uploaded and installed through the front door, and what a healer needs to be watched. */

export interface HealingTenant {
  readonly tenantId: string;
  readonly pluginId: string;
  readonly actor: Actor;
  readonly call: (method: string, path: string, body?: unknown) => Promise<ApiAnswer>;
  /** Runs the plugin in a worker isolate of its own; its record and recording are stored when this resolves. */
  readonly run: (call?: Omit<GuestCall, "pluginId">) => Promise<Invocation>;
  readonly upload: (
    guest: string,
    fields?: Readonly<Record<string, unknown>>,
    bare?: boolean,
  ) => Promise<VersionRecord>;
  readonly version: (version?: string) => Promise<VersionRecord>;
  readonly install: () => Promise<NonNullable<Awaited<ReturnType<typeof getInstall>>>>;
  readonly healing: () => Promise<HealingEvent[]>;
}

let tenants = 0;
let modules = 0;

/** What a worker isolate of its own has. */
export function freshDeps(bindings: Partial<Env> = {}, parts: Partial<Deps> = {}): Deps {
  const deps = createDeps({ ...env, ...bindings }, { waitUntil: (work) => void work }, undefined, createResident());
  return Object.defineProperties(deps, Object.getOwnPropertyDescriptors(parts));
}

/** A module that no other test has, so that nobody else's bytes are harmed: a custom section tells it apart. */
function ownModule(guest: string): Uint8Array<ArrayBuffer> {
  const name = utf8(`healing-${++modules}`);
  return concat(guestBytes(guest), Uint8Array.from([0, name.length + 1, name.length, ...name]));
}

/** @param options  of the request that installs */
export async function healingTenant(
  guest: string,
  options: Readonly<Record<string, unknown>> = {},
  fields: Readonly<Record<string, unknown>> = {},
  packaging: { readonly bare?: boolean; readonly files?: readonly ZipFile[] } = {},
): Promise<HealingTenant> {
  const tenantId = `healed-${++tenants}-${crypto.randomUUID().slice(0, 8)}`;
  const pluginId = `${tenantId}.sick`;
  const platform = await mintToken({ tenant: PLATFORM_TENANT, roles: ["admin"] });
  await api("post", "/api/v1/admin/tenants", { token: platform, body: { id: tenantId, name: tenantId, plan: "pro" } });
  const token = await mintToken({ tenant: tenantId, roles: ["admin"] });
  const call: HealingTenant["call"] = (method, path, body) =>
    api(method, `/api/plugins${path}`, { token, ...(body === undefined ? {} : { body }) });
  const db = freshDeps().db;
  const version: HealingTenant["version"] = async (wanted) => {
    const record = await findVersion(db, [tenantId], pluginId, wanted);
    if (!record) throw new Error(`There is no version ${wanted ?? ""} of ${pluginId}.`);
    return record;
  };
  const upload: HealingTenant["upload"] = async (name, more = {}, bare = packaging.bare ?? false) => {
    const all = { id: pluginId, ...fields, ...more };
    const module = ownModule(name);
    const parts = bare
      ? { manifest: manifestText(all), wasm: module }
      : { package: await archiveOf(all, module, ...(packaging.files ?? [])) };
    const answer = await api("post", "/api/plugins/upload", { token, raw: formOf(parts) });
    if (answer.status !== 201) throw new Error(`upload: ${JSON.stringify(answer.body)}`);
    return version((all as { version?: string }).version ?? "1.0.0");
  };
  await upload(guest);
  const installed = await call("post", `/install/${pluginId}`, options);
  if (installed.status !== 201) throw new Error(`install: ${JSON.stringify(installed.body)}`);
  return {
    tenantId,
    pluginId,
    actor: { tenantId, subject: "olga", roles: ["operator"] },
    call,
    run: async (asked = {}) => {
      const snapshot = await compileSnapshot(freshDeps(), tenantId);
      const invocation = await callGuest(snapshot, { pluginId, ...asked });
      await recordExecutions(freshDeps(), [invocation.record]);
      return invocation;
    },
    upload,
    version,
    install: async () => {
      const install = await getInstall(db, tenantId, pluginId);
      if (!install) throw new Error("not installed");
      return install;
    },
    healing: () => listHealing(db, tenantId, {}, { limit: 100 }),
  };
}

/** Runs work that defers some of its own, and waits for all of it. */
export async function settled<Result>(work: (context: ExecutionContext) => Promise<Result>): Promise<Result> {
  const context = createExecutionContext();
  const result = await work(context);
  await waitOnExecutionContext(context);
  return result;
}
