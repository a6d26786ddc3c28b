import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import { LIMITS } from "../../../sdk/contract/limits.ts";
import { PLANS } from "../../../sdk/contract/plans.ts";
import { installPlugin } from "../../../worker/control/installs/actions/install.ts";
import { moveInstall } from "../../../worker/control/installs/actions/move.ts";
import { updateInstall } from "../../../worker/control/installs/actions/update.ts";
import type { InstallInput } from "../../../worker/control/installs/schema.ts";
import {
  eventTypes,
  makeDeps,
  refusal,
  revisionOf,
  seedInstall,
  seedTenant,
  seedVersion,
  storedSnapshot,
} from "./fixtures.ts";

const ECHO: InstallInput = { pluginId: "acme.echo", activate: true };

describe("install", () => {
  test("installs, activates, records both moves in order and reaches execution", async () => {
    const actor = await seedTenant();
    const versionId = await seedVersion({ tenantId: actor.tenantId });
    const deps = makeDeps();
    const { install, created } = await installPlugin(deps, actor, ECHO);
    expect(created).toBe(true);
    expect(install).toEqual({
      hooks: {},
      fallback: null,
      id: expect.stringMatching(/^[0-9A-Z]{26}$/) as string,
      tenantId: actor.tenantId,
      pluginId: "acme.echo",
      ownerTenantId: actor.tenantId,
      versionId,
      version: "1.0.0",
      state: "active",
      configRevision: 0,
      configuration: { values: { default: {} }, secrets: {} },
      limits: {},
      reuse: "fresh",
      persistVariables: false,
      validate: "off",
      safeMode: null,
      generation: 0,
      installedBy: "olga",
      createdAt: deps.clock.now(),
      updatedAt: deps.clock.now(),
    });
    expect(await eventTypes(actor)).toEqual(["plugin.installed", "plugin.activated"]);
    const snapshot = await storedSnapshot(actor.tenantId);
    expect(snapshot?.revision).toBe(2);
    expect(snapshot?.installs["acme.echo"]).toMatchObject({ state: "active", version: "1.0.0" });
  });

  test("without activating", async () => {
    const actor = await seedTenant();
    await seedVersion({ tenantId: actor.tenantId });
    const { install } = await installPlugin(makeDeps(), actor, { ...ECHO, activate: false });
    expect(install.state).toBe("installed");
    expect(await eventTypes(actor)).toEqual(["plugin.installed"]);
    expect((await storedSnapshot(actor.tenantId))?.installs["acme.echo"]?.state).toBe("installed");
  });

  test("the same again is the same record, without events or another revision", async () => {
    const actor = await seedTenant();
    await seedVersion({ tenantId: actor.tenantId });
    const input = { ...ECHO, version: "1.0.0", config: { a: "1", b: "2" }, limits: { fuel: 10 } };
    const first = await installPlugin(makeDeps(), actor, input);
    const second = await installPlugin(makeDeps(), actor, { ...input, config: { b: "2", a: "1" } });
    expect(second).toEqual({ install: first.install, created: false });
    expect(await eventTypes(actor)).toEqual(["plugin.installed", "plugin.activated"]);
    expect(await revisionOf(actor.tenantId)).toBe(2);
  });

  test.each<[string, Partial<InstallInput>]>([
    ["version", { version: "2.0.0" }],
    ["config", { config: { a: "1" } }],
    ["limits", { limits: { fuel: 10 } }],
    ["reuse", { reuse: "warm" }],
    ["persistVariables", { persistVariables: true }],
    ["validate", { validate: "input" }],
  ])("with another %s is refused and points to PUT", async (difference, change) => {
    const actor = await seedInstall();
    await seedVersion({ tenantId: actor.tenantId, version: "2.0.0" });
    const error = await refusal(installPlugin(makeDeps(), actor, { ...ECHO, ...change }));
    expect(error.code).toBe("STATE_CONFLICT");
    expect(error.message).toBe(
      `Plugin "acme.echo" is installed in version 1.0.0, and the request differs in ${difference}; change an install with PUT /acme.echo.`,
    );
  });

  test("a repeated request makes up for a snapshot that was not written", async () => {
    const actor = await seedTenant();
    await seedVersion({ tenantId: actor.tenantId });
    const broken = new Proxy({} as R2Bucket, { get: () => () => Promise.reject(new Error("R2 is away")) });
    const error = await refusal(installPlugin({ ...makeDeps(), env: { ...env, STORE: broken } }, actor, ECHO));
    expect(error.code).toBe("SNAPSHOT_UNAVAILABLE");
    expect(await storedSnapshot(actor.tenantId)).toBeUndefined();
    expect(await installPlugin(makeDeps(), actor, ECHO)).toMatchObject({ created: false });
    expect((await storedSnapshot(actor.tenantId))?.installs["acme.echo"]?.state).toBe("active");
    expect(await eventTypes(actor)).toEqual(["plugin.installed", "plugin.activated"]);
  });

  test("ten at once make one install, one pair of events and one revision", async () => {
    const actor = await seedTenant();
    await seedVersion({ tenantId: actor.tenantId });
    const results = await Promise.all(Array.from({ length: 10 }, () => installPlugin(makeDeps(), actor, ECHO)));
    expect(results.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(results.map(({ install }) => install.id)).size).toBe(1);
    expect(await eventTypes(actor)).toEqual(["plugin.installed", "plugin.activated"]);
    expect(await revisionOf(actor.tenantId)).toBe(2);
  });

  test("after an uninstall is another install with an id of its own", async () => {
    const actor = await seedTenant();
    await seedVersion({ tenantId: actor.tenantId });
    await seedVersion({ tenantId: actor.tenantId, version: "1.1.0" });
    const first = await installPlugin(makeDeps(), actor, { ...ECHO, version: "1.0.0", config: { secret: "x" } });
    await moveInstall(makeDeps(), actor, "acme.echo", "uninstall");
    const second = await installPlugin(makeDeps(), actor, ECHO);
    expect(second.created).toBe(true);
    expect(second.install).toMatchObject({ version: "1.1.0", state: "active", configRevision: 0 });
    expect(second.install.id).not.toBe(first.install.id);
    expect(second.install.configuration).toEqual({ values: { default: {} }, secrets: {} });
    expect(await eventTypes(actor)).toEqual([
      "plugin.installed",
      "plugin.activated",
      "plugin.uninstalled",
      "plugin.installed",
      "plugin.activated",
    ]);
  });

  test("ten reinstalls at once write one pair of events", async () => {
    const actor = await seedInstall("uninstalled");
    const results = await Promise.all(Array.from({ length: 10 }, () => installPlugin(makeDeps(), actor, ECHO)));
    expect(results.filter(({ created }) => created)).toHaveLength(1);
    expect(await eventTypes(actor)).toHaveLength(4);
  });
});

