import { beforeEach, describe, expect, test } from "vitest";
import type { HookOverrides } from "../../../sdk/contract/hooks.ts";
import type { Issue } from "../../../sdk/contract/errors.ts";
import { describeHooks } from "../../../worker/control/hooks/schema.ts";
import { installPlugin } from "../../../worker/control/installs/actions/install.ts";
import { moveInstall } from "../../../worker/control/installs/actions/move.ts";
import { updateInstall } from "../../../worker/control/installs/actions/update.ts";
import { listAudit } from "../../../worker/control/audit-log/store.ts";
import type { Actor } from "../../../worker/lib/actor.ts";
import { expectProblem } from "../../support/workers/api.ts";
import { db, eventTypes, makeDeps, refusal, seedTenant, seedVersion, storedSnapshot } from "../control/fixtures.ts";
import { fire, hookTenant } from "./hooked-tenant.ts";

/** What an operator sets for an install at a hook, instead of what the manifest says. */

const MANIFEST = {
  hooks: [
    { name: "orders:created", function: "run", criticality: "critical", fallback: { value: 1 } },
    { name: "orders:paid", function: "run" },
  ],
} as never; // parsed as a manifest by the seed

let actor: Actor;

beforeEach(async () => {
  actor = await seedTenant();
  const { tenantId } = actor;
  await seedVersion({ tenantId, pluginId: "acme.aa", manifest: MANIFEST });
  await seedVersion({ tenantId, pluginId: "acme.bb", manifest: MANIFEST, functions: ["run", "other"] });
  for (const pluginId of ["acme.aa", "acme.bb"]) await installPlugin(makeDeps(), actor, { pluginId, activate: true });
});

async function offered() {
  const snapshot = await storedSnapshot(actor.tenantId);
  const { items } = describeHooks(snapshot?.offers ?? {});
  return items.find(({ name }) => name === "orders:created")?.functions ?? [];
}

const set = (hooks: HookOverrides, pluginId = "acme.aa") => updateInstall(makeDeps(), actor, pluginId, { hooks });

test("what is set takes the manifest's place, in the order too, and says where it comes from", async () => {
  expect((await offered()).map(({ pluginId }) => pluginId)).toEqual(["acme.aa", "acme.bb"]);
  const hooks = { "orders:created": { class: "security", priority: 7, timeoutMs: 50 } } as const;
  expect((await set(hooks, "acme.bb")).hooks).toEqual(hooks);
  expect(await offered()).toEqual([
    {
      pluginId: "acme.bb",
      functionName: "run",
      class: "security",
      priority: 7,
      criticality: "critical",
      timeoutMs: 50,
      fallback: { value: 1 },
      disabled: false,
      from: {
        class: "install",
        priority: "install",
        timeoutMs: "install",
        criticality: "manifest",
        fallback: "manifest",
      },
    },
    expect.objectContaining({
      pluginId: "acme.aa",
      from: { class: "manifest", priority: "manifest", criticality: "manifest", fallback: "manifest" },
    }),
  ]);
  await set({}, "acme.bb");
  expect((await offered()).map(({ pluginId }) => pluginId)).toEqual(["acme.aa", "acme.bb"]);
});

test("a fallback can be taken away, and a function out of its hook", async () => {
  await set({ "orders:created": { fallback: null, criticality: "optional", disabled: true } });
  const [mine] = await offered();
  expect(mine).toMatchObject({ pluginId: "acme.aa", criticality: "optional", disabled: true });
  expect(mine).not.toHaveProperty("fallback");
  expect(mine?.from).toMatchObject({ fallback: "install", disabled: "install" });
});

test("a change is an event and a row of the audit log, and none where nothing changes", async () => {
  const hooks = { "orders:paid": { priority: 1, fallback: { value: "content" } } };
  await set(hooks);
  await set(hooks);
  expect((await eventTypes(actor, "acme.aa")).filter((type) => type === "plugin.updated")).toHaveLength(1);
  const rows = await listAudit(db, actor.tenantId, { resource: "install", resourceId: "acme.aa" }, { limit: 10 });
  expect(rows[0]).toMatchObject({ action: "install.update" });
  expect(JSON.stringify(rows[0])).toContain("orders:paid");
  expect(JSON.stringify(rows[0])).not.toContain("content");
});

