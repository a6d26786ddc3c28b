import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { applyUpdatePolicies } from "../../../worker/control/upgrades/actions/watch.ts";
import { expectProblem } from "../../support/workers/api.ts";
import { releasedPlugin, systemDeps, type Released } from "./released-plugin.ts";

interface Listed {
  readonly version: string;
  readonly channel: string;
  readonly standing: readonly string[];
  readonly pinned: boolean;
  readonly asks: readonly string[];
  readonly needsConsent: boolean;
}

async function standings(plugin: Released): Promise<Record<string, Omit<Listed, "version">>> {
  const { body } = await plugin.call("GET", "/versions");
  return Object.fromEntries(
    (body as { items: Listed[] }).items.map(({ version, channel, standing, pinned, asks, needsConsent }) => [
      version,
      { channel, standing, pinned, asks, needsConsent },
    ]),
  );
}

const lines = (plugin: Released) =>
  standings(plugin).then((all) =>
    Object.fromEntries(Object.entries(all).map(([version, { standing }]) => [version, standing])),
  );

describe("versions side by side", () => {
  test("say which runs, which is tried, where a rollback leads, and what each asks for", async () => {
    const plugin = await releasedPlugin();
    for (const version of ["1.1.0", "1.2.0", "1.3.0-beta.1"]) await plugin.upload(version, "echo");
    await plugin.upload("2.0.0", "echo", { permissions: ["storage"] });
    await plugin.call("PUT", "", { version: "1.1.0" });
    await plugin.call("POST", "/upgrade", { version: "1.2.0" });
    expect(await standings(plugin)).toEqual({
      "2.0.0": { channel: "stable", standing: [], pinned: false, asks: ["storage"], needsConsent: true },
      "1.3.0-beta.1": { channel: "beta", standing: [], pinned: false, asks: [], needsConsent: false },
      "1.2.0": { channel: "stable", standing: ["candidate"], pinned: false, asks: [], needsConsent: false },
      "1.1.0": { channel: "stable", standing: ["current"], pinned: false, asks: [], needsConsent: false },
      "1.0.0": { channel: "stable", standing: ["previous", "kept"], pinned: false, asks: [], needsConsent: false },
    });
  });

  test("that were left are kept, ten of them, and a rollback leads to each", async () => {
    const plugin = await releasedPlugin();
    const versions = Array.from({ length: 12 }, (_unused, minor) => `1.${minor}.0`);
    for (const version of versions.slice(1)) {
      await plugin.upload(version, "echo");
      expect((await plugin.call("PUT", "", { version })).status).toBe(200);
    }
    const kept = Object.entries(await lines(plugin)).filter(([, standing]) => standing.includes("kept"));
    expect(kept.map(([version]) => version)).toEqual(versions.slice(1, 11).reverse());
    expectProblem(await plugin.call("POST", "/rollback", { version: "1.0.0" }), "STATE_CONFLICT");
    for (const version of ["1.6.0", "1.2.0", "1.10.0"]) {
      expect((await plugin.call("POST", "/rollback", { version })).body).toMatchObject({ version });
    }
  });
});

describe("a rollback", () => {
  test("brings configuration and grants back as they were, but for what an admin decided since", async () => {
    const permissions = ["storage", { capability: "http", hosts: ["a.example.com", "b.example.com"] }, "crypto"];
    const plugin = await releasedPlugin("echo", { permissions }, { name: "one" });
    const grants = { kv: {}, http: {}, crypto: {} };
    expect((await plugin.call("PUT", "/permissions", { grants })).status).toBe(200);
    await plugin.upload("1.1.0", "echo", { permissions: ["crypto", { capability: "http", hosts: ["a.example.com"] }] });
    await plugin.call("PUT", "", { version: "1.1.0" });
    const after = (await plugin.snapshot()).installs[plugin.pluginId]?.grants;
    expect(after).toMatchObject({ http: { hosts: ["a.example.com"] } });
    expect(after).not.toHaveProperty("storage");
    await plugin.call("POST", "/permissions/revoke", { capabilities: ["crypto"] });
    expect((await plugin.call("POST", "/rollback", { reason: "it was worse" })).body).toMatchObject({
      version: "1.0.0",
    });
    const back = (await plugin.snapshot()).installs[plugin.pluginId]?.grants;
    expect(back).toMatchObject({ storage: {}, http: { hosts: ["a.example.com", "b.example.com"] } });
    expect(back).not.toHaveProperty("crypto");
    expect((await plugin.snapshot()).installs[plugin.pluginId]?.config).toEqual({ name: "one" });
  });

  test("while an upgrade runs stops it", async () => {
    const plugin = await releasedPlugin();
    await plugin.upload("1.1.0", "echo");
    await plugin.call("POST", "/upgrade", {});
    expect((await plugin.call("POST", "/rollback", { reason: "panic" })).body).toMatchObject({ version: "1.0.0" });
    expect((await plugin.call("GET", "/upgrade")).body).toMatchObject({ state: "aborted", reason: "panic" });
    expectProblem(await plugin.call("POST", "/upgrade/promote"), "STATE_CONFLICT");
  });

  test("has nowhere to lead where the install had one version only", async () => {
    const plugin = await releasedPlugin();
    expectProblem(await plugin.call("POST", "/rollback", {}), "STATE_CONFLICT");
  });

  test("an uninstall ends the upgrade that runs", async () => {
    const plugin = await releasedPlugin();
    await plugin.upload("1.1.0", "echo");
    await plugin.call("POST", "/upgrade", {});
    await plugin.call("DELETE", "");
    expect((await plugin.snapshot()).canaries).toBeUndefined();
    const { results } = await env.DB.prepare("SELECT state, reason FROM plugin_upgrades WHERE tenant_id = ?")
      .bind(plugin.tenantId)
      .all();
    expect(results).toEqual([{ state: "aborted", reason: "The install was removed." }]);
  });
});