describe("which version", () => {
  test.each<[string, string[], string]>([
    ["the highest, not the last text", ["1.9.0", "1.10.0", "1.2.0"], "1.10.0"],
    ["a release before a newer prerelease", ["1.0.0", "2.0.0-beta.1"], "1.0.0"],
    ["a prerelease where there is no release", ["2.0.0-alpha", "2.0.0-beta.1"], "2.0.0-beta.1"],
  ])("%s", async (_case, versions, expected) => {
    const actor = await seedTenant();
    for (const version of versions) await seedVersion({ tenantId: actor.tenantId, version });
    expect((await installPlugin(makeDeps(), actor, ECHO)).install.version).toBe(expected);
  });

  test("a built-in belongs to everybody", async () => {
    await seedVersion({ tenantId: PLATFORM_TENANT, pluginId: "built-in" });
    const actor = await seedTenant();
    const { install } = await installPlugin(makeDeps(), actor, { pluginId: "built-in", activate: true });
    expect(install.ownerTenantId).toBe(PLATFORM_TENANT);
    expect((await storedSnapshot(actor.tenantId))?.installs["built-in"]?.state).toBe("active");
  });

  test("one's own package comes before a built-in of the same id", async () => {
    await seedVersion({ tenantId: PLATFORM_TENANT, pluginId: "shadowed", version: "9.0.0" });
    const actor = await seedTenant();
    await seedVersion({ tenantId: actor.tenantId, pluginId: "shadowed", version: "1.0.0" });
    const { install } = await installPlugin(makeDeps(), actor, { pluginId: "shadowed", activate: true });
    expect(install).toMatchObject({ ownerTenantId: actor.tenantId, version: "1.0.0" });
  });

  test("another tenant's plugin does not exist", async () => {
    const owner = await seedInstall();
    const stranger = await seedTenant();
    const error = await refusal(installPlugin(makeDeps(), stranger, ECHO));
    expect([error.code, error.message]).toEqual(["PLUGIN_NOT_FOUND", 'There is no plugin "acme.echo".']);
    for (const move of ["activate", "deactivate", "uninstall"] as const) {
      expect((await refusal(moveInstall(makeDeps(), stranger, "acme.echo", move))).code).toBe("INSTALL_NOT_FOUND");
    }
    const update = updateInstall(makeDeps(), stranger, "acme.echo", { config: {} });
    expect((await refusal(update)).code).toBe("INSTALL_NOT_FOUND");
    expect(await eventTypes(owner)).toEqual(["plugin.installed", "plugin.activated"]);
  });

  test("a version that does not exist", async () => {
    const actor = await seedTenant();
    await seedVersion({ tenantId: actor.tenantId });
    const error = await refusal(installPlugin(makeDeps(), actor, { ...ECHO, version: "3.0.0" }));
    expect([error.code, error.message]).toEqual(["VERSION_NOT_FOUND", 'Plugin "acme.echo" has no version 3.0.0.']);
  });

  test.each([
    [
      { state: "quarantined" },
      "STATE_CONFLICT",
      'Version 1.0.0 of "acme.echo" is quarantined and cannot be installed.',
    ],
    [{ verdict: "refused" }, "SCAN_REFUSED", 'Version 1.0.0 of "acme.echo" was refused by the scan.'],
  ] as const)("%o cannot be installed", async (seed, code, message) => {
    const actor = await seedTenant();
    await seedVersion({ tenantId: actor.tenantId, ...seed });
    const named = await refusal(installPlugin(makeDeps(), actor, { ...ECHO, version: "1.0.0" }));
    expect([named.code, named.message]).toEqual([code, message]);
    const unnamed = await refusal(installPlugin(makeDeps(), actor, ECHO));
    expect([unnamed.code, unnamed.message]).toEqual([
      "STATE_CONFLICT",
      'No version of "acme.echo" can be installed: each was quarantined, withdrawn or refused by the scan.',
    ]);
    expect(await eventTypes(actor)).toEqual([]);
  });
});

