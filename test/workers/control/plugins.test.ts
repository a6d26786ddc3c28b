import { describe, expect, test } from "vitest";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import { installPlugin } from "../../../worker/control/installs/actions/install.ts";
import { moveInstall } from "../../../worker/control/installs/actions/move.ts";
import { listPluginEvents, listVisiblePlugins, readPlugin } from "../../../worker/control/plugins/actions.ts";
import type { PluginFilter } from "../../../worker/control/plugins/schema.ts";
import type { Actor } from "../../../worker/lib/actor.ts";
import { db, makeDeps, refusal, seedTenant, seedVersion } from "./fixtures.ts";

const BUILT_IN = "zz-built-in";
await seedVersion({ tenantId: PLATFORM_TENANT, pluginId: BUILT_IN, manifest: { name: "Built in", category: "core" } });

/** A tenant with four plugins of its own: active, inactive, removed, and never installed. */
async function shelf(): Promise<Actor> {
  const actor = await seedTenant();
  const { tenantId } = actor;
  await seedVersion({ tenantId, pluginId: "acme.active", manifest: { type: "analyzer", category: "text" } });
  await seedVersion({ tenantId, pluginId: "acme.active", version: "1.10.0" });
  await seedVersion({ tenantId, pluginId: "acme.inactive", manifest: { name: "100%_LOUD Ümläut", category: "sound" } });
  await seedVersion({ tenantId, pluginId: "acme.removed", manifest: { description: "Says nothing." } });
  await seedVersion({ tenantId, pluginId: "acme.unused" });
  await installPlugin(makeDeps(), actor, { pluginId: "acme.active", version: "1.0.0", activate: true });
  await installPlugin(makeDeps(), actor, { pluginId: "acme.inactive", activate: true });
  await moveInstall(makeDeps(), actor, "acme.inactive", "deactivate");
  await installPlugin(makeDeps(), actor, { pluginId: "acme.removed", activate: true });
  await moveInstall(makeDeps(), actor, "acme.removed", "uninstall");
  return actor;
}

async function idsOf(actor: Actor, filter: PluginFilter): Promise<string[]> {
  const rows = await listVisiblePlugins({ db }, actor, filter, { limit: 50 });
  return rows.map(({ id }) => id.replace("acme.", ""));
}

describe("list", () => {
  test("shows own plugins and built-ins with their state, by id", async () => {
    const actor = await shelf();
    const rows = await listVisiblePlugins({ db }, actor, {}, { limit: 50 });
    expect(
      rows.map(({ id, ownerTenantId, state, installedVersion, latestVersion }) => [
        id,
        ownerTenantId,
        state,
        installedVersion,
        latestVersion,
      ]),
    ).toEqual([
      ["acme.active", actor.tenantId, "active", "1.0.0", "1.10.0"],
      ["acme.inactive", actor.tenantId, "inactive", "1.0.0", "1.0.0"],
      ["acme.removed", actor.tenantId, "uninstalled", null, "1.0.0"],
      ["acme.unused", actor.tenantId, "validated", null, "1.0.0"],
      [BUILT_IN, PLATFORM_TENANT, "validated", null, "1.0.0"],
    ]);
  });

  test.each<[string, PluginFilter, string[]]>([
    ["state active", { state: "active" }, ["active"]],
    ["state validated", { state: "validated" }, ["unused", BUILT_IN]],
    ["state uninstalled", { state: "uninstalled" }, ["removed"]],
    ["installed", { installed: true }, ["active", "inactive"]],
    ["not installed", { installed: false }, ["removed", "unused", BUILT_IN]],
    ["type", { type: "analyzer" }, ["active"]],
    ["category", { category: "sound" }, ["inactive"]],
    ["text in the id", { q: "UNUSED" }, ["unused"]],
    ["text in the name, wildcards taken literally", { q: "100%_loud" }, ["inactive"]],
    ["a lone wildcard", { q: "%" }, ["inactive"]],
    ["text in the description", { q: "says nothing" }, ["removed"]],
    ["text longer than a LIKE pattern may be", { q: "x".repeat(100) }, []],
    ["all together", { q: "acme", installed: true, category: "text", type: "analyzer", state: "active" }, ["active"]],
  ])("%s", async (_case, filter, expected) => {
    expect(await idsOf(await shelf(), filter)).toEqual(expected);
  });

  test("pages join without gap or overlap, and end", async () => {
    const actor = await shelf();
    const seen: string[] = [];
    let after: string | undefined;
    for (;;) {
      const rows = await listVisiblePlugins({ db }, actor, {}, { limit: 2, after });
      seen.push(...rows.slice(0, 2).map(({ id }) => id));
      if (rows.length <= 2) break;
      after = seen.at(-1);
    }
    expect(seen).toEqual(["acme.active", "acme.inactive", "acme.removed", "acme.unused", BUILT_IN]);
  });

  test("another tenant sees the built-ins and nothing else", async () => {
    await shelf();
    expect(await idsOf(await seedTenant(), {})).toEqual([BUILT_IN]);
  });

  test("one's own plugin takes the place of a built-in of the same id", async () => {
    const actor = await seedTenant();
    await seedVersion({ tenantId: actor.tenantId, pluginId: BUILT_IN, version: "7.0.0" });
    const rows = await listVisiblePlugins({ db }, actor, {}, { limit: 50 });
    expect(rows.map(({ ownerTenantId, latestVersion }) => [ownerTenantId, latestVersion])).toEqual([
      [actor.tenantId, "7.0.0"],
    ]);
  });
});

