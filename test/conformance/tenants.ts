import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { bootstrap, localApi, type LocalApi } from "../../scripts/bootstrap.ts";
import { signingKey } from "../../scripts/local-state.ts";
import { applyMigrations, exitOf, startWorker } from "../../scripts/local-worker.ts";
import { upload } from "../bench/platform.ts";
import { freePort } from "../support/node/running-patchbay.ts";
import type { BuiltPlugin } from "./build.ts";
import type { Verdict } from "./isolation.ts";
import { clip } from "./judge.ts";

/**
 * Two tenants through the front door: each installs the same module, so that one isolate serves both, and calls it while the
 * other does.
 */

const TENANTS = ["demo", "acme"] as const;
const CALLS_EACH = 4;

interface Tenant {
  readonly name: string;
  readonly api: LocalApi;
}

/** The platform with an API client for each tenant, on a state folder of its own. */
async function withPlatform<T>(root: string, run: (tenants: readonly Tenant[]) => Promise<T>): Promise<T> {
  const state = await mkdtemp(path.join(tmpdir(), "patchbay-conformance-"));
  const options = { root, state, port: await freePort(), readyInstalls: [], log: () => {} };
  await applyMigrations(options);
  const worker = await startWorker(options);
  try {
    const [url, key] = [`http://127.0.0.1:${options.port}`, await signingKey(state)];
    await bootstrap(url, key, [], () => {});
    return await run(await Promise.all(TENANTS.map(async (name) => ({ name, api: await localApi(url, key, name) }))));
  } finally {
    const ended = exitOf(worker);
    worker.kill("SIGTERM");
    await ended;
    await rm(state, { recursive: true, force: true });
  }
}

export async function testTenants(root: string, plugins: readonly BuiltPlugin[]): Promise<readonly Verdict[]> {
  const keeping = plugins.filter(({ functions }) => functions.has("remember"));
  if (keeping.length === 0) return [];
  return withPlatform(root, async (tenants) => {
    const verdicts: Verdict[] = [];
    for (const plugin of keeping) {
      for (const tenant of tenants) await install(tenant, plugin);
      for (const name of ["remember", "remember_and_wait"].filter((one) => plugin.functions.has(one))) {
        verdicts.push({
          name: `${plugin.name} ${name}, two tenants`,
          faults: await callTogether(tenants, plugin, name),
        });
      }
    }
    return verdicts;
  });
}

function idOf(tenant: Tenant, plugin: BuiltPlugin): string {
  return `${tenant.name}.${plugin.name}`;
}

async function install(tenant: Tenant, plugin: BuiltPlugin): Promise<void> {
  const pluginId = idOf(tenant, plugin);
  await expectSuccess(
    await upload(tenant.api, pluginId, plugin.module, { defaultFunction: "echo" }),
    `upload of ${pluginId}`,
  );
  await expectSuccess(await tenant.api.call("POST", "/api/plugins/install", { pluginId }), `install of ${pluginId}`);
}

async function expectSuccess(answer: Response, what: string): Promise<void> {
  const body = await answer.text();
  if (!answer.ok) throw new Error(`${what}: HTTP ${answer.status} ${body}`);
}

/** Calls of both tenants at once; one more of each traps with its secret in memory. More traps would open the breaker. */
async function callTogether(tenants: readonly Tenant[], plugin: BuiltPlugin, name: string): Promise<readonly string[]> {
  const calls = tenants.flatMap((tenant) =>
    Array.from({ length: CALLS_EACH + 1 }, (_, index) => ({
      tenant,
      name: index === 0 ? "trap" : name,
      secret: `${name}: the secret ${index} of ${tenant.name}`,
    })),
  );
  const bodies = await Promise.all(calls.map((call) => execute(call.tenant, plugin, call.name, call.secret)));
  return calls.flatMap((call, index) => {
    const { secret, tenant } = call;
    const body = bodies[index] ?? "";
    const kept = name === "remember" ? "" : secret;
    const answer = `static=[${kept}] var=[${kept}] input=[${secret}] config=[]`;
    const expected = call.name === "trap" ? /"code":\s*"PLUGIN_(TRAPPED|ERROR)"/.test(body) : body.includes(answer);
    const foreign = calls.filter((other) => other.secret !== secret && body.includes(other.secret));
    return [
      ...(expected ? [] : [`${tenant.name}'s ${call.name} answered ${clip(body)}`]),
      ...foreign.map((other) => `${tenant.name} sees "${other.secret}"`),
    ];
  });
}

async function execute(tenant: Tenant, plugin: BuiltPlugin, name: string, input: string): Promise<string> {
  const answer = await tenant.api.call("POST", `/api/plugins/${idOf(tenant, plugin)}/execute`, {
    input,
    function: name,
  });
  return await answer.text();
}