describe("a policy", () => {
  async function applied(plugin: Released, policy: object): Promise<string | undefined> {
    expect((await plugin.call("PUT", "/update-policy", policy)).status).toBe(200);
    await applyUpdatePolicies(systemDeps());
    const { body } = await plugin.call("GET", "/upgrade");
    return (body as { version?: string }).version;
  }

  test.each([
    [{ policy: "none" }, undefined],
    [{ policy: "patch" }, "1.0.2"],
    [{ policy: "minor" }, "1.4.0"],
    [{ policy: "minor", channel: "beta" }, "1.5.0-beta.2"],
    [{ policy: "minor", pinned: true }, undefined],
  ])("%o takes %s", async (policy, version) => {
    const plugin = await releasedPlugin();
    for (const each of ["1.0.2", "1.4.0", "1.5.0-beta.2", "1.6.0-rc.1", "2.0.0"]) await plugin.upload(each, "echo");
    expect(await applied(plugin, policy)).toBe(version);
    expect(await plugin.installed()).toBe("1.0.0");
    expect((await plugin.snapshot()).installs[plugin.pluginId]?.canary?.candidate.version).toBe(version);
  });

  test("does not take again what was taken back, and looks at an install once in ten minutes", async () => {
    const plugin = await releasedPlugin();
    await plugin.upload("1.0.1", "echo");
    expect(await applied(plugin, { policy: "patch" })).toBe("1.0.1");
    await plugin.call("POST", "/upgrade/abort", {});
    const later = systemDeps({ now: () => Date.now() + 11 * 60_000 });
    await applyUpdatePolicies(later);
    expect((await plugin.snapshot()).canaries).toBeUndefined();
    await plugin.upload("1.0.2", "echo");
    await applyUpdatePolicies(later);
    expect((await plugin.snapshot()).canaries).toBeUndefined();
    await applyUpdatePolicies(systemDeps({ now: () => Date.now() + 22 * 60_000 }));
    expect((await plugin.snapshot()).installs[plugin.pluginId]?.canary?.candidate.version).toBe("1.0.2");
  });

  test("that pins keeps the install in its version, whoever asks", async () => {
    const plugin = await releasedPlugin();
    await plugin.upload("1.1.0", "echo");
    await plugin.call("PUT", "/update-policy", { policy: "none", pinned: true });
    expect((await standings(plugin))["1.0.0"]).toMatchObject({ pinned: true });
    expectProblem(await plugin.call("POST", "/upgrade", {}), "STATE_CONFLICT");
    expectProblem(await plugin.call("PUT", "", { version: "1.1.0" }), "STATE_CONFLICT");
    expect((await plugin.call("PUT", "", { config: { a: 1 } })).status).toBe(200);
  });
});

describe("a bisection", () => {
  test("names the release that changed the answer, with a logarithmic number of replays", async () => {
    const plugin = await releasedPlugin();
    await plugin.run("alpha", "beta", "gamma");
    for (let minor = 1; minor <= 16; minor++)
      await plugin.upload(`1.${minor}.0`, minor < 11 ? "echo" : "release-wrong");
    const { body } = await plugin.call("POST", "/bisect", { good: "1.0.0", bad: "1.16.0" });
    expect(body).toMatchObject({ culprit: "1.11.0", previous: "1.10.0", recordedCalls: 3 });
    const { tried, replays, evidence } = body as { tried: unknown[]; replays: number; evidence: { verdict: string }[] };
    expect(tried.length).toBeLessThanOrEqual(1 + Math.ceil(Math.log2(16)));
    expect(replays).toBe(tried.length * 3);
    expect(evidence.map(({ verdict }) => verdict)).toEqual(["different", "different", "different"]);
  });

  test("says that nothing changed, that nothing is recorded, or that the versions are the wrong way round", async () => {
    const plugin = await releasedPlugin();
    await plugin.upload("1.1.0", "release-picky");
    expectProblem(await plugin.call("POST", "/bisect", { good: "1.0.0", bad: "1.1.0" }), "RECORDING_NOT_FOUND");
    await plugin.run("alpha");
    expect((await plugin.call("POST", "/bisect", { good: "1.0.0", bad: "1.1.0" })).body).toMatchObject({
      culprit: null,
      evidence: [],
    });
    expectProblem(await plugin.call("POST", "/bisect", { good: "1.1.0", bad: "1.0.0" }), "REQUEST_INVALID");
  });
});
