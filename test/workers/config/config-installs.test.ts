import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { putTemplate } from "../../../worker/control/config/actions/templates.ts";
import { installPlugin } from "../../../worker/control/installs/actions/install.ts";
import { moveInstall } from "../../../worker/control/installs/actions/move.ts";
import { expectProblem } from "../../support/workers/api.ts";
import { makeDeps, refusal, seedTenant, seedVersion } from "../control/fixtures.ts";
import { installedPlugin, SECRET, type Configured } from "./configured-plugin.ts";

/** Makes the install what it was before there were revisions. */
async function beforeRevisions(plugin: Configured, config: Readonly<Record<string, string>>): Promise<void> {
  await env.DB.batch([
    env.DB.prepare("DELETE FROM plugin_configurations WHERE tenant_id = ?").bind(plugin.tenantId),
    env.DB.prepare("UPDATE plugin_instances SET config_revision = 0, config = ? WHERE tenant_id = ?").bind(
      JSON.stringify(config),
      plugin.tenantId,
    ),
  ]);
}

test("an install from before there were revisions goes on, and gets its first with the next change", async () => {
  const plugin = await installedPlugin();
  await beforeRevisions(plugin, { greeting: "old" });
  await plugin.call("PUT", "", { body: { limits: { fuel: 1e8 } } });
  expect(await plugin.read("greeting")).toBe("old");
  const answer = await plugin.call("GET", "/config");
  expect(answer.headers.get("etag")).toBe('"0"');
  expect(answer.body).toMatchObject({ revision: 0, values: { greeting: "old" }, updatedAt: null, updatedBy: null });
  const patched = await plugin.call("PATCH", "/config", { body: { port: 80 }, headers: { "if-match": '"0"' } });
  expect(patched.body).toMatchObject({ revision: 1, values: { greeting: "old", port: 80 } });
  expect(await plugin.read("port")).toBe("80");
});

test("one whose old configuration does not fit cannot be activated with it", async () => {
  const plugin = await installedPlugin();
  await beforeRevisions(plugin, { greeting: "" });
  await plugin.call("POST", "/deactivate");
  expectProblem(await plugin.call("POST", "/activate"), "CONFIG_INVALID");
});

test("what is quarantined is evidence, and is not configured", async () => {
  const plugin = await installedPlugin();
  const operator = { tenantId: plugin.tenantId, subject: "olga", roles: ["operator"] } as const;
  await moveInstall(makeDeps(), operator, plugin.pluginId, "quarantine");
  expectProblem(await plugin.put({ greeting: "x" }), "STATE_CONFLICT");
  expectProblem(await plugin.call("POST", "/config/rollback", { body: { revision: 1 } }), "STATE_CONFLICT");
});

test("installing again with the same configuration changes nothing, also where it has secrets", async () => {
  const config = { greeting: "x", apiKey: SECRET };
  const plugin = await installedPlugin(config);
  expect((await plugin.install({ config })).status).toBe(200);
  const problem = expectProblem(
    await plugin.install({ config: { ...config, apiKey: `${SECRET}!` } }),
    "STATE_CONFLICT",
  );
  expect(problem).toMatchObject({ differences: ["config"] });
  expect(JSON.stringify(problem)).not.toContain(SECRET);
});

test("an install names a template, also before the plugin was ever installed; what it gives itself lies over it", async () => {
  const actor = await seedTenant();
  const config = { type: "object", properties: { greeting: { type: "string" }, size: { type: "integer" } } };
  await seedVersion({ tenantId: actor.tenantId, manifest: { config } });
  const deps = makeDeps();
  const values = { greeting: "from the template", size: 1 };
  await putTemplate(deps, actor, "acme.echo", "usual", { description: "", values });
  const wanted = { pluginId: "acme.echo", activate: true, template: "usual", config: { size: 2 } };
  const unknown = await refusal(installPlugin(deps, actor, { ...wanted, template: "gone" }));
  expect(unknown.code).toBe("CONFIG_TEMPLATE_NOT_FOUND");
  const { install } = await installPlugin(deps, actor, wanted);
  expect(install.configuration.values).toEqual({ default: { greeting: "from the template", size: 2 } });
  // The same again is no difference, something else is.
  expect((await installPlugin(deps, actor, wanted)).created).toBe(false);
  expect((await refusal(installPlugin(deps, actor, { ...wanted, config: {} }))).code).toBe("STATE_CONFLICT");
});
