import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { applyUpdatePolicies, judgeRunningUpgrades } from "../../../worker/control/upgrades/actions/watch.ts";
import { expectProblem } from "../../support/workers/api.ts";
import { releasedPlugin, systemDeps, type Released } from "./released-plugin.ts";

/** Before a critical plugin moves to another version, its install is backed up. */

const HOOK = { name: "orders:created", function: "run" };
const CRITICAL = { hooks: [{ ...HOOK, criticality: "critical" }] };
/** Backups are written; that they are verified is begun and not waited for. */
const HELD = { BACKUP_RUNS: { create: () => Promise.resolve({}) } } as unknown as Partial<Env>; // its answer is not read

async function backupsOf({ tenantId }: Released): Promise<unknown[]> {
  const { results } = await env.DB.prepare(
    'SELECT "trigger", scope, status FROM plugin_backups WHERE tenant_id = ? ORDER BY id',
  )
    .bind(tenantId)
    .all();
  return results;
}
const WRITTEN = { trigger: "upgrade", scope: "install", status: "written" };

describe("an install is backed up before its upgrade where", () => {
  test.each([
    ["a hook of it is critical", CRITICAL, 1],
    ["it is middleware", { middleware: [{ point: "request", function: "run" }] }, 1],
    ["its hook is optional", { hooks: [HOOK] }, 0],
    ["it takes part in nothing", {}, 0],
  ])("%s: %#", async (_where, manifest, count) => {
    const plugin = await releasedPlugin("echo", manifest);
    await plugin.upload("1.1.0", "echo");
    const answer = await plugin.call("PUT", "", { version: "1.1.0" }, HELD);
    expect([answer.status, answer.body]).toEqual([200, expect.objectContaining({ version: "1.1.0" })]);
    expect(await backupsOf(plugin)).toEqual(Array.from({ length: count }, () => WRITTEN));
  });

  test("another install depends on it, or requires what it provides", async () => {
    const plugin = await releasedPlugin("echo", { services: { provides: [{ name: "echoing", function: "run" }] } });
    await plugin.upload("1.1.0", "echo");
    await plugin.upload("1.2.0", "echo");
    await plugin.call("PUT", "", { version: "1.1.0" }, HELD);
    expect(await backupsOf(plugin)).toEqual([]);
    const needing = "UPDATE plugin_versions SET manifest = json_set(manifest, ?2, json(?3)) WHERE id = ?1";
    await env.DB.batch([
      env.DB.prepare(
        "INSERT INTO plugin_versions SELECT replace(id, substr(id, 1, 4), 'need'), tenant_id, 'needing.one', version, manifest, package_digest, package_bytes, module_digest, rewritten_digest, rewriter_version, module, scan, state, uploaded_by, created_at, yanked_at, yank_reason FROM plugin_versions WHERE tenant_id = ?1 AND version = '1.0.0'",
      ).bind(plugin.tenantId),
      env.DB.prepare(
        "INSERT INTO plugin_instances (id, tenant_id, plugin_id, owner_tenant_id, version_id, state, config, limits, installed_by, created_at, updated_at) SELECT 'install-' || id, tenant_id, plugin_id, tenant_id, id, 'inactive', '{}', '{}', 'olga', 0, 0 FROM plugin_versions WHERE tenant_id = ?1 AND plugin_id = 'needing.one'",
      ).bind(plugin.tenantId),
    ]);
    const { id } = (await env.DB.prepare(
      "SELECT id FROM plugin_versions WHERE tenant_id = ? AND plugin_id = 'needing.one'",
    )
      .bind(plugin.tenantId)
      .first<{ id: string }>()) ?? { id: "" };
    const requires = JSON.stringify([{ name: "echoing", optional: false }]);
    await env.DB.prepare(needing).bind(id, "$.services.requires", requires).run();
    expect((await plugin.call("PUT", "", { version: "1.2.0" }, HELD)).status).toBe(200);
    expect(await backupsOf(plugin)).toEqual([WRITTEN]);
    await env.DB.prepare(needing).bind(id, "$.services.requires", "[]").run();
    await env.DB.prepare(needing)
      .bind(id, "$.dependencies", JSON.stringify({ [plugin.pluginId]: "^1.0.0" }))
      .run();
    expect((await plugin.call("PUT", "", { version: "1.1.0" }, HELD)).status).toBe(200);
    expect(await backupsOf(plugin)).toEqual([WRITTEN, WRITTEN]);
  });
});

describe("an upgrade of a critical plugin", () => {
  test("is backed up when it begins and before it is promoted, by request and by itself", async () => {
    const plugin = await releasedPlugin("echo", CRITICAL);
    await plugin.upload("1.1.0", "echo");
    expect((await plugin.call("POST", "/upgrade", { version: "1.1.0" }, HELD)).status).toBe(200);
    expect(await backupsOf(plugin)).toEqual([WRITTEN]);
    expect((await plugin.call("POST", "/upgrade/promote", undefined, HELD)).status).toBe(200);
    expect(await backupsOf(plugin)).toEqual([WRITTEN, WRITTEN]);
    expectProblem(await plugin.call("POST", "/upgrade/promote", undefined, HELD), "STATE_CONFLICT");

    await plugin.upload("1.1.1", "echo");
    await plugin.call("PUT", "/update-policy", { policy: "patch" });
    await applyUpdatePolicies(systemDeps(undefined, HELD));
    expect(await backupsOf(plugin)).toEqual([WRITTEN, WRITTEN, WRITTEN]);
    let now = Date.now();
    for (let step = 0; step < 8; step++) {
      now += 24 * 3_600_000;
      await judgeRunningUpgrades(systemDeps({ now: () => now }, HELD));
    }
    expect(await plugin.installed()).toBe("1.1.1");
    expect(await backupsOf(plugin)).toEqual([WRITTEN, WRITTEN, WRITTEN, WRITTEN]);
  });

  test("does not begin where the backup fails, and nothing is changed", async () => {
    vi.spyOn(console, "error").mockReturnValue();
    const plugin = await releasedPlugin("echo", CRITICAL);
    await plugin.upload("1.1.0", "echo");
    const put = (key: string, ...rest: [ArrayBuffer]) =>
      key.startsWith("backups/") ? Promise.reject(new Error("put: away (10001)")) : env.STORE.put(key, ...rest);
    const store = new Proxy(env.STORE, {
      get: (bucket, name) => {
        const member: unknown = Reflect.get(bucket, name, bucket);
        if (name === "put") return put;
        return typeof member === "function" ? (member.bind(bucket) as unknown) : member;
      },
    });
    const broken = { ...HELD, STORE: store };
    expectProblem(await plugin.call("PUT", "", { version: "1.1.0" }, broken), "BACKUP_FAILED");
    expectProblem(await plugin.call("POST", "/upgrade", { version: "1.1.0" }, broken), "BACKUP_FAILED");
    expect(await plugin.installed()).toBe("1.0.0");
    expectProblem(await plugin.call("GET", "/upgrade"), "UPGRADE_NOT_FOUND");
    vi.restoreAllMocks();
  });
});
