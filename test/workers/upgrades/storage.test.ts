import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { storageOf } from "../../../durable-objects/plugin-storage/client.ts";
import { forgetOutlivedStorage, STORAGE_KEPT_MS } from "../../../worker/control/upgrades/actions/watch.ts";
import { expectProblem } from "../../support/workers/api.ts";
import { releasedPlugin, systemDeps, type Released } from "./released-plugin.ts";

const QUOTA = 1_000_000;

async function ownerOf(plugin: Released) {
  const installId = (await plugin.snapshot()).installs[plugin.pluginId]?.installId ?? "";
  return { tenantId: plugin.tenantId, installId };
}

async function put(plugin: Released, key: string, text: string): Promise<void> {
  const write = { key, value: new TextEncoder().encode(text), expiresAt: null, ifRevision: undefined };
  await storageOf(env.PLUGIN_STORAGE, await ownerOf(plugin)).write("storage", [write], QUOTA, Date.now());
}

async function read(plugin: Released, key: string): Promise<string | undefined> {
  const entry = await storageOf(env.PLUGIN_STORAGE, await ownerOf(plugin)).get("storage", key, Date.now());
  return entry && new TextDecoder().decode(entry.value);
}

async function keptKeys(plugin: Released): Promise<string[]> {
  const { objects } = await env.STORE.list({ prefix: `storage-snapshots/${plugin.tenantId}/` });
  return objects.map(({ key }) => key);
}

/** Version 1.1.0 runs, and has written over what 1.0.0 had stored. */
async function upgraded(body: object = {}): Promise<Released> {
  const plugin = await releasedPlugin();
  await put(plugin, "shape", "old");
  await plugin.upload("1.1.0", "release-picky");
  const upgrade = { steps: [], force: "a test", ...body };
  expect((await plugin.call("POST", "/upgrade", upgrade)).body).toMatchObject({ state: "promoted" });
  await put(plugin, "shape", "new");
  await put(plugin, "more", "new");
  return plugin;
}

describe("what an install had stored before an upgrade", () => {
  test("comes back with a rollback that asks for it", async () => {
    const plugin = await upgraded();
    expect((await plugin.call("GET", "/upgrade")).body).toMatchObject({ storageKept: true });
    const answer = await plugin.call("POST", "/rollback", { restoreStorage: true });
    expect(answer.body).toMatchObject({ version: "1.0.0" });
    expect([await read(plugin, "shape"), await read(plugin, "more")]).toEqual(["old", undefined]);
  });

  test("stays away from one that does not", async () => {
    const plugin = await upgraded();
    await plugin.call("POST", "/rollback", {});
    expect([await read(plugin, "shape"), await read(plugin, "more")]).toEqual(["new", "new"]);
    // It can still be asked for.
    expect((await plugin.call("POST", "/rollback", { version: "1.0.0", restoreStorage: true })).status).toBe(200);
    expect(await read(plugin, "shape")).toBe("old");
    expect((await plugin.events()).filter((type) => type === "upgrade.rolled-back").length).toBe(2);
  });

  test("comes back where a canary is stopped", async () => {
    const plugin = await releasedPlugin();
    await put(plugin, "shape", "old");
    await plugin.upload("1.1.0", "release-picky");
    await plugin.call("POST", "/upgrade", {});
    await put(plugin, "shape", "new");
    expect((await plugin.call("POST", "/rollback", { restoreStorage: true })).body).toMatchObject({ version: "1.0.0" });
    expect(await read(plugin, "shape")).toBe("old");
    expect((await plugin.snapshot()).canaries).toBeUndefined();
  });

  test("is sealed, and what was tampered with changes nothing that is stored", async () => {
    const plugin = await upgraded();
    const [key = ""] = await keptKeys(plugin);
    const object = await env.STORE.get(key);
    const bytes = new Uint8Array((await object?.arrayBuffer()) ?? new ArrayBuffer());
    expect(new TextDecoder().decode(bytes)).not.toContain("shape");
    await env.STORE.put(key, bytes.with(90, (bytes[90] ?? 0) ^ 1), { customMetadata: object?.customMetadata ?? {} });
    expectProblem(await plugin.call("POST", "/rollback", { restoreStorage: true }), "BACKUP_UNREADABLE");
    expect([await read(plugin, "shape"), await read(plugin, "more")]).toEqual(["new", "new"]);
  });

  test("was not kept where nobody wanted it, and nothing moves then", async () => {
    const plugin = await upgraded({ keepStorage: false });
    expectProblem(await plugin.call("POST", "/rollback", { restoreStorage: true }), "STATE_CONFLICT");
    expect(await plugin.installed()).toBe("1.1.0");
    expect(await keptKeys(plugin)).toEqual([]);
  });

  test("is forgotten after 14 days, and when the install is removed", async () => {
    const [old, removed] = [await upgraded(), await upgraded()];
    expect((await keptKeys(old)).length).toBeGreaterThan(0);
    await removed.call("DELETE", "");
    await forgetOutlivedStorage(systemDeps());
    expect([(await keptKeys(old)).length > 0, await keptKeys(removed)]).toEqual([true, []]);
    await forgetOutlivedStorage(systemDeps({ now: () => Date.now() + STORAGE_KEPT_MS + 1_000 }));
    expect(await keptKeys(old)).toEqual([]);
    expect((await old.call("GET", "/upgrade")).body).toMatchObject({ storageKept: false });
  });

  test("is not kept of an upgrade that is refused", async () => {
    const plugin = await releasedPlugin();
    await plugin.run("a");
    await plugin.upload("1.1.0", "release-wrong");
    expectProblem(await plugin.call("POST", "/upgrade", {}), "UPGRADE_REFUSED");
    expect(await keptKeys(plugin)).toEqual([]);
  });
});