test("a re-install begins with what the manifest says", async () => {
  await set({ "orders:created": { disabled: true } });
  await moveInstall(makeDeps(), actor, "acme.aa", "uninstall");
  const { install } = await installPlugin(makeDeps(), actor, { pluginId: "acme.aa", activate: true });
  expect(install.hooks).toEqual({});
});

describe("is refused where it", () => {
  async function issues(hooks: HookOverrides, pluginId = "acme.aa"): Promise<readonly Issue[]> {
    const error = await refusal(set(hooks, pluginId));
    expect(error.code).toBe("REQUEST_INVALID");
    return error.issues ?? [];
  }

  test("names a hook that the version does not attach to", async () => {
    expect(await issues({ "orders:lost": { priority: 1 } })).toEqual([
      {
        path: "/hooks/orders:lost",
        message: "is not a hook that this version attaches to; there are: orders:created, orders:paid",
      },
    ]);
  });

  test("names a plugin that is not installed, or a function it does not export", async () => {
    const fallbackPath = "/hooks/orders:created/fallback";
    expect(await issues({ "orders:created": { fallback: { plugin: "acme.gone" } } })).toEqual([
      { path: `${fallbackPath}/plugin`, message: 'must be an installed plugin; "acme.gone" is not' },
    ]);
    expect(await issues({ "orders:created": { fallback: { plugin: "acme.bb", function: "gone" } } })).toEqual([
      { path: `${fallbackPath}/function`, message: 'must be a function of "acme.bb"; it exports: run, other' },
    ]);
    expect(await issues({ "orders:created": { fallback: { plugin: "acme.bb" } } })).toMatchObject([
      { path: `${fallbackPath}/function` },
    ]);
  });

  test("closes a circle", async () => {
    await set({ "orders:created": { fallback: { plugin: "acme.aa" } } }, "acme.bb");
    expect(await issues({ "orders:created": { fallback: { plugin: "acme.bb", function: "run" } } })).toEqual([
      { path: "/hooks/orders:created/fallback/plugin", message: "closes a circle: acme.aa > acme.bb > acme.aa" },
    ]);
    expect(await issues({ "orders:created": { fallback: { plugin: "acme.aa" } } })).toMatchObject([
      { message: "closes a circle: acme.aa > acme.aa" },
    ]);
    // At another hook there is none.
    await set({ "orders:paid": { fallback: { plugin: "acme.bb", function: "run" } } });
  });
});

test("a disabled function does not run, and demands nothing", async () => {
  await hookTenant("hook-disabled", "orders:created", [
    { pluginId: "one" },
    { pluginId: "two", runs: "broken", offer: { disabled: true, criticality: "critical", roles: ["admin"] } },
  ]);
  const answer = await fire("hook-disabled", "orders:created", { payload: [0] });
  expect(answer.body).toMatchObject({ value: [0, "one"], steps: [{ pluginId: "one" }] });
});

test.each([
  ["a permission", { permission: "plugins:operate" }, 'The plugin "two" demands the permission "plugins:operate"'],
  ["a role", { roles: ["admin", "operator"] }, 'The plugin "two" demands one of the roles admin, operator'],
] as const)("a hook is run only by who has %s that a plugin demands", async (what, demand, detail) => {
  const tenant = `hook-access-${what.replaceAll(" ", "-")}`;
  await hookTenant(tenant, "orders:created", [{ pluginId: "one" }, { pluginId: "two", offer: demand }]);
  const refused = await fire(tenant, "orders:created", { payload: [0] });
  expectProblem(refused, "PERMISSION_DENIED", `${detail} of who runs orders:created.`);
  expect((await fire(tenant, "orders:created", { payload: [0] }, "operator")).body).toMatchObject({
    value: [0, "one", "two"],
  });
});
