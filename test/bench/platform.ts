import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { JWK } from "jose";
import { DEMO_TENANT, localApi, bootstrap, type LocalApi } from "../../scripts/bootstrap.ts";
import { mintToken, signingKey } from "../../scripts/local-state.ts";
import { applyMigrations, startWorker } from "../../scripts/local-worker.ts";
import { freePort } from "../support/node/running-patchbay.ts";
import { stopChild } from "./workers.ts";

/** A server on this machine that plugins may reach, by a name that no resolver need know. */
export const LOOPBACK = { host: "loopback.bench.example:8080", answer: "answer" } as const;

/** The whole platform on a state folder of its own. */
export interface BenchPlatform {
  readonly url: string;
  readonly api: LocalApi;
  readonly token: string;
  /** With which tokens of any tenant are signed. */
  readonly key: JWK;
  /** Uploads a module as a plugin of the demo tenant and activates it. */
  install(id: string, module: Uint8Array, manifest?: object): Promise<void>;
  stop(): Promise<void>;
}

export async function startPlatform(root: string): Promise<BenchPlatform> {
  const state = await mkdtemp(path.join(tmpdir(), "patchbay-bench-"));
  const options = { root, state, port: await freePort(), readyInstalls: [], loopback: LOOPBACK, log: () => {} };
  await applyMigrations(options);
  const child = await startWorker(options);
  const url = `http://127.0.0.1:${options.port}`;
  const key = await signingKey(state);
  await bootstrap(url, key, [], () => {});
  const api = await localApi(url, key, DEMO_TENANT);
  return {
    url,
    api,
    key,
    token: await mintToken(key, { tenant: DEMO_TENANT, roles: ["admin"] }),
    install: (id, module, manifest = {}) => install(api, id, module, manifest),
    stop: async () => {
      await stopChild(child);
      await rm(state, { recursive: true, force: true });
    },
  };
}

async function install(api: LocalApi, id: string, module: Uint8Array, extra: object): Promise<void> {
  const uploaded = await upload(api, id, module, extra);
  if (uploaded.status !== 201) throw new Error(`upload of ${id}: HTTP ${uploaded.status} ${await uploaded.text()}`);
  await uploaded.body?.cancel();
  const installed = await api.call("POST", "/api/plugins/install", { pluginId: id });
  if (!installed.ok) throw new Error(`install of ${id}: HTTP ${installed.status} ${await installed.text()}`);
  await installed.body?.cancel();
}

export function upload(api: LocalApi, id: string, module: Uint8Array, extra: object = {}): Promise<Response> {
  const manifest = {
    id,
    name: id,
    version: "1.0.0",
    description: "For a benchmark.",
    author: { name: "Patchbay" },
    type: "utility",
    category: "bench",
    defaultFunction: "run",
    ...extra,
  };
  const form = new FormData();
  form.set("manifest", new Blob([JSON.stringify(manifest)], { type: "application/json" }), "manifest.json");
  form.set("wasm", new Blob([new Uint8Array(module)], { type: "application/wasm" }), "plugin.wasm");
  return api.call("POST", "/api/plugins/upload", form);
}