describe("quota", () => {
  const quota = PLANS.free.installs;

  test("the plan's number of installs can be reached but not passed, also by requests at once", async () => {
    const actor = await seedTenant("free");
    const ids = Array.from({ length: quota + 5 }, (_, index) => `acme.plugin-${index}`);
    for (const pluginId of ids) await seedVersion({ tenantId: actor.tenantId, pluginId });
    const results = await Promise.allSettled(
      ids.map((pluginId) => installPlugin(makeDeps(), actor, { pluginId, activate: true })),
    );
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(quota);
    const left = `acme.plugin-${results.findIndex(({ status }) => status === "rejected")}`;
    const error = await refusal(installPlugin(makeDeps(), actor, { pluginId: left, activate: true }));
    expect(error.code).toBe("QUOTA_EXCEEDED");
    expect(error.message).toBe(
      `The plan Free allows ${quota} installs, and the tenant has ${quota}; uninstall one first.`,
    );
    expect(error.limit).toEqual({ name: "installs", used: quota, allowed: quota });
    expect(await revisionOf(actor.tenantId)).toBe(1 + quota);
  });

  test("a removed install makes room, and a reinstall needs it", async () => {
    const actor = await seedTenant("free");
    const ids = Array.from({ length: quota + 1 }, (_, index) => `acme.plugin-${index}`);
    for (const pluginId of ids) await seedVersion({ tenantId: actor.tenantId, pluginId });
    const deps = makeDeps();
    for (const pluginId of ids.slice(1)) await installPlugin(deps, actor, { pluginId, activate: false });
    await moveInstall(deps, actor, "acme.plugin-1", "uninstall");
    await installPlugin(deps, actor, { pluginId: "acme.plugin-0", activate: false });
    const error = await refusal(installPlugin(deps, actor, { pluginId: "acme.plugin-1", activate: false }));
    expect(error.code).toBe("QUOTA_EXCEEDED");
  });
});

