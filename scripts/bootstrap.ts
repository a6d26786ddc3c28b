import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import type { JWK } from "jose";
import { PLATFORM_TENANT } from "../sdk/contract/identifiers.ts";
import { mintToken } from "./local-state.ts";
import type { Log } from "./progress.ts";

/** Fills a local worker through its own API: tenants, built-in plugins, and their installs for the demo tenant. */

export const DEMO_TENANT = "demo";
const TENANTS = [
  { id: DEMO_TENANT, name: "Demo" },
  { id: "acme", name: "Acme" },
];

export interface BuiltIn {
  readonly id: string;
  readonly version: string;
  readonly folder: string;
}

export async function builtIns(root: string): Promise<BuiltIn[]> {
  const plugins = path.join(root, "dist/plugins");
  const entries = await readdir(plugins, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => path.join(plugins, entry.name));
  return Promise.all(
    folders.sort().map(async (folder) => {
      const { id, version } = JSON.parse(await readFile(path.join(folder, "manifest.json"), "utf8")) as BuiltIn; // our own file
      return { id, version, folder };
    }),
  );
}

export interface LocalApi {
  call(method: string, route: string, body?: unknown): Promise<Response>;
}

/** An API client for the local worker that acts as an admin of a tenant. */
export async function localApi(url: string, key: JWK, tenant: string): Promise<LocalApi> {
  const token = await mintToken(key, { tenant, roles: ["admin"] });
  return {
    call(method, route, body) {
      const headers = new Headers({ authorization: `Bearer ${token}` });
      if (body === undefined) return fetch(`${url}${route}`, { method, headers });
      if (body instanceof FormData) return fetch(`${url}${route}`, { method, headers, body });
      headers.set("content-type", "application/json");
      return fetch(`${url}${route}`, { method, headers, body: JSON.stringify(body) });
    },
  };
}

export async function bootstrap(url: string, key: JWK, plugins: readonly BuiltIn[], log: Log): Promise<void> {
  const platform = await localApi(url, key, PLATFORM_TENANT);
  for (const tenant of TENANTS) {
    const answer = await platform.call("POST", "/api/v1/admin/tenants", { ...tenant, plan: "pro" });
    if (answer.status === 201) log(`made tenant ${tenant.id}`);
    else await expectStatus(answer, [409], `making tenant ${tenant.id}`);
  }
  const demo = await localApi(url, key, DEMO_TENANT);
  for (const plugin of plugins) {
    await upload(platform, plugin, log);
    await install(demo, plugin, log);
  }
}

async function upload(api: LocalApi, plugin: BuiltIn, log: Log): Promise<void> {
  const form = new FormData();
  form.set("manifest", new Blob([await readFile(path.join(plugin.folder, "manifest.json"))]), "manifest.json");
  form.set("wasm", new Blob([await readFile(path.join(plugin.folder, "plugin.wasm"))]), "plugin.wasm");
  const answer = await api.call("POST", "/api/plugins/upload", form);
  if (answer.status === 201) log(`uploaded ${plugin.id} ${plugin.version}`);
  if (answer.status === 409) {
    log(
      `${plugin.id} ${plugin.version} differs from the one in this state folder, which stays; raise its version to replace it`,
    );
    return;
  }
  await expectStatus(answer, [200, 201], `uploading ${plugin.id}`);
}

async function install(api: LocalApi, plugin: BuiltIn, log: Log): Promise<void> {
  const known = await api.call("GET", `/api/plugins/${plugin.id}`);
  await expectStatus(known, [200], `reading ${plugin.id}`);
  const { install: current } = (await known.json()) as { install: { version: string; state: string } | null }; // our own API
  if (current && current.state !== "uninstalled") {
    if (current.version === plugin.version) return;
    // What the new build of a built-in answers otherwise than the old one is meant.
    const update = { version: plugin.version, gate: "skipped" };
    const answer = await api.call("PUT", `/api/plugins/${plugin.id}`, update);
    await expectStatus(answer, [200], `updating ${plugin.id}`);
    return log(`updated ${plugin.id} from ${current.version} to ${plugin.version}`);
  }
  const answer = await api.call("POST", "/api/plugins/install", { pluginId: plugin.id, version: plugin.version });
  await expectStatus(answer, [200, 201], `installing ${plugin.id}`);
  log(`installed ${plugin.id} ${plugin.version} for tenant ${DEMO_TENANT}`);
}

async function expectStatus(answer: Response, statuses: readonly number[], doing: string): Promise<void> {
  if (statuses.includes(answer.status)) return;
  throw new Error(`${doing}: HTTP ${answer.status} ${await answer.text()}`);
}
