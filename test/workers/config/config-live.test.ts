import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { freshKeys } from "./key-rings.ts";
import { createDeps, createResident, type Deps } from "../../../worker/deps.ts";
import { REPORT_MS } from "../../../worker/execution/breaker/book-rules.ts";
import { invoke } from "../../../worker/execution/invoke.ts";
import { snapshotKey, type Snapshot } from "../../../worker/execution/snapshot.ts";
import { STALE_MS } from "../../../worker/execution/snapshot-store.ts";
import { expectProblem } from "../../support/workers/api.ts";
import { counted } from "../../support/workers/probe.ts";
import { installedPlugin, SECRET, type Configured } from "./configured-plugin.ts";

/** A worker isolate elsewhere, with a memory of its own. */
function elsewhere(
  bindings: Partial<Env> = {},
  kept = createResident(),
): { deps: Deps; settle: () => Promise<void>; at: (time: number) => void } {
  let now = Date.now();
  const context = createExecutionContext();
  const deps = createDeps({ ...env, ...bindings }, context, { now: () => now }, kept);
  return { deps, settle: () => waitOnExecutionContext(context), at: (time) => void (now = time) };
}

async function readAt(deps: Deps, plugin: Configured, name: string): Promise<string> {
  const snapshot = (await deps.snapshots.read(plugin.tenantId)) as Snapshot; // the tenant exists
  const event = {
    pluginId: plugin.pluginId,
    functionName: undefined,
    input: new TextEncoder().encode(name),
    options: { logLevel: 2 },
    subject: "olga",
    roles: ["caller"] as const,
    traceId: "0".repeat(32),
  };
  const { outcome } = await invoke(deps, snapshot, event);
  return new TextDecoder().decode(outcome.output);
}

describe("a change under calls", () => {
  test("drops none: each call ends with one whole configuration or the other", async () => {
    const plugin = await installedPlugin({ greeting: "0", port: 1 });
    const reads: Promise<string | undefined>[] = [];
    for (let revision = 1; revision <= 5; revision++) {
      for (let call = 0; call < 6; call++) reads.push(plugin.read("$config"));
      const [answer] = await Promise.all([
        plugin.put({ greeting: String(revision), port: revision + 1 }),
        ...reads.slice(-6),
      ]);
      expect(answer.status).toBe(200);
    }
    const texts = await Promise.all(reads);
    expect(texts).toHaveLength(30);
    for (const text of texts) {
      const { greeting, port } = JSON.parse(text ?? "null") as { greeting: string; port: number };
      expect(port).toBe(Number(greeting) + 1);
    }
    expect(await plugin.read("greeting")).toBe("5");
  });

  test("a bad one among good ones never reaches a call", async () => {
    const plugin = await installedPlugin({ greeting: "good" });
    const writes = ["good", "", "good ", "x".repeat(9_000)].map((greeting) => plugin.put({ greeting }));
    const reads = Array.from({ length: 10 }, () => plugin.read("greeting"));
    await Promise.all(writes);
    for (const text of await Promise.all(reads)) expect(text).toMatch(/^good ?$/);
  });

  test("another location has it once its snapshot is older than the bound, and never a bad one", async () => {
    const plugin = await installedPlugin({ greeting: "before", apiKey: SECRET });
    const { deps, at, settle } = elsewhere();
    expect(await readAt(deps, plugin, "greeting")).toBe("before");
    await plugin.put({ greeting: "after", apiKey: "another-secret" });
    expectProblem(await plugin.put({ greeting: 1 }), "CONFIG_INVALID");
    expect(await readAt(deps, plugin, "greeting")).toBe("before");
    expect(await readAt(deps, plugin, "apiKey")).toBe(SECRET);
    at(deps.clock.now() + STALE_MS);
    expect(await readAt(deps, plugin, "greeting")).toBe("after");
    expect(await readAt(deps, plugin, "apiKey")).toBe("another-secret");
    await settle();
  });
});