describe("detail", () => {
  test("of an installed plugin: the installed version's manifest, and all versions", async () => {
    const actor = await shelf();
    const detail = await readPlugin({ db }, actor, "acme.active");
    expect(detail).toMatchObject({
      id: "acme.active",
      state: "active",
      installedVersion: "1.0.0",
      latestVersion: "1.10.0",
      manifest: { id: "acme.active", version: "1.0.0" },
      install: { state: "active", version: "1.0.0", configKeys: [], installedBy: "olga" },
      events: { count: 2 },
    });
    expect(detail.versions.map(({ version }) => version)).toEqual(["1.10.0", "1.0.0"]);
  });

  test("of a plugin that is not installed: the latest manifest and no install", async () => {
    const actor = await shelf();
    const detail = await readPlugin({ db }, actor, "acme.removed");
    expect(detail).toMatchObject({ state: "uninstalled", installedVersion: null, install: null, events: { count: 3 } });
    expect(await readPlugin({ db }, actor, BUILT_IN)).toMatchObject({
      ownerTenantId: PLATFORM_TENANT,
      manifest: { name: "Built in" },
      install: null,
      events: { count: 0, lastAt: null },
    });
  });

  test("names of configuration are shown, values never", async () => {
    const actor = await seedTenant();
    await seedVersion({ tenantId: actor.tenantId });
    const config = { token: "hidden-value", a: "hidden-value" };
    await installPlugin(makeDeps(), actor, { pluginId: "acme.echo", activate: true, config });
    const detail = await readPlugin({ db }, actor, "acme.echo");
    expect(detail.install?.configKeys).toEqual(["a", "token"]);
    expect(JSON.stringify(detail)).not.toContain("hidden-value");
  });

  test.each(["acme.active", "acme.nowhere"])("%s does not exist for another tenant", async (pluginId) => {
    await shelf();
    const error = await refusal(readPlugin({ db }, await seedTenant(), pluginId));
    expect([error.code, error.message]).toEqual(["PLUGIN_NOT_FOUND", `There is no plugin "${pluginId}".`]);
  });
});

describe("events", () => {
  test("newest first, with who and what", async () => {
    const actor = await shelf();
    const events = await listPluginEvents({ db }, actor, "acme.inactive", {}, { limit: 20 });
    expect(events.map(({ type, subject, data }) => [type, subject, data["from"] ?? null, data["to"] ?? null])).toEqual([
      ["plugin.deactivated", "olga", "active", "inactive"],
      ["plugin.activated", "olga", null, null],
      ["plugin.installed", "olga", null, null],
    ]);
    expect(events[0]?.data).toMatchObject({ version: "1.0.0", installId: expect.stringMatching(/^[0-9A-Z]{26}$/) });
  });

  test("by type and by page", async () => {
    const actor = await shelf();
    const activations = await listPluginEvents(
      { db },
      actor,
      "acme.removed",
      { type: "plugin.activated" },
      { limit: 9 },
    );
    expect(activations.map(({ type }) => type)).toEqual(["plugin.activated"]);
    const first = await listPluginEvents({ db }, actor, "acme.removed", {}, { limit: 2 });
    expect(first.map(({ type }) => type)).toEqual(["plugin.uninstalled", "plugin.activated", "plugin.installed"]);
    const page = { limit: 2, before: first[1]?.sequence };
    const rest = await listPluginEvents({ db }, actor, "acme.removed", {}, page);
    expect(rest.map(({ type }) => type)).toEqual(["plugin.installed"]);
  });

  test("a built-in's events are each tenant's own", async () => {
    const [one, two] = [await seedTenant(), await seedTenant()];
    await installPlugin(makeDeps(), one, { pluginId: BUILT_IN, activate: true });
    expect(await listPluginEvents({ db }, one, BUILT_IN, {}, { limit: 9 })).toHaveLength(2);
    expect(await listPluginEvents({ db }, two, BUILT_IN, {}, { limit: 9 })).toEqual([]);
  });

  test("another tenant's plugin does not exist", async () => {
    await shelf();
    const error = await refusal(listPluginEvents({ db }, await seedTenant(), "acme.active", {}, { limit: 9 }));
    expect(error.code).toBe("PLUGIN_NOT_FOUND");
  });
});