describe("reuse", () => {
  test("is chosen on install and changed by an update, and execution sees both with the install's revision", async () => {
    const actor = await seedTenant();
    await seedVersion({ tenantId: actor.tenantId });
    const seen = async () => (await storedSnapshot(actor.tenantId))?.installs["acme.echo"]?.warm;
    const { install } = await installPlugin(makeDeps(), actor, { ...ECHO, reuse: "warm" });
    expect(install.reuse).toBe("warm");
    expect(await seen()).toEqual({ revision: install.updatedAt });
    const configured = await updateInstall(makeDeps(), actor, "acme.echo", { config: { a: "1" } });
    expect(configured.updatedAt).toBeGreaterThan(install.updatedAt);
    expect(await seen()).toEqual({ revision: configured.updatedAt });
    expect((await updateInstall(makeDeps(), actor, "acme.echo", { reuse: "fresh" })).reuse).toBe("fresh");
    expect(await seen()).toBeUndefined();
  });

  test("a plugin that is removed and installed again begins as fresh", async () => {
    const actor = await seedTenant();
    await seedVersion({ tenantId: actor.tenantId });
    await installPlugin(makeDeps(), actor, { ...ECHO, reuse: "warm" });
    await moveInstall(makeDeps(), actor, "acme.echo", "uninstall");
    expect((await installPlugin(makeDeps(), actor, ECHO)).install.reuse).toBe("fresh");
  });
});

describe("persistVariables", () => {
  test("is chosen on install and changed by an update, and execution sees it", async () => {
    const actor = await seedTenant();
    await seedVersion({ tenantId: actor.tenantId });
    const seen = async () => (await storedSnapshot(actor.tenantId))?.installs["acme.echo"]?.persistVariables;
    const { install } = await installPlugin(makeDeps(), actor, { ...ECHO, persistVariables: true });
    expect(install.persistVariables).toBe(true);
    expect(await seen()).toBe(true);
    const changed = await updateInstall(makeDeps(), actor, "acme.echo", { persistVariables: false });
    expect(changed.persistVariables).toBe(false);
    expect(await seen()).toBeUndefined();
  });
});

describe("validate", () => {
  const functions = { run: { input: { schema: { $ref: "#/$defs/Order" } } } };
  const types = { Order: { type: "object", required: ["id"] } };

  test("is chosen on install and changed by an update, and execution sees it with what the manifest says", async () => {
    const actor = await seedTenant();
    await seedVersion({ tenantId: actor.tenantId, manifest: { functions, types } });
    const seen = async () => (await storedSnapshot(actor.tenantId))?.installs["acme.echo"]?.validation;
    const { install } = await installPlugin(makeDeps(), actor, { ...ECHO, validate: "both" });
    expect(install.validate).toBe("both");
    expect(await seen()).toEqual({ mode: "both", functions, types });
    await updateInstall(makeDeps(), actor, "acme.echo", { validate: "input" });
    expect(await seen()).toEqual({ mode: "input", functions, types });
    const off = await updateInstall(makeDeps(), actor, "acme.echo", { validate: "off" });
    expect(off.validate).toBe("off");
    expect(await seen()).toBeUndefined();
  });

  test("of a version that says nothing is nothing", async () => {
    const actor = await seedTenant();
    await seedVersion({ tenantId: actor.tenantId });
    await installPlugin(makeDeps(), actor, { ...ECHO, validate: "both" });
    expect((await storedSnapshot(actor.tenantId))?.installs["acme.echo"]).not.toHaveProperty("validation");
  });
});

describe("limits", () => {
  test("only narrower ones", async () => {
    const actor = await seedTenant("free");
    await seedVersion({ tenantId: actor.tenantId, manifest: { limits: { fuel: 50e9 } } });
    const wide = { fuel: 20e9, output: LIMITS.output.default + 1, hostCalls: 1 };
    const error = await refusal(installPlugin(makeDeps(), actor, { ...ECHO, limits: wide }));
    expect(error.code).toBe("REQUEST_INVALID");
    expect(error.message).toBe("Limits of an install can only be narrower than the version's.");
    expect(error.issues).toEqual([
      { path: "/limits/fuel", message: "must be at most 10000000000, what version and plan give; found 20000000000" },
      { path: "/limits/output", message: "must be at most 1048576, what version and plan give; found 1048577" },
    ]);
    const { install } = await installPlugin(makeDeps(), actor, { ...ECHO, limits: { fuel: 10e9, hostCalls: 0 } });
    expect(install.limits).toEqual({ fuel: 10e9, hostCalls: 0 });
    const snapshot = await storedSnapshot(actor.tenantId);
    expect(snapshot?.installs["acme.echo"]?.limits).toMatchObject({ fuel: 10e9, hostCalls: 0 });
  });
});