describe("secrets at a call", () => {
  test("are opened once, without any store, and not at all where there are none", async () => {
    const plugin = await installedPlugin({ greeting: "x", apiKey: SECRET });
    expect(await plugin.read("apiKey")).toBe(SECRET);
    const [database, store, health] = [counted(env.DB), counted(env.STORE), counted(env.PLUGIN_HEALTH)];
    const bindings = { DB: database.binding, STORE: store.binding, PLUGIN_HEALTH: health.binding };
    const startedAt = Date.now();
    for (let call = 0; call < 10; call++) expect(await plugin.read("apiKey", bindings)).toBe(SECRET);
    expect(database.uses()).toEqual([]);
    // What the calls came to is reported behind their answers, at most once a second.
    const reports = health.uses().filter((use) => use === "get").length;
    expect(reports).toBeLessThanOrEqual(Math.ceil((Date.now() - startedAt) / REPORT_MS));
    expect(store.uses().filter((use) => use !== "put").length).toBeLessThanOrEqual(2);

    const plain = await installedPlugin();
    const { deps } = elsewhere({ CONFIG_KEYS: "not a ring" });
    expect(await readAt(deps, plain, "greeting")).toBe("hello");
    await expect(readAt(deps, plugin, "apiKey")).rejects.toMatchObject({ code: "NOT_READY" });
  });

  test("open with keys that are no longer current, and are sealed with the new one on the next write", async () => {
    const plugin = await installedPlugin({ greeting: "x", apiKey: SECRET });
    const rotated = { CONFIG_KEYS: freshKeys(env.CONFIG_KEYS, "k2") };
    const sealedWith = async (): Promise<unknown> => {
      const snapshot = await (await env.STORE.get(snapshotKey(plugin.tenantId)))?.json<Snapshot>();
      return snapshot?.installs[plugin.pluginId]?.secrets?.["/apiKey"]?.key;
    };
    const { deps } = elsewhere(rotated);
    expect(await readAt(deps, plugin, "apiKey")).toBe(SECRET);
    expect(await sealedWith()).toBe("k1");
    const before = (await plugin.call("GET", "/config")).body as { values: { apiKey: unknown } };
    const headers = { "if-match": "*" };
    const answer = await plugin.call("PATCH", "/config", { body: {}, headers }, rotated);
    expect(answer.body).toMatchObject({ revision: 2, values: { apiKey: before.values.apiKey } });
    expect(await sealedWith()).toBe("k2");
    expect(await readAt(elsewhere(rotated).deps, plugin, "apiKey")).toBe(SECRET);
    const without = elsewhere({});
    await expect(readAt(without.deps, plugin, "apiKey")).rejects.toMatchObject({ code: "CONFIG_KEY_UNKNOWN" });
  });

  test("do not open in another place", async () => {
    const [plugin, other] = [
      await installedPlugin({ greeting: "x", apiKey: SECRET }),
      await installedPlugin({ greeting: "x", apiKey: "some-other-secret" }),
    ];
    const [mine, theirs] = await Promise.all(
      [plugin, other].map(async ({ tenantId }) => (await env.STORE.get(snapshotKey(tenantId)))?.json<Snapshot>()),
    );
    const own = mine?.installs[plugin.pluginId];
    const foreign = theirs?.installs[other.pluginId]?.secrets?.["/apiKey"];
    if (!own || !foreign || !mine) throw new Error("the fixtures have secrets");
    const swapped = { ...mine, installs: { [plugin.pluginId]: { ...own, secrets: { "/apiKey": foreign } } } };
    const { deps } = elsewhere();
    const event = {
      pluginId: plugin.pluginId,
      functionName: undefined,
      input: new Uint8Array(),
      options: { logLevel: 2 },
      subject: "o",
      roles: [],
      traceId: "",
    };
    await expect(invoke(deps, swapped, event)).rejects.toMatchObject({ code: "CONFIG_UNREADABLE" });
  });
});
